# SPDX-License-Identifier: MIT
"""The asyncio face over the memory transport."""

import asyncio
import contextvars
import logging

import libevents
import pytest
from conftest import eventually, memory_config

pytestmark = pytest.mark.asyncio
FAST = {"baseDelay": 1, "maxDelay": 5, "jitter": 0}
request_id = contextvars.ContextVar("request_id", default=None)


async def test_a_published_event_reaches_its_handler(config):
    seen = []
    async with libevents.EventSystem(config) as system:

        @system.on("order.*", concurrency=8)
        async def handle(message, metadata):
            seen.append((message, metadata))

        receipt = await system.publish(
            "Order.Placed", {"id": 7, "name": "José"}, key="7", headers={"correlationId": "c", "traceparent": "00-1"}
        )
        await eventually(lambda: seen)
        await system.drain(timeout=5)
    message, metadata = seen[0]
    assert (receipt.outcome, receipt.transport, receipt.topic, receipt.partition) == (
        "stored",
        "main",
        "order-events",
        None,
    )
    assert message.id == receipt.id
    assert (message.type, message.body, message.origin, message.version) == (
        "order.placed",
        {"id": 7, "name": "José"},
        "shop",
        "1.0.0",
    )
    assert message.raw == '{"id":7,"name":"José"}'.encode()
    assert message.hash == libevents.body_hash(message.raw)
    assert message.origin_prefix is None and message.content_type == "application/json"
    assert message.headers["correlationId"] == metadata.correlation_id == "c"
    assert metadata.traceparent == "00-1" and metadata.causation_id is None
    assert (metadata.topic, metadata.group, metadata.pattern, metadata.attempt) == (
        "order-events",
        "shop",
        "order.*",
        1,
    )
    assert metadata.partition is None and metadata.requeue is None and metadata.deliveries == 1
    assert metadata.offset == receipt.offset and metadata.timestamp == message.timestamp
    assert "order.placed" in repr(message) and "order-events" in repr(metadata)


async def test_the_first_publish_goes_at_once_and_others_of_its_turn_together(config, monkeypatch):
    async with libevents.EventSystem(config) as system:
        crossings = []
        publish = system._engine.publish
        monkeypatch.setattr(
            system._engine, "publish", lambda events, token: crossings.append(len(events)) or publish(events, token)
        )
        receipts = await asyncio.gather(*(system.publish("a.b", number) for number in range(100)))
    assert crossings == [1, 99]
    assert len({receipt.id for receipt in receipts}) == 100


async def test_a_batch_gives_receipts_in_order_and_errors_one_by_one(config):
    async with libevents.EventSystem(config) as system:
        receipts = await system.publish_batch([("a.b", 1), ("not valid!", 2), {"type": "c.d", "body": 3}])
        assert await system.publish_batch([]) == []
    assert [receipt.outcome for receipt in receipts] == ["stored", "refused", "stored"]
    assert [receipt.topic for receipt in receipts if receipt.error is None] == ["a-events", "c-events"]
    assert isinstance(receipts[1].error, libevents.ValidationError)
    assert receipts[1].as_dict()["error"]["code"] == "EVS_VALIDATION"


async def test_a_refused_publish_raises_with_its_receipt(config):
    async with libevents.EventSystem(config) as system:
        with pytest.raises(libevents.ValidationError) as caught:
            await system.publish("not valid!", 1)
    assert caught.value.receipt.outcome == "refused"


async def test_options_of_an_event_arrive(config):
    seen = []
    async with libevents.EventSystem(config) as system:
        await system.subscribe("a.b", lambda message, metadata: seen.append(message))
        await system.publish(
            "a.b",
            b"\x00\xff",
            content_type="application/octet-stream",
            id="0198c5a0-0000-7000-8000-000000000001",
            timestamp="2026-01-31T12:00:00.123Z",
            version="2.1.0",
            transport="main",
            timeout=5,
        )
        await eventually(lambda: seen)
    message = seen[0]
    assert message.body == message.raw == b"\x00\xff"
    assert message.content_type == "application/octet-stream"
    assert message.id == "0198c5a0-0000-7000-8000-000000000001"
    assert (message.timestamp, message.version) == ("2026-01-31T12:00:00.123Z", "2.1.0")


