# SPDX-License-Identifier: MIT
"""Transports used by themselves, and transports that a program writes; the scenarios play through one as well."""

import asyncio
import json
import threading
import time

import pytest

import libevents

TWO = {
    "service": "shop",
    "originPrefix": "eu.de",
    "transports": {"main": {"type": "memory"}, "other": {"type": "memory"}},
    "routing": {"routes": [{"pattern": "order.*", "transport": "other"}]},
}
QUICK = {"retry": {"baseDelay": 1, "jitter": 0}}


async def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come to pass"
        await asyncio.sleep(0.005)


def run(coroutine):
    return asyncio.run(coroutine)


# ---- by themselves ----------------------------------------------------------------------------------------


def test_what_is_published_to_a_topic_of_a_transport_asks_no_route():
    async def main():
        async with libevents.EventSystem(TWO) as system:
            main = system.transports["main"]
            seen = []
            await main.subscribe("audit-events", lambda message, metadata: seen.append((message.type, message.body)))
            envelope = {"header": {"id": "e-1", "type": "order.placed"}, "body": {"n": 1}}
            receipt = await main.publish("audit-events", envelope)
            assert (receipt.id, receipt.topic) == ("e-1", "audit-events")
            await system.publish("order.placed", {"n": 2})  # goes to the other
            await main.publish("audit-events", {"n": 3})
            await until(lambda: len(seen) == 2)
            assert seen == [("order.placed", {"n": 1}), ("audit", {"n": 3})]
            await main.unsubscribe("audit-events")
            await main.unsubscribe("audit-events")

    run(main())


def test_the_envelope_is_checked():
    async def main():
        async with libevents.EventSystem(TWO) as system:
            main = system.transports["main"]
            with pytest.raises(libevents.ValidationError) as refused:
                await main.publish("audit-events", {"header": {"type": "a.b", "hash": "0" * 64}, "body": 1})
            assert refused.value.path == "/header/hash"
            with pytest.raises(libevents.ValidationError):
                await main.publish("audit-events", {"header": {"type": "no type!"}, "body": 1})
            with pytest.raises(libevents.RoutingError):
                await main.publish("Audit Events", {"header": {"type": "a.b"}, "body": 1})

    run(main())


def test_a_message_that_is_passed_on_stays_as_it_is():
    async def main():
        async with libevents.EventSystem(TWO) as system:
            main, other = system.transports["main"], system.transports["other"]
            seen = []
            await other.subscribe("audit-events", lambda message, metadata: seen.append(message))

            async def forward(message, metadata):
                await other.publish("audit-events", message)

            await main.subscribe("in-events", forward)
            text = b'{"n": 1.50}'
            options = {"content_type": "application/json", "origin": "till", "origin_prefix": "us.ca"}
            await main.publish("in-events", {"header": {"type": "a.b"}, "body": None}, id="none")
            await system.publish("a.b", text, transport="main", topic="in-events", **options)
            await until(lambda: len(seen) == 2)
            assert (seen[1].raw, seen[1].origin, seen[1].origin_prefix) == (text, "till", "us.ca")

    run(main())


def test_one_is_disconnected_and_connected_again_while_the_other_goes_on():
    async def main():
        async with libevents.EventSystem(TWO) as system:
            main, other = system.transports["main"], system.transports["other"]
            seen = []
            await main.subscribe("a-events", lambda message, metadata: seen.append(message.body))
            await other.subscribe("b-events", lambda message, metadata: seen.append(message.body))
            await main.disconnect(0)
            assert (main.is_connected(), other.is_connected()) == (False, True)
            waits = asyncio.ensure_future(main.publish("a-events", 1))
            await other.publish("b-events", 2)
            await until(lambda: seen == [2])
            await main.connect()
            await waits
            await until(lambda: seen == [2, 1])

    run(main())


def test_the_same_without_asyncio():
    with libevents.SyncEventSystem(TWO) as system:
        main = system.transports["main"]
        handled = threading.Event()
        main.subscribe("audit-events", lambda message, metadata: handled.set(), pattern="order.placed")
        main.publish("audit-events", {"header": {"type": "order.placed"}, "body": 1})
        assert handled.wait(60)
        main.close(0)
        assert not main.is_connected()
        main.connect()
        assert main.is_connected() and main.capabilities["supportsOrdering"]
        main.unsubscribe("audit-events")


# ---- of the program ---------------------------------------------------------------------------------------


class Noting:
    """Notes what is asked of it, and hands on what is published."""

    def __init__(self):
        self.calls = []
        self.handlers = {}
        self.returned = []

    def connect(self):
        self.calls.append("connect")

    def publish(self, topic, message, options):
        self.calls.append(("publish", topic, message.body, options["type"]))
        handler = self.handlers.get(topic)
        if handler is not None:
            handler(message).add_done_callback(
                lambda done: self.returned.append(done.exception()) if done.exception() else None
            )
        return {"offset": 7}

    def subscribe(self, topic, handler, options):
        self.calls.append(("subscribe", topic, options["group"]))
        self.handlers[topic] = handler

    def unsubscribe(self, topic, options):
        self.calls.append(("unsubscribe", topic))
        del self.handlers[topic]

    def disconnect(self):
        self.calls.append("disconnect")


