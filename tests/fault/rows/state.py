# SPDX-License-Identifier: MIT
"""state.py - somebody else removes what the library keeps in the store: all of it, the stream, the group, consumers,
bodies of entries, scripts."""

from __future__ import annotations

import time

from libevents.testing.faults import frozen

from kit.members import Member
from kit.stage import Stage
from kit.store import DEAD, GROUP, STREAM, TOPIC

META = f"evs:meta:{{{TOPIC}}}:{GROUP}"

# How many entries the group was given behind its low-water mark; and then the group is no more.
DESTROY_GROUP = """
local count = #redis.call('XRANGE', KEYS[1], '(' .. (redis.call('HGET', KEYS[2], '@low') or '0'), '+')
redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
return count
"""


def _under_load(stage: Stage, delay: int = 5) -> Member:
    """Consumers at work, and the publisher that keeps them so."""
    stage.consumers(delay=delay)
    publisher = stage.publisher(100_000, batch=20, pause=20)
    stage.until(lambda: stage.completed() > 200, "events flow")
    return publisher


def _unfinished(stage: Stage) -> frozenset[str]:
    """All that somebody has begun to publish and no handler has ended well."""
    handled = {run.id for member in stage.members for run in member.ledger.read().runs if run.is_completed}
    return frozenset(stage.published()) - handled


def _goes_on(stage: Stage, publisher: Member) -> None:
    """Events that are published from now on are handled."""
    before = stage.completed()
    stage.until(lambda: stage.completed() > before + 500, "events flow again")
    stage.enough(publisher)


def _lose(stage: Stage, *command: str) -> None:
    """What is in the store is gone, and that is known; nothing that comes later may be."""
    stage.promise.is_conserved = False
    publisher = _under_load(stage)
    with frozen(publisher.pid):
        entries = stage.store.ask("XLEN", STREAM)
        stage.store.ask(*command)
        stage.promise.forgiven |= _unfinished(stage)
    stage.prove(f"{' '.join(command)} of {entries} entries")
    _goes_on(stage, publisher)


def flushall(stage: Stage) -> None:
    """FLUSHALL under load."""
    _lose(stage, "FLUSHALL")


def stream_deleted(stage: Stage) -> None:
    """The stream's key is deleted under load."""
    _lose(stage, "DEL", STREAM)


def group_destroyed(stage: Stage) -> None:
    """The group is destroyed under load, and made again at its low-water mark."""
    stage.promise.is_conserved = False
    publisher = _under_load(stage)
    behind = stage.store.ask("EVAL", DESTROY_GROUP, 2, STREAM, META, GROUP)
    stage.promise.repeats += behind
    stage.promise.overlaps += behind
    stage.prove(f"XGROUP DESTROY, {behind} entries behind the mark")
    _goes_on(stage, publisher)
    stage.until(lambda: stage.store.group(), "the group is there again")


def consumer_deleted(stage: Stage) -> None:
    """A living member's consumer is deleted, and with it the list of what it holds."""
    stage.promise.is_conserved = False
    stage.consumers(delay=5)
    retried = {n: {"fail": 1} for n in range(0, 3000, 7)}
    publisher = stage.publisher(3000, batch=20, pause=10, do=retried)
    for member in stage.members[:3]:
        stage.until(lambda: stage.store.pending_of(member.name), f"{member.name} holds events")
        name = next(name for name in stage.store.consumers() if name.startswith(f"{member.name}#"))
        lost = stage.store.ask("XGROUP", "DELCONSUMER", STREAM, GROUP, name)
        stage.prove(f"DELCONSUMER of {name}, {lost} entries in its name")
    stage.done(publisher)


def parked_deleted(stage: Stage) -> None:
    """The consumer is deleted in whose name events wait for their next attempt."""
    stage.promise.is_conserved = False
    stage.transport["retry"] = {"maxRetries": 3, "baseDelay": 3000, "maxDelay": 3000}
    stage.consumers()
    stage.publish(60, do={n: {"fail": 1} for n in range(60)})
    stage.until(lambda: stage.completed() == 0 and len(stage.store.pending()) == 60, "all wait for their next attempt")
    lost = stage.store.ask("XGROUP", "DELCONSUMER", STREAM, GROUP, "@retry")
    stage.prove(f"DELCONSUMER of @retry, {lost} entries in its name")


def trimmed_by_others(stage: Stage) -> None:
    """Another program trims the stream below what is pending: the bodies are gone, and each is accounted for."""
    stage.promise.is_conserved = False
    stage.transport["retry"] = {"maxRetries": 3, "baseDelay": 2000, "maxDelay": 2000}
    (holder,) = stage.consumers("c", delay=60_000)
    stage.publish(60)
    stage.until(lambda: len(stage.store.pending()) == 60, "all are held")
    stage.store.known |= {entry: id for entry, id in zip((entry for entry, _ in stage.store.entries()), stage.store.events())}
    holder.kill()
    stage.store.ask("XTRIM", STREAM, "MAXLEN", 0)
    stage.promise.dying |= frozenset(stage.store.known.values())
    stage.prove(f"XTRIM left {stage.store.ask('XLEN', STREAM)} of {len(stage.store.known)} pending entries")
    stage.consumers()
    stage.until(lambda: stage.store.ask("XLEN", DEAD) == 60, "each has a tombstone")
    stage.publish(100)


def scripts_flushed(stage: Stage) -> None:
    """The server forgets all scripts, again and again under load; nobody notices."""
    publisher = _under_load(stage)
    for _ in range(20):
        stage.store.ask("SCRIPT", "FLUSH")
        stage.store.ask("FUNCTION", "FLUSH")
        time.sleep(0.1)
    stage.prove(f"20 times SCRIPT FLUSH; scripts were loaded anew {_calls(stage, 'eval')} times")
    _goes_on(stage, publisher)


def _calls(stage: Stage, command: str) -> int:
    line = stage.store.info("commandstats").get(f"cmdstat_{command}", "calls=0,")
    return int(line.removeprefix("calls=").partition(",")[0])