async def test_every_kind_of_handler_runs(config):
    seen = []

    def plain(message, metadata):
        seen.append("plain")

    async def quick(message, metadata):
        seen.append("quick")

    async def slow(message, metadata):
        await asyncio.sleep(0.01)
        seen.append("slow")

    def future(message, metadata):
        return asyncio.ensure_future(slow(message, metadata))

    class Handler:
        async def __call__(self, message, metadata):
            seen.append("object")

    async with libevents.EventSystem(config) as system:
        for handler in (plain, quick, slow, future, Handler()):
            await system.subscribe("a.b", handler)
        await system.publish("a.b", 1)
        await eventually(lambda: len(seen) == 5)
        await system.drain(timeout=5)
        assert system.stats()["consumer"]["failedMessages"] == 0
    assert sorted(seen) == ["object", "plain", "quick", "slow", "slow"]


async def test_patterns_choose(config):
    seen = []
    async with libevents.EventSystem(config) as system:
        for pattern in ("user.created", "user.*", "*.created", "*"):
            await system.subscribe(pattern, lambda message, metadata: seen.append((metadata.pattern, message.type)))
        await system.publish_batch([("user.created", 1), ("user.left", 2), ("order.created", 3)])
        await eventually(lambda: len(seen) == 8)
        await system.drain(timeout=5)
    assert sorted(seen) == sorted(
        [("user.created", "user.created"), ("user.*", "user.created"), ("user.*", "user.left")]
        + [("*.created", "user.created"), ("*.created", "order.created")]
        + [("*", "user.created"), ("*", "user.left"), ("*", "order.created")]
    )


async def test_concurrency_bounds_the_handlers_that_run(config):
    running = most = handled = 0

    async def handle(message, metadata):
        nonlocal running, most, handled
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        handled += 1

    async with libevents.EventSystem(config) as system:
        await system.subscribe("a.b", handle, concurrency=3)
        await system.publish_batch([("a.b", number) for number in range(30)])
        await eventually(lambda: handled == 30)
    assert most == 3


async def test_a_failing_handler_is_tried_again_and_then_told_to_the_poison_handler(config):
    attempts, poisoned = [], []

    async def handle(message, metadata):
        attempts.append(metadata.attempt)
        raise LookupError("no such order")

    async def poison(message, error, metadata):
        await asyncio.sleep(0)
        poisoned.append((message.body, type(error), metadata.attempt))

    async with libevents.EventSystem(config, poison_message_handler=poison) as system:
        await system.subscribe("a.b", handle, max_retries=2, retry=FAST)
        await system.publish("a.b", {"id": 7})
        await eventually(lambda: poisoned)
        await system.drain(timeout=5)
        assert system.stats()["consumer"]["failedMessages"] >= 1
    assert attempts == [1, 2, 3]
    assert poisoned == [({"id": 7}, LookupError, 3)]


async def test_a_poison_handler_that_fails_is_logged(config, caplog):
    def poison(message, error, metadata):
        raise RuntimeError("poison of poison")

    async with libevents.EventSystem(config, poison_message_handler=poison) as system:
        await system.subscribe("a.b", lambda message, metadata: 1 / 0, max_retries=0)
        with caplog.at_level(logging.ERROR, "libevents"):
            await system.publish("a.b")
            await eventually(lambda: "poison message handler failed" in caplog.text)


async def test_reject_is_not_tried_again(config):
    attempts, poisoned = [], []

    async def handle(message, metadata):
        attempts.append(metadata.attempt)
        raise libevents.Reject("will never do")

    system = libevents.EventSystem(config, poison_message_handler=lambda m, e, d: poisoned.append(str(e)))
    async with system:
        await system.subscribe("a.b", handle, retry=FAST)
        await system.publish("a.b")
        await eventually(lambda: poisoned)
        await system.drain(timeout=5)
    assert attempts == [1] and poisoned == ["will never do"]


async def test_retry_later_is_not_a_failure(events):
    times = []

    async def handle(message, metadata):
        times.append((events.now, metadata.attempt))
        if len(times) < 3:
            raise libevents.RetryLater(600)

    await events.system.subscribe("a.b", handle)
    await events.publish("a.b")
    await events.advance(3600)
    assert times == [(0, 1), (600, 1), (1200, 1)]
    assert [each.outcome for each in events.handled()] == ["later", "later", "done"]
    assert events.system.stats()["consumer"]["failedMessages"] == 0
    await events.close()


async def test_a_handler_that_takes_too_long_is_cancelled_and_has_failed(config):
    steps, poisoned = [], []

    async def handle(message, metadata):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise

    system = libevents.EventSystem(config, poison_message_handler=lambda m, e, d: poisoned.append(e))
    async with system:
        await system.subscribe("a.b", handle, handler_timeout=30, max_retries=1, retry=FAST)
        await system.publish("a.b")
        await eventually(lambda: poisoned)
    assert steps == ["cancelled", "cancelled"]
    assert isinstance(poisoned[0], TimeoutError) and "30 ms" in str(poisoned[0])


