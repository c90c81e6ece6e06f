# SPDX-License-Identifier: MIT
"""checker.py - the one judge of all rows: what was published, what handlers did and what the store holds at the
end, held against what was promised. It knows no row and asks no library.

LOST        stored, and neither handled, nor dead, nor waiting in the store
PHANTOM     handled or dead, and never published; or published with another body; or refused and there all the same
DUP         handled to the end more than once, beyond what the row allows
CONCURRENT  two runs of one event at the same time, beyond what the row allows
ORDER       first runs of a key not in the order in which they were published
DEAD        dead letters other than those of the events that are to die, or one twice
COPIES      an event stored more than once, beyond what the row allows
LEFT        something waits in the store although everything was to be handled
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable

from .ledger import Published, Run

SHOWN = 5  # ids in a finding


@dataclasses.dataclass
class History:
    """All that is known at the end."""

    published: dict[str, Published]
    runs: list[Run]
    #: ids of the stream's events, as often as they are there
    stored: list[str] = dataclasses.field(default_factory=list)
    #: ids of the dead letters
    dead: list[str] = dataclasses.field(default_factory=list)
    #: ids that a group has pending or has still to read
    left: list[str] = dataclasses.field(default_factory=list)
    #: member -> when it was certainly dead
    deaths: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Promise:
    """What holds in a row. The strictest unless the row says otherwise."""

    repeats: int = 0
    overlaps: int = 0
    copies: int = 0
    order: str | None = None  # "key": first runs; "strict": and none begins before the one before it ended
    dying: frozenset[str] = frozenset()  # ids whose handlers fail until they are dead letters
    forgiven: frozenset[str] = frozenset()  # ids that the store itself lost, which is told
    is_drained: bool = True
    is_conserved: bool = True  # nobody but the library removes entries, so its own counters agree


@dataclasses.dataclass
class Verdict:
    """Counts for the report, and a sentence for each thing that is wrong."""

    published: int = 0
    stored: int = 0
    handled: int = 0
    lost: int = 0
    invented: int = 0
    repeats: int = 0
    overlaps: int = 0
    copies: int = 0
    disorder: int = 0
    dead: int = 0
    left: int = 0
    findings: list[str] = dataclasses.field(default_factory=list)

    def find(self, kind: str, ids: Iterable[str], allowed: int = 0) -> int:
        """Counts; more than allowed is a finding."""
        found = list(ids)
        if len(found) > allowed:
            more = "" if len(found) <= SHOWN else ", …"
            limit = f" (allowed: {allowed})" if allowed else ""
            self.findings.append(f"{kind} {len(found)}{limit}: {', '.join(found[:SHOWN])}{more}")
        return len(found)


def check(history: History, promise: Promise) -> Verdict:
    completed = collections.Counter(run.id for run in history.runs if run.is_completed)
    verdict = Verdict(
        published=len(history.published),
        stored=sum(event.is_stored for event in history.published.values()),
        handled=len(completed),
    )
    accounted = set(completed) | set(history.dead) | set(history.left)
    verdict.lost = verdict.find("LOST", lost(history, accounted | promise.forgiven))
    verdict.invented = verdict.find("PHANTOM", phantoms(history, accounted))
    verdict.repeats = verdict.find("DUP", repeated(completed), promise.repeats)
    verdict.overlaps = verdict.find("CONCURRENT", overlaps(history), promise.overlaps)
    verdict.copies = verdict.find("COPIES", repeated(collections.Counter(history.stored)), promise.copies)
    verdict.disorder = verdict.find("ORDER", disorder(history, promise.order)) if promise.order else 0
    verdict.find("DEAD", wrong_deaths(history, promise))
    verdict.dead = len(history.dead)
    verdict.left = verdict.find("LEFT", sorted(set(history.left))) if promise.is_drained else len(set(history.left))
    return verdict


def lost(history: History, accounted: set[str]) -> list[str]:
    return [event.id for event in history.published.values() if event.is_stored and event.id not in accounted]


def phantoms(history: History, accounted: set[str]) -> list[str]:
    published = history.published
    found = {id for id in accounted if id not in published or published[id].is_refused}
    found |= {run.id for run in history.runs if run.id in published and run.body != published[run.id].body}
    return sorted(found)


def repeated(counts: collections.Counter[str]) -> list[str]:
    """Each id once for each time beyond the first."""
    return [id for id, count in counts.items() for _ in range(count - 1)]


def overlaps(history: History) -> list[str]:
    """Ids of runs that began before an earlier run of the same event had ended, or its process was dead."""
    runs_of: dict[str, list[Run]] = collections.defaultdict(list)
    for run in history.runs:
        runs_of[run.id].append(run)
    found = []
    for id, runs in runs_of.items():
        until = float("-inf")
        for run in sorted(runs, key=lambda each: each.start) if len(runs) > 1 else ():
            if run.start < until:
                found.append(id)
            until = max(until, end_of(history, run))
    return found


def end_of(history: History, run: Run) -> float:
    return run.end if run.end is not None else history.deaths.get(run.member, float("inf"))


def disorder(history: History, order: str) -> list[str]:
    """Ids whose first run began before that of their predecessor of the same key. Where strict: before the end of that
    one's last run; a run that somebody else has begun anew meanwhile, since its process stood still, may end late."""
    first: dict[str, Run] = {}
    last: dict[str, Run] = {}
    for run in sorted(history.runs, key=lambda each: each.start):
        first.setdefault(run.id, run)
        last[run.id] = run
    by_key: dict[str, list[Published]] = collections.defaultdict(list)
    for event in history.published.values():
        if event.id in first:
            by_key[event.key].append(event)
    found = []
    for events in by_key.values():
        events.sort(key=lambda event: event.seq)
        for before, after in zip(events, events[1:]):
            limit = first[before.id].start if order == "key" else end_of(history, last[before.id])
            if first[after.id].start < limit:
                found.append(after.id)
    return found


def wrong_deaths(history: History, promise: Promise) -> list[str]:
    """Dead ones that were to live or that died twice, and stored ones that were to die and did not."""
    counts = collections.Counter(history.dead)
    found = [id for id, count in counts.items() if id not in promise.dying or count > 1]
    alive = {id for id in promise.dying if id in history.published and history.published[id].is_stored}
    return found + sorted(alive - set(counts) - promise.forgiven)
