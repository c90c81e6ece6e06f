# SPDX-License-Identifier: MIT
"""processes.py - publishers and consumers that are killed or frozen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from kit.members import LANGUAGES, Member
from kit.stage import SESSION_MS, Stage
from libevents.testing.faults import frozen

KILLS = 20


def blame_no_event(stage: Stage) -> None:
    """Nobody can tell a process that was killed, or that stood still, from one that an event ended. Where that happens
    more often than maxCrashes, an event may be with each of them."""
    stage.transport["maxCrashes"] = 1000


def kill_consumers_at_work(stage: Stage) -> None:
    """Again and again one of the consumers is killed while its handlers run, and another takes its place."""
    blame_no_event(stage)
    working = stage.consumers(delay=5)
    publisher = stage.publisher(100_000, batch=20, pause=20)
    for _ in range(KILLS):
        victim = stage.random.choice(working)
        stage.until(lambda: stage.store.pending_of(victim.name), f"{victim.name} holds events")
        kill_one(stage, working, victim, delay=5)
    stage.enough(publisher)
    no_attempt_is_counted(stage)


def kill_one(stage: Stage, working: list[Member], victim: Member, **more) -> None:
    """Kills one of them, and starts another in the same language."""
    working.remove(victim)
    victim.kill()
    held = len(stage.store.pending_of(victim.name))
    stage.promise.repeats += held
    stage.prove(f"SIGKILL of {victim.name}, {held} entries in its name")
    working += stage.consumers(victim.language, **more)


def no_attempt_is_counted(stage: Stage) -> None:
    """A crash is no failed attempt."""
    assert {run.attempt for run in stage.runs()} == {1}


def kill_after_the_handler(stage: Stage) -> None:
    """A consumer dies when its handler has ended and nobody knows it yet: exactly that event runs twice."""
    fatal = die_after_work(stage)
    assert stage.repeated() == dict.fromkeys(fatal, 1)
    stage.promise.repeats = len(fatal)


def kill_after_the_handler_with_a_table(stage: Stage) -> None:
    """The same, with handlers that keep a table of what they did: nothing is done twice."""
    fatal = die_after_work(stage, inbox=True)
    skipped = [run.id for run in stage.runs() if run.is_skipped]
    assert sorted(skipped) == sorted(fatal), "it came again, and the table had it"


def die_after_work(stage: Stage, **more) -> list[str]:
    """In each language a consumer alone, until it dies of an event; the next one takes over. Gives the events."""
    fatal = []
    for language in (*LANGUAGES, LANGUAGES[0]):
        [consumer] = stage.consumers(language, **more)
        if fatal:
            stage.until(lambda: stage.store.is_drained(), f"{consumer.name} takes over")
        if len(fatal) == len(LANGUAGES):
            break
        stage.publish(20)
        stage.until(stage.store.is_drained, "all that went before is acknowledged")
        last = stage.publish(1, do={0: {"die": "kill", "at": "end", "times": 1}})
        stage.until(lambda: not consumer.is_running, f"{consumer.name} dies")
        fatal += last.ledger.published
        stage.prove(f"{consumer.name} killed itself behind its handler (status {consumer.process.returncode})")
    no_attempt_is_counted(stage)
    return fatal


def kill_before_the_handler(stage: Stage) -> None:
    """A consumer dies when the server has given it events and no handler has begun: nothing runs twice."""
    stage.transport["blockTime"] = 10_000
    count = 0
    for language in LANGUAGES:
        [victim] = stage.consumers(language)
        stage.publish(1)
        stage.until(stage.store.is_drained, "there is a stream, and nothing in it to read")
        began = len(victim.ledger.read().runs)
        stage.until(lambda: int(stage.store.info("clients")["blocked_clients"]) > 0, "it waits for events")
        with frozen(victim.pid):
            stage.publish(20)
            count += 21
            stage.until(lambda: stage.store.pending_of(victim.name), "the server has given it events")
            held = len(stage.store.pending_of(victim.name))
            victim.kill()
        assert len(victim.ledger.read().runs) == began
        stage.prove(f"SIGKILL of {victim.name}, frozen since before {held} entries were given to it")
        [other] = stage.consumers("c")
        stage.until(lambda: stage.completed() == count and stage.store.is_drained(), "all is handled")
        other.stop()
    no_attempt_is_counted(stage)


def kill_publishers_at_work(stage: Stage) -> None:
    """Publishers are killed while events are under way: what was reported is there, nothing is there twice."""
    stage.consumers()
    for language in LANGUAGES:
        open_ends = 0
        while open_ends == 0:  # else it was killed just between two batches
            publisher = stage.publisher(50_000, language=language, batch=500)
            stage.until(lambda: len(publisher.ledger.read().published) > 2000, f"{publisher.name} publishes")
            stage.until(lambda: under_way(publisher), "events are under way")
            publisher.kill()
            open_ends = len(under_way(publisher))
        stage.prove(f"SIGKILL of {publisher.name} with {open_ends} events under way")


def under_way(publisher: Member) -> set[str]:
    """Events that were sent and whose outcome is in no ledger."""
    return {id for id, event in publisher.ledger.read().published.items() if len(event.outcomes) < event.sent}


def freeze_consumers(stage: Stage) -> Callable[[], None]:
    """A consumer stands still for longer than its session, others take over, and it wakes: what it says then is
    refused, and it goes on working."""
    blame_no_event(stage)
    working = stage.consumers(delay=30)
    publisher = stage.publisher(100_000, batch=10, pause=30)
    for victim in working:
        stage.until(lambda: any(run.end is None for run in victim.ledger.read().runs), f"{victim.name} is at work")
        with frozen(victim.pid):
            held = wait_for_takeover(stage, victim)
            stage.prove(f"SIGSTOP of {victim.name} until others had all {held} of its entries")
            stage.promise.repeats += held
            stage.promise.overlaps += held
            done = stage.completed(victim)
        stage.until(lambda: stage.completed(victim) > done + held, f"{victim.name} works again")
    stage.enough(publisher)

    def last_look() -> None:
        for victim in working:
            assert stage.told(victim, "consumer", "staleSettlements") > 0, f"{victim.name} was late unawares"

    return last_look


def wait_for_takeover(stage: Stage, victim: Member) -> int:
    """Until others have all that a frozen member held; gives how much that was. The server goes on giving it
    something while one of its reads waits there."""
    held = 0

    def has_nothing() -> bool:
        nonlocal held
        now = len(stage.store.pending_of(victim.name))
        held = max(held, now)
        return held > 0 and now == 0

    stage.until(has_nothing, "others take over")
    return held


def freeze_publishers(stage: Stage) -> None:
    """Publishers stand still for longer than their time limits: what was answered meanwhile is no timeout."""
    stage.consumers()
    limits = {"publisher": {"timeout": SESSION_MS}}
    for language in LANGUAGES:
        publisher = stage.publisher(100_000, language=language, batch=200, pause=10, config=limits)
        answered: set[str] = set()
        while not answered:  # else it was frozen just before the server answered
            stage.until(lambda: under_way(publisher), "events are under way")
            with frozen(publisher.pid):
                answered = under_way(publisher) & set(stage.store.events())
                if answered:
                    time.sleep(3 * SESSION_MS / 1000)  # how long it stands still
        stage.enough(publisher)
        outcomes = {id: publisher.ledger.read().published[id].outcomes for id in answered}
        late = [id for id in answered if outcomes[id] != ["stored"]]
        assert not late, f"{len(late)} of {len(answered)} events were answered in time and {publisher.name} says unknown"
        stage.prove(f"SIGSTOP of {publisher.name} for {3 * SESSION_MS} ms, {len(answered)} answers on their way to it")


# ---- the storm ------------------------------------------------------------------------------------------

STORM_EVENTS, STORM_KILLS, STORM_SECONDS = 200_000, 30, 2.0
POISON_EVERY = 1000


def storm(stage: Stage) -> None:
    """5 consumers and 3 publishers; every 2 s one of the eight is killed and replaced, for a minute."""
    stage.transport["idempotent"] = True  # a publisher that takes over sends again what nobody knows the outcome of
    consumers = stage.consumers("c", "python", "node", "c", "python", options={"prefetch": 200})
    each = -(-STORM_EVENTS // len(LANGUAGES))
    poison = {n: {"fail": -1} for n in range(POISON_EVERY // 2, each, POISON_EVERY)}
    publishers = [stage.publisher(each, language=language, do=poison, batch=100, pause=90, again=True)
                  for language in LANGUAGES]
    for kill in range(STORM_KILLS):
        due = time.monotonic() + STORM_SECONDS
        at = stage.random.randrange(len(consumers) + len(publishers))
        if at < len(publishers) and not publishers[at].has("done"):
            publishers[at] = replace_publisher(stage, publishers[at])
        else:
            kill_one(stage, consumers, stage.random.choice(consumers), options={"prefetch": 200})
        time.sleep(max(0.0, due - time.monotonic()))  # the pace of the storm
    stage.until(lambda: all(each.has("done") for each in publishers), "all is published", seconds=300)
    stage.until(stage.store.is_drained, "all is handled", seconds=300)


def replace_publisher(stage: Stage, victim: Member) -> Member:
    """Kills a publisher; another sends what was not yet reported as stored."""
    victim.kill()
    stage.prove(f"SIGKILL of {victim.name} with {len(under_way(victim))} events under way")
    known = {id for id, event in victim.ledger.read().published.items() if event.is_stored}
    old = Path(victim.job["publish"]["events"])
    rest = old.with_suffix(f".{victim.name}")
    rest.write_text("".join(line for line in old.open() if json.loads(line)["id"] not in known))
    return stage.start(victim.language, {"publish": {**victim.job["publish"], "events": str(rest)}})
