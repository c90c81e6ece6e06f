# SPDX-License-Identifier: MIT
"""The synchronous face over the memory transport."""

import asyncio
import contextvars
import threading

import libevents
import pytest
from conftest import eventually_sync, memory_config

FAST = {"baseDelay": 1, "maxDelay": 5, "jitter": 0}
request_id = contextvars.ContextVar("request_id", default=None)


@pytest.fixture
def system(config):
    with libevents.SyncEventSystem(config) as opened:
        yield opened


def test_publish_and_handle(system):
    seen = []
    system.subscribe("order.*", lambda message, metadata: seen.append((message.body, metadata.attempt)))
    receipt = system.publish("order.placed", {"id": 7}, key="7")
    assert (receipt.outcome, receipt.topic) == ("stored", "order-events")
    system.drain(timeout=10)
    assert seen == [({"id": 7}, 1)]


def test_a_batch_gives_receipts_in_order(system):
    receipts = system.publish_batch([("a.b", 1), ("not valid!", 2), ("c.d", 3)])
    assert [receipt.outcome for receipt in receipts] == ["stored", "refused", "stored"]
    assert isinstance(receipts[1].error, libevents.ValidationError)
    assert system.publish_batch([]) == []


def test_a_refused_publish_raises(system):
    with pytest.raises(libevents.ValidationError):
        system.publish("not valid!", 1)


def test_handlers_run_side_by_side_up_to_their_concurrency(system):
    together = threading.Barrier(4)
    names = set()

    def handle(message, metadata):
        together.wait(20)
        names.add(threading.current_thread().name)

    system.subscribe("a.b", handle, concurrency=4)
    system.publish_batch([("a.b", number) for number in range(4)])
    system.drain(timeout=20)
    assert not together.broken
    assert threading.current_thread().name not in names


def test_coroutine_handlers_run_too(system):
    seen = []

    async def handle(message, metadata):
        await asyncio.sleep(0.001)
        seen.append(message.body)

    system.subscribe("a.b", handle)
    system.publish_batch([("a.b", number) for number in range(5)])
    eventually_sync(lambda: sorted(seen) == [0, 1, 2, 3, 4])


def test_failures_are_retried_and_told_to_the_poison_handler(config):
    attempts, poisoned = [], []

    def handle(message, metadata):
        attempts.append(metadata.attempt)
        raise LookupError("no such order")

    poison = lambda message, error, metadata: poisoned.append((type(error), metadata.attempt))  # noqa: E731
    with libevents.SyncEventSystem(config, poison_message_handler=poison) as system:
        system.subscribe("a.b", handle, max_retries=1, retry=FAST)
        system.publish("a.b")
        eventually_sync(lambda: poisoned)
    assert attempts == [1, 2] and poisoned == [(LookupError, 2)]


def test_reject_and_retry_later(system):
    seen = []

    def handle(message, metadata):
        seen.append((message.body, metadata.attempt))
        if message.body == "later" and len(seen) < 3:
            raise libevents.RetryLater(0.001)
        if message.body == "never":
            raise libevents.Reject("no")

    system.subscribe("a.b", handle)
    system.publish("a.b", "later")
    eventually_sync(lambda: len(seen) == 3)
    system.publish("a.b", "never")
    eventually_sync(lambda: len(seen) == 4)
    system.drain(timeout=10)
    assert seen == [("later", 1)] * 3 + [("never", 1)]


def test_iteration(system):
    with system.messages("a.*") as stream:
        system.publish_batch([("a.b", number) for number in range(5)])
        seen = []
        for message, metadata in stream:
            seen.append(message.body)
            if len(seen) == 5:
                stream.acknowledge()
                break
    system.drain(timeout=10)
    assert seen == [0, 1, 2, 3, 4]
    assert system.stats()["consumer"]["acknowledgedMessages"] == 5


def test_iteration_ends_when_the_system_closes(config):
    system = libevents.SyncEventSystem(config)
    system.connect()
    stream = system.messages("a.b")
    system.publish("a.b", 1)
    closer = threading.Timer(0.05, system.close)
    closer.start()
    assert [message.body for message, _ in stream] == [1]
    closer.join()


def test_unsubscribe(system):
    seen = []
    subscription = system.subscribe("a.b", lambda message, metadata: seen.append(message.body))
    system.publish("a.b", 1)
    eventually_sync(lambda: seen == [1])
    subscription.unsubscribe()
    assert subscription.wait_ended(20) and not subscription.is_active
    system.publish("a.b", 2)
    system.drain(timeout=10)
    assert seen == [1]


def test_many_threads_publish():
    with libevents.SyncEventSystem(memory_config(publisher={"maxInFlight": 50})) as system:
        ids, lock = [], threading.Lock()

        def publish():
            for number in range(100):
                receipt = system.publish("a.b", number)
                with lock:
                    ids.append(receipt.id)
            batch = system.publish_batch([("a.b", number) for number in range(500)])
            with lock:
                ids.extend(receipt.id for receipt in batch if receipt.outcome == "stored")

        threads = [threading.Thread(target=publish) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(set(ids)) == 8 * 600


def test_handlers_see_the_context_of_their_subscription(system):
    seen = []
    token = request_id.set("at subscribe")
    system.subscribe("a.b", lambda message, metadata: seen.append(request_id.get()))
    request_id.reset(token)
    system.publish("a.b")
    eventually_sync(lambda: seen == ["at subscribe"])


def test_a_handler_may_publish_and_close(config):
    system = libevents.SyncEventSystem(config)
    system.connect()
    seen = []

    def handle(message, metadata):
        if message.type == "a.b":
            system.publish("a.c", 2)
        else:
            seen.append(message.body)
            system.close()

    system.subscribe("a.*", handle, concurrency=2)
    system.publish("a.b", 1)
    system.run_forever()
    system.close()
    assert seen == [2]
    with pytest.raises(libevents.Closed):
        system.publish("a.b")


def test_looking(system):
    assert system.is_connected()
    assert system.status()["state"] == "open"
    assert system.stats()["publisher"]["totalMessagesSent"] == 0
    assert "libevents" in system.metrics()
    assert system.router.explain("a.b")["topic"] == "a-events"
    with pytest.raises(libevents.Unsupported):
        system.dlq.list()
    system.flush()


def test_a_paused_group_takes_nothing_until_it_is_resumed(system):
    seen = []
    system.subscribe("order.placed", lambda message, metadata: seen.append(message.body), group="workers")
    assert system.pause_group("workers", reason="a look")["reason"] == "a look"
    assert system.groups()[0]["paused"]["by"].startswith("shop@")
    system.publish("order.placed", 1)
    system.drain(timeout=10)
    assert seen == []
    system.resume_group("workers")
    eventually_sync(lambda: seen == [1])
    with pytest.raises(libevents.ValidationError):
        system.pause_group("")


def test_the_fleet_of_the_memory_transport_is_this_system(system):
    (row,) = system.fleet()
    assert (row["service"], row["instance"]) == ("shop", system.stats()["instance"])