async def test_a_late_result_of_a_timed_out_handler_does_not_count(config):
    attempts = []

    async def handle(message, metadata):
        attempts.append(metadata.attempt)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "too late"

    async with libevents.EventSystem(config) as system:
        await system.subscribe("a.b", handle, handler_timeout=20, max_retries=1, retry=FAST)
        await system.publish("a.b")
        await eventually(lambda: attempts == [1, 2])


async def test_unsubscribe_ends_deliveries(config):
    seen = []
    async with libevents.EventSystem(config) as system:
        subscription = await system.subscribe("a.b", lambda message, metadata: seen.append(message.body))
        await system.publish("a.b", 1)
        await eventually(lambda: seen == [1])
        await subscription.unsubscribe()
        await subscription.unsubscribe()
        await subscription.wait_ended()
        assert not subscription.is_active
        await system.publish("a.b", 2)
        await system.drain(timeout=5)
    assert seen == [1]


async def test_a_handler_may_unsubscribe_itself(config):
    seen = []
    async with libevents.EventSystem(config) as system:

        async def handle(message, metadata):
            seen.append(message.body)
            await subscription.unsubscribe()

        subscription = await system.subscribe("a.b", handle)
        await system.publish("a.b", 1)
        await eventually(lambda: seen)
        await subscription.wait_ended()


async def test_iteration_acknowledges_when_the_next_is_asked_for(config):
    async with libevents.EventSystem(config) as system:
        seen = []
        async with system.messages("a.*", concurrency=2) as stream:

            async def consume():
                async for message, metadata in stream:
                    seen.append(message.body)
                    if message.body == 9:
                        stream.acknowledge()
                        break

            consumer = asyncio.create_task(consume())
            await system.publish_batch([("a.b", number) for number in range(10)])
            await asyncio.wait_for(consumer, 20)
        await system.drain(timeout=5)
        assert system.stats()["consumer"]["acknowledgedMessages"] == 10
    assert sorted(seen) == list(range(10))


async def test_iteration_ends_when_the_system_closes(config):
    system = libevents.EventSystem(config)
    await system.connect()

    async def consume():
        return [message.body async for message, _ in system.messages("a.b")]

    consumer = asyncio.create_task(consume())
    await eventually(lambda: system._turn.consumers)
    await system.ready()
    await system.publish("a.b", 1)
    await eventually(lambda: system.stats()["consumer"]["acknowledgedMessages"] == 1)
    await system.close()
    assert await asyncio.wait_for(consumer, 20) == [1]


async def test_handlers_see_the_context_of_their_subscription(config):
    seen = []

    async def handle(message, metadata):
        seen.append(request_id.get())
        request_id.set("changed by a handler")
        await asyncio.sleep(0)
        seen.append(request_id.get())

    async with libevents.EventSystem(config) as system:
        token = request_id.set("at subscribe")
        await system.subscribe("a.b", handle)
        request_id.reset(token)
        await system.publish_batch([("a.b", 1), ("a.b", 2)])
        await eventually(lambda: len(seen) == 4)
    assert seen == ["at subscribe", "changed by a handler"] * 2
    assert request_id.get() is None


async def test_subscriptions_before_connect_work(config):
    seen = []
    system = libevents.EventSystem(config)
    system.on("a.b")(lambda message, metadata: seen.append(message.body))
    async with system:
        await system.publish("a.b", 1)
        await eventually(lambda: seen == [1])


async def test_wrong_subscriptions_are_refused(config):
    async with libevents.EventSystem(config) as system:
        with pytest.raises(libevents.ValidationError):
            system.on("a..b")(print)
        with pytest.raises(libevents.Error, match="concurency"):
            system.on("a.b", concurency=5)(print)
        with pytest.raises(libevents.ValidationError, match="function"):
            await system.subscribe("a.b", "print")
        with pytest.raises(libevents.ValidationError, match="pattern"):
            await system.subscribe(5, print)


async def test_explain_and_the_other_questions_are_local(config):
    async with libevents.EventSystem(config) as system:
        system.on("user.*")(print)
        decision = system.router.explain("user.created", key="7", body={"a": 1})
        assert (decision["topic"], decision["transports"]) == ("user-events", ["main"])
        assert [entry["group"] for entry in decision["subscriptions"]] == ["shop"]
        assert system.router.resolve_topic("order.placed") == "order-events"
        assert system.router.matches_pattern("user.*", "user.created")
        assert system.router.normalize_pattern("User.*") == "user.*"
        assert system.router.validate_event_type("user.created")
        assert system.router.full_type("user.created") == "user.created"
        assert system.is_connected() and system.status()["transports"]["main"]["connected"]
        assert "libevents" in system.metrics()


