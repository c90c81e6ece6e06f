# SPDX-License-Identifier: MIT
"""clock_test.py - the publisher as a whole, through the public interface, by a clock that the test moves: Hypothesis
looks for schedules that let too much through, keep an event too long, or mix what must not be mixed."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from libevents._encode import encode_event
from libevents._engine import Engine
from libevents.errors import Closed
from libevents.testing._notes import rehearsal_of

ROOT = Path(__file__).resolve().parents[2]
COUNTS = json.loads((ROOT / "tests/support/counts.json").read_text())["clock_examples"]
EXAMPLES = COUNTS["long" if os.environ.get("EVS_LONG") else "short"]
STEADY = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
A_DAY_MS = 86_400_000


class World:
    """A system whose clock the test holds, as any host would use it."""

    def __init__(self, publisher: dict, routing: dict | None = None) -> None:
        config = {"publisher": {"timeout": A_DAY_MS, **publisher}, "routing": routing or {}}
        self._engine = Engine(rehearsal_of(config))
        self._engine.call("connect", {})
        self._events = 0
        self.now = 0
        self.reports: dict[int, str] = {}

    def __enter__(self) -> World:
        return self

    def __exit__(self, *exception: object) -> None:
        self._engine.begin_close(0)
        try:
            while True:
                self._engine.poll(512, 1000)
        except Closed:
            pass
        self._engine.release()

    def publish(self, type: str, count: int, **options: object) -> None:
        events = [encode_event(type, self._events + index, **options) for index in range(count)]
        assert self._engine.publish(events, self._events + 1).accepted == count
        self._events += count

    def advance(self, ms: int) -> None:
        left = ms
        while True:
            answer = self._engine.call("testing.advance", {"ms": left})
            self._take_reports()
            self.now, left = answer["now"], answer["left"]
            if left == 0:
                return

    def _take_reports(self) -> None:
        _, reports = self._engine.poll(512, 0)
        while reports:
            for report in reports:
                if report.token:
                    self.reports.update(zip(report.tokens, (receipt.outcome for receipt in report.receipts())))
            _, reports = self._engine.poll(512, 0)

    def fail(self, outcome: str, times: int) -> None:
        self._engine.call("testing.fail", {"outcome": outcome, "times": times})

    def published(self) -> list[dict]:
        notes, start, more = [], 0, True
        while more:
            page = self._engine.call("testing.published", {"from": start})
            notes, start, more = notes + page["events"], page["next"], page["more"]
        return notes

    def stored(self) -> list[dict]:
        return [note for note in self.published() if note["outcome"] == "stored"]

    def play(self, schedule: list[tuple[int, int]]) -> list[int]:
        """Publishes as the schedule says, lets all of it come through, and gives when each was stored."""
        for count, pause in schedule:
            self.publish("order.placed", count)
            self.advance(pause)
        self.advance(A_DAY_MS // 2)
        times = [note["since"] for note in self.stored()]
        assert len(times) == sum(count for count, _ in schedule)
        return times


# Bursts of events, and how long nothing happens after each.
schedules = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1500)), max_size=12)


@STEADY
@given(st.integers(1, 8), st.integers(1, 2000), schedules)
def test_no_window_wherever_it_begins_has_more_than_its_limit(requests, window, schedule):
    with World({"rateLimiting": {"maxRequests": requests, "timeWindow": window}}) as world:
        times = world.play(schedule)
        for first, past in zip(times, times[requests:]):
            assert past - first >= window


@STEADY
@given(st.integers(1, 8), st.integers(1, 2000), schedules)
def test_never_more_than_a_burst_and_the_rate_pass(burst, window, schedule):
    limit = {"maxRequests": burst, "timeWindow": window, "strategy": "token-bucket"}
    with World({"rateLimiting": limit}) as world:
        times = world.play(schedule)
        for index, first in enumerate(times):
            for passed, time in enumerate(times[index:], 1):
                assert passed <= burst + burst * (time - first) / window


batchings = st.fixed_dictionaries({
    "strategy": st.sampled_from(["size", "time", "partition"]),
    "maxSize": st.integers(1, 6),
    "maxWaitMs": st.integers(1, 200),
    "maxConcurrentBatches": st.integers(1, 5),
})
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(["order.placed", "user.created"]), st.integers(0, 3)),
        st.tuples(st.just("advance"), st.integers(0, 150)),
        st.tuples(st.just("fail"), st.integers(1, 3)),
    ),
    max_size=25,
)


@STEADY
@given(batchings, steps)
def test_batches_keep_time_and_order_and_report_what_was_stored(batching, steps):
    retry = {"baseDelay": 20, "maxDelay": 20, "maxRetries": 1000}
    routes = [{"pattern": "*.*", "transports": ["main"], "partitions": 4}]
    with World({"batching": batching, "retry": retry}, {"routes": routes}) as world:
        accepted: list[int] = []
        fails = 0
        for step in steps:
            if step[0] == "publish":
                world.publish(step[1], 1, key=f"k{step[2]}")
                accepted.append(world.now)
            elif step[0] == "fail":
                world.fail("unreachable", step[1])
                fails += 1
            else:
                world.advance(step[1])
            stored = {note["event"]["body"] for note in world.stored()}
            assert {token - 1 for token, outcome in world.reports.items() if outcome == "stored"} <= stored
        world.advance(A_DAY_MS // 2)
        stored = world.stored()
        assert sorted(note["event"]["body"] for note in stored) == list(range(len(accepted)))
        assert world.reports == {number + 1: "stored" for number in range(len(accepted))}
        streams = defaultdict(list)
        for note in stored:
            streams[note["topic"], note["partition"]].append(note["event"]["body"])
            if not fails:
                assert note["since"] <= accepted[note["event"]["body"]] + batching["maxWaitMs"]
        assert all(numbers == sorted(numbers) for numbers in streams.values())