CALLS = [
    "connect",
    ("subscribe", "order-events", "g"),
    ("publish", "order-events", {"n": 1}, "order.placed"),
    ("unsubscribe", "order-events"),
    "disconnect",
]


def test_an_object_is_a_transport_with_asyncio():
    async def main():
        transport = Noting()
        builder = libevents.EventSystemBuilder().service("shop").add_transport("own", transport, group_id="g", **QUICK)
        runs = []

        async def handle(message, metadata):
            runs.append(message.body)
            if len(runs) < 3:
                raise RuntimeError("not yet")

        async with builder.build() as system:
            await system.subscribe("order.placed", handle)
            receipt = await system.publish("order.placed", {"n": 1})
            assert receipt.offset == "7"
            await until(lambda: len(runs) == 3)
            await system.drain()
            assert system.transports["own"].capabilities["supportsPersistence"] is False
        assert transport.calls == CALLS
        assert transport.returned == []

    run(main())


def test_an_object_is_a_transport_without_asyncio():
    transport = Noting()
    seen = []
    with libevents.EventSystemBuilder().service("shop").add_transport("own", transport, group_id="g").build_sync() as system:
        system.subscribe("order.placed", lambda message, metadata: seen.append(message.body))
        assert system.publish("order.placed", {"n": 1}).offset == "7"
        run(until(lambda: seen == [{"n": 1}]))
        system.drain()
    assert transport.calls == CALLS


def test_what_is_not_handled_when_the_system_closes_is_handed_back():
    async def main():
        transport = Noting()
        running = asyncio.Event()

        async def hang(message, metadata):
            running.set()
            await asyncio.sleep(3600)

        system = libevents.EventSystem({"service": "shop", "transports": {"main": transport}})
        await system.connect()
        await system.subscribe("order.placed", hang)
        await system.publish("order.placed", 1)
        await running.wait()
        await system.close(0)
        assert len(transport.returned) == 1 and isinstance(transport.returned[0], libevents.Closed)

    run(main())


def test_a_publish_that_raises_is_tried_again_and_one_that_hangs_is_unknown():
    class Failing:
        tries = 0

        async def publish(self, topic, message, options):
            self.tries += 1
            if message.body == "bad":
                raise libevents.ValidationError("not this one")
            if message.body == "hang":
                await asyncio.sleep(3600)
            if self.tries < 3:
                raise OSError("busy")

    async def main():
        publisher = {"timeout": 400, **QUICK}
        config = {"service": "shop", "transports": {"main": Failing()}, "publisher": publisher}
        async with libevents.EventSystem(config) as system:
            receipt = await system.publish("a.b", "good", timeout=30)
            assert (receipt.outcome, receipt.attempts) == ("stored", 3)
            with pytest.raises(libevents.Error, match="not this one") as refused:
                await system.publish("a.b", "bad", timeout=30)
            assert refused.value.receipt.outcome == "refused"
            with pytest.raises(libevents.PublishTimeout):
                await system.publish("a.b", "hang")
            assert (await system.publish("a.b", "next", timeout=30)).outcome == "stored"

    run(main())


def test_connecting_is_tried_again_until_it_succeeds():
    class Late:
        tries = 0

        def connect(self):
            self.tries += 1
            if self.tries < 3:
                raise OSError("nobody there")

        def publish(self, topic, message, options):
            pass

    async def main(transport):
        async with libevents.EventSystem({"service": "shop", "transports": {"main": transport}}):
            pass

    late = Late()
    run(main(late))
    assert late.tries == 3
    late = Late()
    with libevents.SyncEventSystem({"service": "shop", "transports": {"main": {"transport": late}}}):
        assert late.tries == 3


def test_what_is_no_transport_is_refused():
    with pytest.raises(libevents.ConfigurationError, match="publish"):
        libevents.EventSystemBuilder().add_transport("own", object())

    class Nothing:
        capabilities = {"supports_publishing": False}

        def publish(self, topic, message, options):
            pass

    with pytest.raises(libevents.ConfigurationError, match="neither"):
        libevents.EventSystem({"service": "shop", "transports": {"main": Nothing()}})

    class Coroutine:
        async def publish(self, topic, message, options):
            pass

    with libevents.SyncEventSystem({"service": "shop", "transports": {"main": Coroutine()}}) as system:
        with pytest.raises(libevents.Error, match="coroutine"):
            system.publish("a.b", 1)


def test_a_transport_may_give_any_form_of_an_envelope():
    async def main():
        transport = Noting()
        seen = []
        async with libevents.EventSystem({"service": "shop", "transports": {"main": transport}}) as system:
            await system.subscribe("a.b", lambda message, metadata: seen.append(message.body))
            handle = transport.handlers["a-events"]
            envelope = {"header": {"id": "e", "type": "a.b", "origin": "x", "timestamp": "2026-01-01T00:00:00.000Z"}, "body": 1}
            text = json.dumps(envelope)
            for form in (envelope, text, libevents.StoredMessage(text), [text, None]):
                await handle(form)
            assert seen == [1, 1, 1, 1]

    run(main())
