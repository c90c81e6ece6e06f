# SPDX-License-Identifier: MIT
"""What a subscription takes, and how: regular expressions, filters, lists, acknowledging by hand, reloading."""

import asyncio
import re
import threading

import libevents
import pytest
from conftest import eventually, eventually_sync, memory_config

FAST = {"baseDelay": 1, "maxDelay": 5, "jitter": 0}


def failing_twice(config):
    return {**config, "consumer": {"retry": {"maxRetries": 1, **FAST}}}


@pytest.mark.asyncio
async def test_flags_of_an_expression_that_say_nothing_of_types_are_fine(config):
    seen = []
    async with libevents.EventSystem(config) as system:
        flags = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.ASCII
        subscription = await system.subscribe(re.compile("^order[.]", flags), lambda m, _: seen.append(m.type))
        assert subscription.pattern == "/^order[.]/"
        await system.publish("order.placed")
        await system.publish("user.created")
        await eventually(lambda: seen)
    assert seen == ["order.placed"]


@pytest.mark.asyncio
@pytest.mark.parametrize("pattern", [re.compile("a # b", re.VERBOSE), re.compile(b"a"), re.compile("(?P<a>x)"), 5, None])
async def test_what_is_no_pattern_is_refused(config, pattern):
    async with libevents.EventSystem(config) as system:
        with pytest.raises(libevents.ValidationError) as caught:
            await system.subscribe(pattern, lambda message, metadata: None)
    assert caught.value.path == "/pattern"


@pytest.mark.asyncio
async def test_a_filter_may_be_given_as_sets_and_tuples(config):
    seen = []
    async with libevents.EventSystem(config) as system:
        system.on("order.*", filter={"region": ("eu", "us"), "kind": {"a"}})(lambda m, _: seen.append(m.headers["region"]))
        for region in ("eu", "af", "us"):
            await system.publish("order.placed", headers={"region": region, "kind": "a"})
        await eventually(lambda: len(seen) == 2)
        assert system.stats()["consumer"]["filteredMessages"] == 1
    assert seen == ["eu", "us"]


@pytest.mark.asyncio
async def test_lists_are_as_long_as_asked_and_no_more_run_than_may(config):
    running, most, sizes = 0, 0, []

    async def handle(messages, metadata):
        nonlocal running, most
        assert [each.attempt for each in metadata] == [1] * len(messages)
        running += 1
        most = max(most, running)
        sizes.append(len(messages))
        await asyncio.sleep(0)
        running -= 1

    async with libevents.EventSystem(config) as system:
        await system.subscribe("order.*", handle, batch=7, concurrency=2)
        await system.publish_batch([("order.placed", n) for n in range(100)])
        await eventually(lambda: sum(sizes) == 100)
        await system.drain(timeout=5)
    assert max(sizes) <= 7 and most <= 2 and len(sizes) < 100


@pytest.mark.asyncio
async def test_a_list_of_outcomes_that_does_not_fit_fails_all(config):
    calls = []

    async def handle(messages, metadata):
        calls.append([each.attempt for each in metadata])
        return [None] * (len(messages) + 1) if metadata[0].attempt == 1 else None

    async with libevents.EventSystem(failing_twice(config)) as system:
        await system.subscribe("order.*", handle, batch=5)
        await system.publish_batch([("order.placed", n) for n in range(5)])
        await eventually(lambda: system.stats()["consumer"]["handledMessages"] == 5)
        assert system.stats()["consumer"]["failedMessages"] == 5


@pytest.mark.asyncio
async def test_closing_within_a_handler_of_lists_does_not_wait_for_itself(config):
    closed = asyncio.Event()
    system = libevents.EventSystem(config)

    async def handle(messages, metadata):
        await system.close(deadline=20)
        closed.set()

    await system.connect()
    await system.subscribe("order.*", handle, batch=5)
    await system.publish("order.placed")
    await asyncio.wait_for(closed.wait(), 10)
    await system.close()


@pytest.mark.asyncio
async def test_by_hand_only_acknowledge_settles(config):
    held = []
    async with libevents.EventSystem(config) as system:
        await system.subscribe("order.*", lambda m, metadata: held.append(metadata), ack="manual", concurrency=4)
        await system.publish("order.placed")
        await system.publish("order.paid")
        await eventually(lambda: len(held) == 2)
        assert system.stats()["consumer"]["handledMessages"] == 0
        held[0].acknowledge()
        held[0].acknowledge()
        await eventually(lambda: system.stats()["consumer"]["handledMessages"] == 1)
        held[1].acknowledge()
        await system.drain(timeout=5)
        assert system.stats()["consumer"]["staleSettlements"] == 0


@pytest.mark.asyncio
async def test_by_hand_a_handler_that_raises_has_failed_unless_it_has_acknowledged(config):
    async def handle(message, metadata):
        if message.body == "handled" or metadata.attempt == 2:
            metadata.acknowledge()
        raise RuntimeError("all the same")

    async with libevents.EventSystem(failing_twice(config)) as system:
        await system.subscribe("order.*", handle, ack="manual")
        await system.publish("order.placed", "handled")
        await system.publish("order.placed", "not")
        await eventually(lambda: system.stats()["consumer"]["handledMessages"] == 2)
        assert system.stats()["consumer"]["failedMessages"] == 1


@pytest.mark.asyncio
async def test_acknowledge_needs_to_be_asked_for(config):
    seen = []
    async with libevents.EventSystem(config) as system:
        await system.subscribe("order.*", lambda message, metadata: seen.append(metadata))
        await system.publish("order.placed")
        await eventually(lambda: seen)
    with pytest.raises(libevents.ValidationError, match="ack='manual'"):
        seen[0].acknowledge()


def test_by_hand_any_thread_may_acknowledge():
    held = []
    done = threading.Event()
    with libevents.SyncEventSystem(memory_config()) as system:
        system.subscribe("order.*", lambda m, metadata: (held.append(metadata), done.set()), ack="manual")
        system.publish("order.placed")
        assert done.wait(10)
        assert system.stats()["consumer"]["handledMessages"] == 0
        held[0].acknowledge()
        held[0].acknowledge()
        eventually_sync(lambda: system.stats()["consumer"]["handledMessages"] == 1)


def test_lists_on_threads_end_each_by_its_outcome():
    attempts = []

    def handle(messages, metadata):
        attempts.extend((message.body, each.attempt) for message, each in zip(messages, metadata))
        return [ValueError("odd") if m.body % 2 and each.attempt == 1 else None for m, each in zip(messages, metadata)]

    with libevents.SyncEventSystem(failing_twice(memory_config())) as system:
        system.subscribe("order.*", handle, batch=4, concurrency=2)
        system.publish_batch([("order.placed", n) for n in range(20)])
        eventually_sync(lambda: system.stats()["consumer"]["handledMessages"] == 20)
    assert sorted(attempts) == sorted([(n, 1) for n in range(20)] + [(n, 2) for n in range(1, 20, 2)])


@pytest.mark.asyncio
async def test_a_reload_takes_text_and_says_what_is_wrong_with_it(config):
    async with libevents.EventSystem(config) as system:
        assert await system.reload({**config, "logLevel": "warn"}) == ["/logLevel"]
        with pytest.raises(libevents.ConfigurationError, match="malformed"):
            await system.reload("{")
        with pytest.raises(libevents.ConfigurationError) as caught:
            await system.reload({**config, "service": "other"})
    assert caught.value.problems[0].path == "/service"
