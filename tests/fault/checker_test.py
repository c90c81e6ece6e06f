# SPDX-License-Identifier: MIT
"""checker_test.py - the checker sees each way in which a run can be wrong, and nothing in one that is right."""

from __future__ import annotations

import dataclasses

import pytest
from kit.checker import History, Promise, check
from kit.ledger import Ledger, Published, Run

EVENTS = 20
POISON = "e7"


def right() -> History:
    """20 events of two keys, one of them to die, handled in order by two members."""
    published = {f"e{n}": Published(f"e{n}", f"k{n % 2}", n // 2, f'{{"n":{n}}}', ["stored"], 1) for n in range(EVENTS)}
    runs = [Run(event.id, f"m{n % 2}", 1, event.body, n, n + 0.5, event.id != POISON)
            for n, event in enumerate(published.values())]
    return History(published, runs, stored=list(published), dead=[POISON], deaths={"m1": 100.0})


PROMISE = Promise(order="strict", dying=frozenset({POISON}))


def changed(history: History, id: str, **fields) -> History:
    """With other fields in the run of one event."""
    history.runs = [dataclasses.replace(run, **fields) if run.id == id else run for run in history.runs]
    return history


def never_ended(history: History, id: str) -> History:
    return changed(history, id, end=None, is_ok=False)


def with_run(history: History, id: str, **fields) -> History:
    """With one more run of an event, after all others."""
    run = next(run for run in history.runs if run.id == id)
    history.runs.append(dataclasses.replace(run, **{"start": 50.0, "end": 50.5, **fields}))
    return history


def without_run(history: History, id: str) -> History:
    history.runs = [run for run in history.runs if run.id != id]
    return history


def with_published(history: History, id: str, **fields) -> History:
    history.published[id] = dataclasses.replace(history.published[id], **fields)
    return history


def also(history: History, **lists) -> History:
    for name, ids in lists.items():
        setattr(history, name, getattr(history, name) + ids)
    return history


def without_published(history: History, id: str) -> History:
    del history.published[id]
    return history


WRONG = [
    ("LOST", "stored and never handled", lambda h: without_run(h, "e3")),
    ("LOST", "begun and not ended", lambda h: never_ended(h, "e3")),
    ("LOST", "found in a table of what was done, which is wrong", lambda h: changed(h, "e3", is_skipped=True)),
    ("PHANTOM", "handled and never published", lambda h: without_published(h, "e3")),
    ("PHANTOM", "dead and never published", lambda h: also(h, dead=["x"])),
    ("PHANTOM", "another body than the published one", lambda h: changed(h, "e3", body='{"n":4}')),
    ("PHANTOM", "refused and handled", lambda h: with_published(h, "e3", outcomes=["refused"])),
    ("DUP", "handled twice", lambda h: with_run(h, "e3")),
    ("CONCURRENT", "two at a time", lambda h: with_run(h, "e3", start=3.2, end=3.4, is_ok=False)),
    ("CONCURRENT", "while the first never ended", lambda h: with_run(never_ended(h, "e4"), "e4", is_ok=True)),
    ("CONCURRENT", "before the process of the first was dead", lambda h: with_run(never_ended(h, "e3"), "e3", is_ok=True)),
    ("COPIES", "stored twice", lambda h: also(h, stored=["e3"])),
    ("ORDER", "begun before its predecessor", lambda h: changed(h, "e6", start=3.0, end=3.5)),
    ("ORDER", "begun before its predecessor had ended", lambda h: changed(h, "e4", end=6.2)),
    ("ORDER", "begun before a repeat of its predecessor", lambda h: with_run(h, "e4", start=7.0, end=7.5)),
    ("DEAD", "dead though its handler would not fail", lambda h: also(without_run(h, "e3"), dead=["e3"])),
    ("DEAD", "dead twice", lambda h: also(h, dead=[POISON])),
    ("DEAD", "to die and handled instead", lambda h: changed(dataclasses.replace(h, dead=[]), POISON, is_ok=True)),
    ("LEFT", "waits for ever", lambda h: also(h, left=["e3"])),
]


def test_a_run_in_which_everything_is_right_has_no_findings():
    verdict = check(right(), PROMISE)
    assert verdict.findings == []
    assert (verdict.published, verdict.stored, verdict.handled, verdict.dead) == (EVENTS, EVENTS, EVENTS - 1, 1)


@pytest.mark.parametrize("kind,about,breaks", WRONG, ids=[f"{kind}: {about}" for kind, about, _ in WRONG])
def test_what_is_wrong_is_found(kind, about, breaks):
    findings = check(breaks(right()), PROMISE).findings
    assert kind in {finding.split()[0] for finding in findings}, findings


ALLOWED = [
    ("a repeat", lambda h: with_run(h, "e3"), {"repeats": 1, "order": "key"}),
    ("an overlap", lambda h: with_run(h, "e3", start=3.2, end=3.4, is_ok=False), {"overlaps": 1}),
    ("a copy", lambda h: also(h, stored=["e3"]), {"copies": 1}),
    ("what the store lost", lambda h: without_run(h, "e3"), {"forgiven": frozenset({"e3"})}),
    ("what still waits", lambda h: also(without_run(h, "e3"), left=["e3"]), {"is_drained": False}),
    ("a later run in disorder", lambda h: changed(h, "e6", start=3.0, end=3.5), {"order": None}),
    ("an end of a predecessor after the next one's start", lambda h: changed(h, "e4", end=6.2), {"order": "key"}),
    ("a late end of a run that was begun anew",
     lambda h: with_run(changed(h, "e4", end=9.0), "e4", start=5.0, end=5.4), {"repeats": 1, "overlaps": 1}),
    ("a repeat that the handler itself noticed", lambda h: with_run(h, "e3", is_skipped=True), {"order": "key"}),
    ("what was of unknown outcome and is nowhere",
     lambda h: with_published(without_run(h, "e3"), "e3", outcomes=["unknown"]), {}),
    ("what was sent and never reported", lambda h: with_published(without_run(h, "e3"), "e3", outcomes=[]), {}),
    ("what was refused once, and then of unknown outcome",
     lambda h: with_published(h, "e3", outcomes=["refused", "unknown"], sent=2), {}),
    ("a run that its process did not survive",
     lambda h: with_run(never_ended(h, "e3"), "e3", is_ok=True, start=101.0, end=102.0), {"order": None}),
]


@pytest.mark.parametrize("about,breaks,more", ALLOWED, ids=[about for about, *_ in ALLOWED])
def test_what_a_row_allows_is_counted_and_not_found(about, breaks, more):
    assert check(breaks(right()), dataclasses.replace(PROMISE, **more)).findings == []


@pytest.mark.parametrize("about,breaks,more", ALLOWED[:5], ids=[about for about, *_ in ALLOWED[:5]])
def test_without_the_allowance_it_is_found(about, breaks, more):
    assert check(breaks(right()), PROMISE).findings


def test_a_ledger_is_read_as_it_grows_and_a_torn_last_line_waits(tmp_path):
    path = tmp_path / "c-1.ledger"
    ledger = Ledger(path, "c-1")
    assert ledger.read().runs == []
    start = '{"what":"start","run":1,"id":"e1","attempt":1,"body":"{}","t":1.5}\n'
    whole = start + '{"what":"end","run":1,"ok":true,"t":2.5}\n'
    path.write_text(whole[:-20])
    assert [run.is_completed for run in ledger.read().runs] == [False]
    path.write_text(whole)
    assert [run.is_completed for run in ledger.read().runs] == [True]
    assert ledger.completed == 1


def test_an_event_that_was_sent_again_has_all_of_its_outcomes(tmp_path):
    path = tmp_path / "c-1.ledger"
    sending = '{"what":"sending","id":"e1","key":"k","seq":0,"body":"{}","t":1}\n'
    path.write_text(sending + '{"what":"sent","id":"e1","outcome":"unknown","t":2}\n' + sending)
    event = Ledger(path, "c-1").read().published["e1"]
    assert (event.outcomes, event.sent, event.is_stored, event.is_refused) == (["unknown"], 2, False, False)
