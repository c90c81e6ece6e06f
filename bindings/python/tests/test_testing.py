# SPDX-License-Identifier: MIT
"""libevents.testing: a clock in the test's hands, what went through, and what a test says of it."""

import asyncio

import libevents
import pytest
from conftest import ROOT, memory_config, run_script
from libevents import testing
from libevents.testing import MemoryHarness, SyncMemoryHarness

RETRY = {"consumer": {"retry": {"maxRetries": 3, "baseDelay": 1000, "maxDelay": 60_000}}}


async def _fails(times, harness, seen):
    def handler(message, metadata):
        seen.append((harness.now, metadata.attempt))
        if len(seen) <= times:
            raise RuntimeError("not yet")

    await harness.system.subscribe("order.*", handler)


@pytest.mark.asyncio
async def test_retries_come_at_their_exact_time_and_without_waiting():
    async with MemoryHarness(RETRY) as harness:
        seen = []
        await _fails(3, harness, seen)
        await harness.publish("order.placed", {"id": 7})
        assert seen == [(0, 1)]
        await harness.advance(0.999)
        assert seen == [(0, 1)]
        await harness.advance(0.001)
        assert seen == [(0, 1), (1, 2)]
        await harness.advance(3600)
        assert seen == [(0, 1), (1, 2), (3, 3), (7, 4)]
        assert [each.outcome for each in harness.handled()] == ["failed", "failed", "failed", "done"]
        assert harness.now == 3601


@pytest.mark.asyncio
async def test_the_same_schedule_runs_the_same_way_each_time():
    async def run():
        async with MemoryHarness({**RETRY, "publisher": {"batching": {"maxWaitMs": 25, "maxSize": 3}}}) as harness:
            await _fails(5, harness, [])
            for number in range(10):
                asyncio.ensure_future(harness.system.publish("order.placed", number))
                await harness.advance(0.007)
            await harness.advance(60)
            return [(each.body, each.attempt, each.outcome, each.at) for each in harness.handled()]

    first = await run()
    assert len(first) == 15
    assert await run() == first


@pytest.mark.asyncio
async def test_a_batch_waits_for_its_time():
    batching = {"publisher": {"batching": {"strategy": "time", "maxWaitMs": 200}}}
    async with MemoryHarness(batching) as harness:
        sent = asyncio.ensure_future(harness.system.publish("order.placed", 1))
        await harness.advance(0.199)
        assert not sent.done() and harness.published() == []
        await harness.advance(0.001)
        assert (await sent).outcome == "stored"
        assert [each.at for each in harness.published()] == [0.2]


@pytest.mark.asyncio
async def test_a_rate_limit_lets_pass_what_it_says():
    limit = {"publisher": {"rateLimiting": {"maxRequests": 2, "timeWindow": 1000}}}
    async with MemoryHarness(limit) as harness:
        waits = [asyncio.ensure_future(harness.system.publish("order.placed", each)) for each in range(6)]
        await harness.advance(10)
        await asyncio.gather(*waits)
        assert [each.at for each in harness.published()] == [0, 0, 1, 1, 2, 2]


@pytest.mark.asyncio
async def test_a_handler_that_hangs_fails_at_its_time_limit():
    async with MemoryHarness({"consumer": {"handlerTimeout": 30_000, **RETRY["consumer"]}}) as harness:
        ended = []

        async def hang(message, metadata):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(harness.now)

        await harness.system.subscribe("order.*", hang)
        await harness.publish("order.placed")
        await harness.advance(29.999)
        assert ended == []
        await harness.advance(0.001)
        assert ended == [30]
        await harness.advance(1)
        assert [each.error.__class__ for each in harness.handled()] == [TimeoutError]
        assert len(harness.system._turn.running()) == 1  # the second attempt


