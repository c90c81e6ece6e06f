# SPDX-License-Identifier: MIT
"""handlers.py - handlers that are slow, hang, fail with whatever a language can throw, or end their process."""

from __future__ import annotations

import collections

from kit.ledger import Run
from kit.members import Member
from kit.stage import LIVE_SECONDS, SESSION_MS, Stage
from kit.store import DEAD

MAX_CRASHES = 3  # the default of maxCrashes
CRASHING = 3
RETRIES = 3


def slow_handlers(stage: Stage) -> None:
    """Handlers that take three times as long as a session: their member is alive, and keeps its events."""
    stage.consumers()
    slow = {n: {"sleep": 3 * SESSION_MS} for n in range(0, 120, 10)}
    stage.publish(120, do=slow)
    stage.until(lambda: stage.completed() == 120, "all are handled")
    took = max(run.end - run.start for run in stage.runs() if run.end is not None)
    stage.prove(f"the longest run took {took:.1f} s, at a session of {SESSION_MS / 1000:.0f} s")


def hanging_handlers(stage: Stage) -> None:
    """Handlers that never end: a failure at their time limit, and nobody else waits for them."""
    hanging = 2
    stage.consumers(options={"handlerTimeout": 500, "maxRetries": 1})
    stage.publish(300, do={n * 100: {"hang": -1} for n in range(hanging)})
    stage.until(lambda: stage.completed() == 300 - hanging, "the others are handled")
    stage.promise.overlaps += hanging  # the first run goes on while the second begins
    stage.until(lambda: sum(run.end is None for run in stage.runs()) == 2 * hanging, "each was tried twice")
    stage.prove(f"{2 * hanging} runs never ended")


def throwing_handlers(stage: Stage) -> None:
    """Handlers that throw whatever can be thrown: as many attempts as promised, not before their time, and the
    process lives."""
    _throw(stage, {"maxRetries": RETRIES, "baseDelay": 100, "maxDelay": 10_000, "jitter": 0, "backoffStrategy": "exponential"},
           [100, 200, 400])


def throwing_handlers_at_a_fixed_pace(stage: Stage) -> None:
    """The same with a fixed pause between attempts, which varies by a fifth."""
    _throw(stage, {"maxRetries": RETRIES, "baseDelay": 200, "jitter": 0.2, "backoffStrategy": "fixed"}, [160, 160, 160])


def throwing_handlers_in_fibonacci_steps(stage: Stage) -> None:
    """The same with pauses that grow like Fibonacci's numbers."""
    _throw(stage, {"maxRetries": RETRIES, "baseDelay": 150, "maxDelay": 10_000, "jitter": 0, "backoffStrategy": "fibonacci"},
           [150, 150, 300])


def _throw(stage: Stage, retry: dict, pauses_ms: list[int]) -> None:
    stage.transport["retry"] = retry
    members = stage.consumers()
    once = {n: {"throw": 1 + n % RETRIES} for n in range(0, 200, 5)}
    always = {n: {"throw": -1} for n in range(2, 200, 20)}
    publisher = stage.publish(200, do=once | always)
    stage.until(stage.store.is_drained, "all is handled")
    runs = stage.runs_of_each()
    for n in range(200):
        failures = once.get(n, {"throw": RETRIES + 1} if n in always else {"throw": 0})["throw"]
        check_attempts(runs[id_of(publisher, n)], failures, pauses_ms)
    assert all(member.is_running for member in members)
    failed = sum(not run.is_ok for run in stage.runs())
    stage.prove(f"{failed} handlers threw")


def check_attempts(runs: list[Run], failures: int, pauses_ms: list[int]) -> None:
    expected = min(failures, RETRIES) + 1
    assert [run.attempt for run in runs] == list(range(1, expected + 1)), f"{runs[0].id}: attempts {[run.attempt for run in runs]}"
    for before, after, pause in zip(runs, runs[1:], pauses_ms):
        waited = (after.start - (before.end or before.start)) * 1000
        assert waited > pause - 2, f"{after.id}: attempt {after.attempt} came after {waited:.0f} ms, not {pause}"


def crashing_handlers(stage: Stage) -> None:
    """Handlers that end their process each time: after a few times the event is a dead letter, and the events around
    it are handled."""
    poison = {40 + 40 * n: {"die": how, "times": 99} for n, how in enumerate(("segv", "abort", "kill"))}
    stage.consumers(delay=5)
    publisher = stage.publisher(200, batch=10, pause=50, do=poison)
    ids = frozenset(id_of(publisher, n) for n in poison)
    stage.promise.dying |= ids
    crashes = _keep_running(stage, CRASHING * (MAX_CRASHES + 1))
    stage.done(publisher)
    begun = collections.Counter(run.id for run in stage.runs() if run.id in ids)
    assert max(begun.values()) <= MAX_CRASHES + 1, f"begun: {begun}"
    stage.prove(f"{crashes} processes crashed, of {len(poison)} events")


def id_of(publisher: Member, n: int) -> str:
    """The n-th event of a publisher."""
    return f"e{publisher.name.rpartition('-')[2]}-{n}"


def _keep_running(stage: Stage, most: int) -> int:
    """Starts a new consumer for each that crashes, until all poison is in the dead letters; gives how many did."""
    crashed: set[Member] = set()

    def is_over() -> bool:
        for member in [each for each in stage.members if "consume" in each.job and each not in crashed]:
            if member.is_running:
                continue
            crashed.add(member)
            assert member.process.returncode < 0, f"{member.name} ended with {member.process.returncode}: {member.said()}"
            assert len(crashed) <= most, f"{len(crashed)} crashes"
            stage.promise.repeats += len(stage.store.pending_of(member.name))
            stage.consumer(member.language, delay=5)  # it may die of the poison before it says that it is ready
        return stage.store.is_drained() and stage.promise.dying <= set(stage.store.events(DEAD))

    stage.until(is_over, "the poison is in the dead letters", seconds=3 * LIVE_SECONDS)
    return len(crashed)
