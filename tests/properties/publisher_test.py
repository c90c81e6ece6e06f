# SPDX-License-Identifier: MIT
"""publisher_test.py - Hypothesis looks for schedules that break what the publisher promises: limiters and batchers
of the C library against models of a few lines, in a time that the test makes; and pauses against their formulas."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import libevents
from cffi import FFI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
COUNTS = json.loads((ROOT / "tests/support/counts.json").read_text())["hypothesis_examples"]
EXAMPLES = COUNTS["long" if os.environ.get("EVS_LONG") else "short"]
# The same examples in each run: what fails, fails again. No time limit for one of them.
STEADY = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

ffi = FFI()
ffi.cdef("""
void *probe_limiter(int strategy, uint32_t requests, uint64_t window_us, uint64_t now_us);
int64_t probe_limiter_take(void *limiter, uint64_t now_us);
void probe_limiter_free(void *limiter);
uint64_t probe_pause(int strategy, uint64_t base_ms, uint64_t max_ms, double jitter, uint32_t roll, uint32_t retry);
void *probe_batcher_new(int strategy, uint32_t max_size, uint64_t max_bytes, uint32_t max_wait_ms,
                        uint32_t max_concurrent);
void probe_batcher_free(void *probe);
void probe_batcher_add(void *probe, uint32_t number, const char *topic, int32_t partition, const char *batch_key,
                       uint64_t bytes, uint64_t now_ms);