@pytest.mark.asyncio
async def test_handlers_sleep_by_the_clock():
    async with MemoryHarness() as harness:

        async def slow(message, metadata):
            await harness.sleep(5)

        await harness.system.subscribe("order.*", slow)
        await harness.publish("order.placed")
        await harness.advance(4.999)
        assert harness.handled() == []
        await harness.advance(60)
        assert [each.at for each in harness.handled("order.placed")] == [5]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("outcome", "raised", "handled"),
    [
        ("refused", libevents.TransportError, 0),
        ("unknown", libevents.TransportError, 0),
        ("lost", libevents.TransportError, 1),
    ],
)
async def test_a_publish_fails_as_the_test_asks(outcome, raised, handled):
    async with MemoryHarness() as harness:
        await harness.system.subscribe("order.*", lambda *event: None)
        harness.fail_publish("order.*", outcome=outcome)
        with pytest.raises(raised, match="as the test asked"):
            await harness.publish("order.placed", 1)
        await harness.publish("order.placed", 2)
        wanted = "unknown" if outcome == "lost" else outcome
        assert [each.outcome for each in harness.published()] == [wanted, "stored"]
        assert len(harness.handled()) == handled + 1


@pytest.mark.asyncio
@pytest.mark.parametrize("outcome", ["unreachable", "full"])
async def test_what_can_pass_is_tried_again_by_the_clock(outcome):
    retry = {"publisher": {"retry": {"baseDelay": 1000, "maxRetries": 3}}}
    async with MemoryHarness(retry) as harness:
        harness.fail_publish("order.*", outcome=outcome, times=2)
        sent = asyncio.ensure_future(harness.system.publish("order.placed", 1))
        await harness.advance(10)
        assert (await sent).attempts == 3
        assert [(each.outcome, each.at) for each in harness.published()] == [
            ("refused", 0),
            ("refused", 1),
            ("stored", 3),
        ]


@pytest.mark.asyncio
async def test_what_handlers_did_was_for_nothing_as_the_test_asks():
    async with MemoryHarness({"originPrefix": "eu", **RETRY}) as harness:
        seen = []
        await harness.system.subscribe("order.*", lambda m, d: seen.append((harness.now, d.attempt, d.deliveries)))
        harness.fail_handling("order.*")
        harness.fail_handling("order.placed", outcome="crashed", times=2)
        await harness.publish("order.placed")
        await harness.advance(60)
        assert [each[1:] for each in seen] == [(1, 1), (2, 2), (2, 3), (2, 4)]
        assert [each.outcome for each in harness.handled()] == ["failed", "later", "later", "done"]
        with pytest.raises(libevents.ValidationError):
            harness.fail_handling(outcome="sometimes")


def test_handlers_on_threads_crash_as_the_test_asks(sync_events):
    seen = []
    sync_events.system.subscribe("order.*", lambda message, metadata: seen.append(metadata.deliveries))
    sync_events.fail_handling(outcome="crashed")
    sync_events.publish("order.placed")
    sync_events.advance(0.001)
    assert seen == [1, 2]


@pytest.mark.asyncio
async def test_patterns_are_those_of_the_system():
    async with MemoryHarness({"originPrefix": "eu.de"}) as harness:
        harness.fail_publish("order.*")
        await harness.publish("user.created", 1)
        with pytest.raises(libevents.TransportError):
            await harness.publish("order.placed", 2)
        assert [each.type for each in harness.published("user.*")] == ["user.created"]
        assert [each.full_type for each in harness.published()] == ["eu.de.user.created", "eu.de.order.placed"]


@pytest.mark.asyncio
async def test_an_assertion_says_what_there_was():
    async with MemoryHarness() as harness:
        await harness.publish("order.placed", {"id": 7}, headers={"tenant": "a"})
        (event,) = harness.assert_published("order.*", {"id": 7}, times=1)
        assert event.headers == {"tenant": "a"}
        with pytest.raises(AssertionError) as raised:
            harness.assert_published("order.paid")
        assert str(raised.value) == (
            "expected at least one event to be published that match 'order.paid'; there are 0.\n"
            "Published were:\n  0 s: order.placed {'id': 7}, stored"
        )
        with pytest.raises(AssertionError, match="expected 2 events to be handled .*\nHandled were:\n  nothing"):
            harness.assert_handled("order.*", times=2)


@pytest.mark.asyncio
async def test_a_handler_that_counts_twice_is_found():
    async with MemoryHarness() as harness:
        paid, events = {}, []

        def pays(message, metadata):
            paid["sum"] = paid.get("sum", 0) + message.body["amount"]

        async def forwards(message, metadata):
            events.append(await harness.system.publish("invoice.sent", 1))

        with pytest.raises(AssertionError, match=r"changed \['sum'\] from 5 to 10"):
            await harness.assert_idempotent(pays, "order.placed", {"amount": 5}, snapshot=lambda: paid)
        with pytest.raises(AssertionError, match="published invoice.sent 1 as a new event"):
            await harness.assert_idempotent(forwards, "order.placed", {"amount": 5})