async def test_health_says_why_it_is_not_ready(config):
    system = libevents.EventSystem(config)
    assert system.health() == (True, False, ["the system was not connected yet"])
    release = asyncio.Event()
    async with system:
        assert system.health() == (True, True, [])

        @system.on("order.*")
        async def handle(message, metadata):
            await release.wait()

        await system.ready()
        await system.publish("order.placed")
        draining = asyncio.ensure_future(system.drain())
        await eventually(lambda: system.health() == (True, False, ["the system is being drained"]))
        release.set()
        await draining
        assert system.health().ready and system.status()["ready"]
    assert system.health() == (False, False, ["the system is closed"])


async def test_log_records_have_fields(config, caplog):
    config["logLevel"] = "warn"
    with caplog.at_level(logging.DEBUG, "libevents"):
        async with libevents.EventSystem(config) as system:

            @system.on("order.placed", maxRetries=0)
            async def handle(message, metadata):
                raise ValueError("no")

            await system.ready()
            receipt = await system.publish("order.placed")
            await eventually(lambda: any(hasattr(record, "fields") for record in caplog.records))
    record = next(record for record in caplog.records if hasattr(record, "fields"))
    assert (record.levelname, record.component, record.repeated) == ("ERROR", "consume", 0)
    assert record.fields == {"group": "shop", "topic": "order-events", "type": "order.placed", "id": receipt.id, "error": "no"}
    assert "failed for good" in record.getMessage() and receipt.id in record.getMessage()
    assert not [each for each in caplog.records if each.levelno < logging.WARNING and each.name == "libevents"]


async def test_dead_letters_of_memory_are_unsupported(config):
    async with libevents.EventSystem(config) as system:
        with pytest.raises(libevents.Unsupported):
            await system.dlq.list()
        with pytest.raises(libevents.ValidationError, match="either ids"):
            await system.dlq.requeue()


async def test_a_publisher_that_outruns_the_bound_waits_for_room():
    config = memory_config(publisher={"maxInFlight": 10})
    async with libevents.EventSystem(config) as system:
        receipts = await asyncio.gather(*(system.publish("a.b", number) for number in range(2000)))
        batch = await system.publish_batch([("a.b", number) for number in range(2000)])
    assert {receipt.outcome for receipt in [*receipts, *batch]} == {"stored"}


async def test_a_cancelled_publish_that_was_not_sent_is_not_sent(config):
    async with libevents.EventSystem(config) as system:
        first, second = (asyncio.create_task(system.publish("a.b", number)) for number in (1, 2))
        await asyncio.sleep(0)
        second.cancel()  # it waits for the end of the loop's turn
        with pytest.raises(asyncio.CancelledError):
            await second
        await first
        await system.flush()
        assert system.stats()["publisher"]["totalMessagesSent"] == 1


async def test_twenty_thousand_publishes_leave_the_loop_free(config, monkeypatch):
    """By cause: a turn handles a bounded number of records, and other callbacks run between the turns."""
    count = 20_000
    async with libevents.EventSystem(config) as system:
        loop = asyncio.get_running_loop()
        engine = system._engine
        work, most = [0], [0]
        publish, poll = engine.publish, engine.poll

        def counted_publish(events, token):
            work[0] += len(events)
            return publish(events, token)

        def counted_poll(limit, timeout_ms):
            records, reports = poll(limit, timeout_ms)
            work[0] += len(records) + len(reports)
            return records, reports

        monkeypatch.setattr(engine, "publish", counted_publish)
        monkeypatch.setattr(engine, "poll", counted_poll)
        turns, is_done = [0], [False]

        def between_turns():
            most[0] = max(most[0], work[0])
            work[0] = 0
            turns[0] += 1
            if not is_done[0]:
                loop.call_soon(between_turns)

        loop.call_soon(between_turns)
        receipts = await asyncio.gather(*(system.publish("a.b", number) for number in range(count)))
        is_done[0] = True
    assert {receipt.outcome for receipt in receipts} == {"stored"}
    assert len({receipt.id for receipt in receipts}) == count
    # One turn: at most one hand-over, another where reports made room, and two full takes of both kinds.
    assert 0 < most[0] <= 4 * 512
    assert turns[0] > count / (4 * 512)


async def test_white_space_around_a_json_text_is_no_part_of_the_body(config):
    seen = []
    async with libevents.EventSystem(config) as system:
        system.on("a.b")(lambda message, metadata: seen.append(message))
        await system.publish("a.b", b' \r\n{ "x": [1] }\t\n', content_type="application/json")
        await eventually(lambda: seen)
    assert seen[0].raw == b'{ "x": [1] }'
    assert seen[0].hash == libevents.body_hash(seen[0].raw)