uint32_t probe_batcher_take(void *probe, uint32_t *out_numbers);
int64_t probe_batcher_tick(void *probe, uint64_t now_ms);
void probe_batcher_done(void *probe, uint32_t number);
void probe_batcher_again(void *probe, uint32_t number);
void probe_batcher_remove(void *probe, uint32_t number);
void probe_batcher_flush(void *probe);
""")
probe = ffi.dlopen(str(BUILD / "tests/libevs_probe.so"))

WINDOW, BUCKET = 0, 1
SIZE, TIME, PARTITION = 0, 1, 2
FIXED, EXPONENTIAL, FIBONACCI = 0, 1, 2

# ---- rate limits ------------------------------------------------------------------------------------------

limits = st.tuples(st.integers(1, 12), st.integers(1, 3000))
# Between two requests: any time, or just as long as the limiter said, or a moment less.
pauses = st.lists(st.one_of(st.integers(0, 4000), st.sampled_from(["as told", "a moment less"])), max_size=80)


def play(strategy: int, limit: tuple[int, int], schedule: list) -> list[tuple[int, bool]]:
    """What passed, by time."""
    limiter, now, told, played = probe.probe_limiter(strategy, *limit, 0), 0, 0, []
    for pause in schedule:
        before = told
        now += pause if isinstance(pause, int) else max(0, told - (pause == "a moment less"))
        told = probe.probe_limiter_take(limiter, now)
        assert before == 0 or isinstance(pause, int) or (told == 0) == (pause == "as told"), "it did not tell the time"
        played.append((now, told == 0))
    probe.probe_limiter_free(limiter)
    return played


@STEADY
@given(limits, pauses)
def test_a_sliding_window_passes_exactly_what_fits_into_every_window(limit, schedule):
    requests, window = limit
    passed: list[int] = []
    for now, is_passed in play(WINDOW, limit, schedule):
        assert is_passed == (sum(now - then < window for then in passed) < requests)
        passed += [now] * is_passed


@STEADY
@given(limits, pauses)
def test_a_token_bucket_passes_exactly_its_burst_and_its_rate(limit, schedule):
    requests, window = limit
    tokens, then = Fraction(requests), 0
    for now, is_passed in play(BUCKET, limit, schedule):
        tokens = min(Fraction(requests), tokens + Fraction((now - then) * requests, window))
        then = now
        assert is_passed == (tokens >= 1)
        tokens -= is_passed


# ---- pauses between attempts --------------------------------------------------------------------------------


def formula(strategy: int, base: int, longest: int, retry: int) -> int:
    """base; base·2^(n-1); base·Fib(n)."""
    factor = 1
    if strategy == EXPONENTIAL:
        factor = 2 ** (retry - 1)
    elif strategy == FIBONACCI:
        before, factor = 0, 1
        for _ in range(retry - 1):
            before, factor = factor, before + factor
    return min(longest, base * factor)


retries = st.tuples(
    st.sampled_from([FIXED, EXPONENTIAL, FIBONACCI]), st.integers(0, 10**6), st.integers(0, 10**9), st.integers(1, 300)
)


@STEADY
@given(retries)
def test_pauses_follow_their_formula(given_retry):
    strategy, base, longest, retry = given_retry
    expected = formula(strategy, base, longest, retry)
    assert probe.probe_pause(strategy, base, longest, 0, 0, retry) == expected
    word = {FIXED: "fixed", EXPONENTIAL: "exponential", FIBONACCI: "fibonacci"}[strategy]
    assert libevents.retry_delay(word, base, longest, retry) == expected


@STEADY
@given(retries, st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_jitter_spreads_a_pause_in_its_bounds_and_never_past_the_longest(given_retry, jitter, roll):
    strategy, base, longest, retry = given_retry
    plain = formula(strategy, base, longest, retry)
    waited = probe.probe_pause(strategy, base, longest, jitter, roll, retry)
    assert plain * (1 - jitter) - 1 <= waited <= min(longest, plain * (1 + jitter) + 1)


# ---- batches ------------------------------------------------------------------------------------------------


class Batches(RuleBasedStateMachine):
    """Publishes, lets time pass, answers batches; what the batcher gives is held against what it was given."""

    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, int, str, int, int]] = []  # topic, partition, batch key, bytes, time
        self.waiting: set[int] = set()
        self.retried: set[int] = set()
        self.batches: list[tuple[int, ...]] = []  # without an answer
        self.stored: dict[tuple[str, int], list[int]] = defaultdict(list)
        self.now = 0
        self.batcher = None

    @precondition(lambda self: self.batcher is None)
    @rule(
        strategy=st.sampled_from([SIZE, TIME, PARTITION]), size=st.integers(1, 5), most=st.integers(100, 1000),
        wait=st.integers(0, 20), batches=st.integers(1, 4),
    )
    def begin(self, strategy, size, most, wait, batches):
        self.strategy, self.size, self.most, self.wait, self.limit = strategy, size, most, wait, batches
        self.batcher = probe.probe_batcher_new(strategy, size, most, wait, batches)

    @precondition(lambda self: self.batcher is not None and len(self.events) < 500)
    @rule(
        topic=st.sampled_from("ab"), partition=st.integers(-1, 1), key=st.sampled_from(["", "k"]),
        size=st.integers(1, 400),
    )
    def publish(self, topic, partition, key, size):
        number = len(self.events)
        self.events.append((topic, partition, key, size, self.now))
        self.waiting.add(number)
        probe.probe_batcher_add(self.batcher, number, topic.encode(), partition, key.encode(), size, self.now)

    @precondition(lambda self: self.batcher is not None)
    @rule(pause=st.integers(1, 15))
    def wait_a_little(self, pause):
        self.now += pause

    @precondition(lambda self: self.batcher is not None)
    @rule()
    def flush(self):
        probe.probe_batcher_flush(self.batcher)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data):
        number = data.draw(st.sampled_from(sorted(self.waiting)))
        probe.probe_batcher_remove(self.batcher, number)
        self.waiting.remove(number)

    @precondition(lambda self: self.batcher is not None)
    @rule(target=under_way)
    def send(self):
        numbers = ffi.new("uint32_t[512]")
        next_ms = probe.probe_batcher_tick(self.batcher, self.now)
        assert next_ms == -1 or next_ms > self.now
        batch = tuple(numbers[0 : probe.probe_batcher_take(self.batcher, numbers)])
        if batch:
            self.judge(batch)
            self.batches.append(batch)
            self.waiting -= set(batch)
        else:
            self.judge_rest()
        return batch

    def judge(self, batch):
        assert len({self.events[number][:3] for number in batch}) == 1  # one topic, partition and batch key
        assert len(batch) <= self.size
        assert len(batch) == 1 or sum(self.events[number][3] for number in batch) <= self.most
        assert list(batch) == sorted(batch) and set(batch) <= self.waiting
        place = self.place(batch[0])
        assert batch[0] == min(number for number in self.waiting if self.place(number) == place)
        assert place not in {self.place(each[0]) for each in self.batches}
        assert len(self.batches) < self.limit

    def judge_rest(self):
        """Nothing went: nothing has waited its time out, but behind a batch without an answer."""
        if len(self.batches) == self.limit:
            return
        busy = {self.place(each[0]) for each in self.batches}
        late = {n for n in self.waiting if self.now - self.events[n][4] >= self.wait and self.place(n) not in busy}
        assert not late

    def place(self, number):
        return self.events[number][:2]

    @rule(batch=consumes(under_way), failed=st.sets(st.integers(0, 4)), in_all=st.booleans())
    def answer(self, batch, failed, in_all):
        """A whole batch fails, or it is stored; in the latter case some events are refused for good."""
        if not batch:
            return
        self.batches.remove(batch)
        for index, number in enumerate(batch):
            if in_all:
                probe.probe_batcher_again(self.batcher, number)
                self.waiting.add(number)
                continue
            probe.probe_batcher_done(self.batcher, number)
            if index not in failed:
                self.stored[self.place(number)].append(number)

    @invariant()
    def the_order_of_each_place_is_kept(self):
        assert all(numbers == sorted(numbers) for numbers in self.stored.values())

    def teardown(self):
        if self.batcher is not None:
            probe.probe_batcher_free(self.batcher)


TestBatches = Batches.TestCase
TestBatches.settings = settings(STEADY, stateful_step_count=80)