@pytest.mark.asyncio
async def test_a_handler_that_keeps_what_it_did_passes():
    async with MemoryHarness() as harness:
        paid = {}

        async def pays(message, metadata):
            paid.setdefault(message.id, message.body["amount"])
            await harness.system.publish("invoice.sent", 1, id=f"{message.id}/invoice")

        await harness.assert_idempotent(pays, "order.placed", {"amount": 5}, snapshot=lambda: paid)

        def breaks(message, metadata):
            raise ZeroDivisionError("its own error")

        with pytest.raises(ZeroDivisionError, match="its own error"):
            await harness.assert_idempotent(breaks, "order.placed")


@pytest.mark.asyncio
async def test_handlers_that_never_come_to_rest_are_told(monkeypatch):
    monkeypatch.setattr("libevents.testing._notes._HANDLED_AT_ONCE", 50)
    async with MemoryHarness() as harness:

        async def again(message, metadata):
            await harness.system.publish("order.placed")

        await harness.system.subscribe("order.*", again)
        with pytest.raises(RuntimeError, match="does one publish what it handles"):
            await harness.publish("order.placed")


def test_only_memory_goes_by_a_held_clock():
    redis = {"transports": {"main": {"type": "redis-streams", "url": "redis://localhost:1"}}}
    with pytest.raises(libevents.ConfigurationError, match="clock that a test holds") as refused:
        MemoryHarness(redis)
    assert [problem.path for problem in refused.value.problems] == ["/transports/main/type"]


@pytest.mark.asyncio
async def test_a_system_whose_clock_goes_is_not_moved():
    async with libevents.EventSystem(memory_config()) as system:
        with pytest.raises(libevents.Unsupported, match="testing.holdClock"):
            await system._ask("testing.advance", {"ms": 1}, None)
        with pytest.raises(libevents.Unsupported, match="testing.holdClock"):
            await system._ask("testing.published", {}, None)


@pytest.mark.asyncio
@pytest.mark.libevents(config={"service": "marked"})
async def test_the_fixture_is_made_as_marked(events):
    await events.publish("order.placed", 1)
    assert [each.header["origin"] for each in events.assert_published("order.*")] == ["marked"]


def test_the_fixture_serves_threads(sync_events):
    sync_events.system.subscribe("order.*", lambda *event: None)
    sync_events.publish("order.placed", 1)
    sync_events.assert_handled("order.*", 1, times=1)


def test_threads_retry_by_the_clock():
    with SyncMemoryHarness(RETRY) as harness:
        seen = []

        def handler(message, metadata):
            seen.append((harness.now, metadata.attempt))
            if len(seen) < 4:
                raise RuntimeError("not yet")

        harness.system.subscribe("order.*", handler)
        harness.publish("order.placed")
        harness.advance(3600)
        assert seen == [(0, 1), (1, 2), (3, 3), (7, 4)]


def test_threads_sleep_by_the_clock_and_are_judged():
    with SyncMemoryHarness() as harness:
        harness.system.subscribe("order.*", lambda *event: harness.sleep(5))
        harness.publish("order.placed")
        harness.advance(4.999)
        assert harness.handled() == []
        harness.advance(0.001)
        assert [each.at for each in harness.handled()] == [5]
        counted = []
        with pytest.raises(AssertionError, match="is not idempotent"):
            harness.assert_idempotent(lambda *event: counted.append(1), "user.created", snapshot=lambda: counted)


def test_what_is_exported_is_there():
    assert all(hasattr(testing, name) for name in testing.__all__)


def test_the_package_names_its_plugin_and_needs_no_pytest():
    assert '[project.entry-points.pytest11]\nlibevents = "libevents.testing.pytest_plugin"\n' in (
        ROOT / "pyproject.toml"
    ).read_text()
    source = "import sys, libevents.testing; sys.exit('pytest' in sys.modules)"
    assert run_script(source).returncode == 0
