# SPDX-License-Identifier: MIT
"""Both faces over Redis Streams, with a server of the tests' own."""

import asyncio
import json
import subprocess

import libevents
import pytest
from conftest import eventually, eventually_sync

pytestmark = pytest.mark.asyncio


def topic_word(config):
    """Types of a test begin with its service's name, so that its topic is its own."""
    return config["service"]


async def test_publish_and_handle(redis_config):
    word, seen = topic_word(redis_config), []
    async with libevents.EventSystem(redis_config) as system:

        @system.on(f"{word}.*", concurrency=8)
        async def handle(message, metadata):
            seen.append((message.type, message.body, metadata.attempt, metadata.headers.get("correlationId")))

        receipt = await system.publish(f"{word}.placed", {"id": 7}, key="7", headers={"correlationId": "c"})
        await eventually(lambda: seen)
        await system.drain(timeout=10)
    assert receipt.outcome == "stored" and "-" in receipt.offset
    assert receipt.topic == f"{word}-events"
    assert seen == [(f"{word}.placed", {"id": 7}, 1, "c")]


async def test_events_published_before_the_subscription_are_delivered(redis_config):
    word, seen = topic_word(redis_config), []
    async with libevents.EventSystem(redis_config) as system:
        await system.publish_batch([(f"{word}.placed", number) for number in range(100)])
        await system.subscribe(f"{word}.*", lambda message, metadata: seen.append(message.body), concurrency=32)
        await eventually(lambda: len(seen) == 100)
        await system.drain(timeout=10)
    assert sorted(seen) == list(range(100))


async def test_a_handler_that_always_raises_makes_one_dead_letter_and_requeue_delivers_it_once(redis_config):
    word, attempts = topic_word(redis_config), []
    is_mended = False

    async def handle(message, metadata):
        attempts.append(metadata.attempt)
        if not is_mended:
            raise ConnectionError("webhook down: 503")

    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.sent", handle, max_retries=2)
        receipt = await system.publish(f"{word}.sent", {"id": 7}, headers={"traceparent": "00-abc"})
        await eventually(lambda: len(attempts) == 3)
        page = await system.dlq.list(topic=receipt.topic)
        while not page.items:
            page = await system.dlq.list(topic=receipt.topic)
        assert len(page.items) == 1
        letter = await system.dlq.get(page.items[0]["id"])
        assert letter["error"]["class"] == "ConnectionError"
        assert letter["error"]["message"] == "webhook down: 503"
        assert 'raise ConnectionError("webhook down: 503")' in letter["error"]["stack"]
        assert "_turn.py" not in letter["error"]["stack"]
        assert letter["body"] == {"id": 7} and letter["headers"]["traceparent"] == "00-abc"
        assert letter["header"]["id"] == receipt.id and letter["attempts"] == 3

        is_mended = True
        first = await system.dlq.requeue([letter["id"]])
        assert first.requeued == 1 and first.results[0]["outcome"] == "requeued"
        second = await system.dlq.requeue([letter["id"]])
        assert second.requeued == 0 and second.results[0]["outcome"] in ("already_requeued", "not_found")
        await eventually(lambda: len(attempts) == 4)
        await system.drain(timeout=10)
        assert (await system.dlq.list(topic=receipt.topic)).items == []
    assert attempts == [1, 2, 3, 1]


async def test_reject_and_discard(redis_config):
    word = topic_word(redis_config)

    def handle(message, metadata):
        raise libevents.Reject("will never do")

    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.*", handle)
        receipt = await system.publish(f"{word}.sent", 1)
        page = await system.dlq.list(receipt.topic)
        while not page.items:
            page = await system.dlq.list(receipt.topic)
        assert page.items[0]["error"]["message"] == "will never do"
        assert page.items[0]["attempts"] == 1
        assert (await system.dlq.discard(filter={"topic": receipt.topic})).discarded == 1
        assert (await system.dlq.list(receipt.topic)).items == []
        with pytest.raises(libevents.NotFound):
            await system.dlq.get(page.items[0]["id"])


async def test_pages_of_dead_letters_follow_each_other(redis_config):
    word, handled = topic_word(redis_config), []

    def handle(message, metadata):
        handled.append(message.body)
        raise libevents.Reject("no")

    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.*", handle, concurrency=16)
        await system.publish_batch([(f"{word}.sent", number) for number in range(25)])
        await eventually(lambda: len(handled) == 25)
        await system.drain(timeout=10)
        bodies, cursor = [], None
        while True:
            page = await system.dlq.list(f"{word}-events", limit=10, cursor=cursor)
            assert len(page.items) <= 10
            bodies += [letter["body"] for letter in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert sorted(bodies) == list(range(25))


async def test_two_groups_get_everything(redis_config):
    word = topic_word(redis_config)
    seen = {"one": [], "two": []}

    def handler(group):
        return lambda message, metadata: seen[group].append(message.body)

    async with libevents.EventSystem(redis_config) as system:
        for group in seen:
            await system.subscribe(f"{word}.*", handler(group), group=f"{word}-{group}", concurrency=8)
        await system.publish_batch([(f"{word}.sent", number) for number in range(50)])
        await eventually(lambda: all(len(bodies) == 50 for bodies in seen.values()))
        await system.drain(timeout=10)
        names = json.dumps(await system.groups(f"{word}-events"))
        assert f"{word}-one" in names and f"{word}-two" in names
        assert f"{word}-events" in json.dumps(await system.topics())


async def test_what_closing_hands_back_another_system_gets(redis_config):
    word, seen = topic_word(redis_config), []
    started = asyncio.Event()

    async def hang(message, metadata):
        started.set()
        await asyncio.sleep(3600)

    async with libevents.EventSystem(redis_config) as first:
        await first.subscribe(f"{word}.*", hang, concurrency=4)
        await first.publish_batch([(f"{word}.sent", number) for number in range(20)])
        await started.wait()
        await first.close(deadline=0.1)
    async with libevents.EventSystem(redis_config) as second:
        await second.subscribe(
            f"{word}.*", lambda message, metadata: seen.append((message.body, metadata.attempt)), concurrency=8
        )
        await eventually(lambda: len(seen) >= 20)
    assert sorted(seen) == [(number, 1) for number in range(20)]


async def test_many_publishes_finish_and_leave_the_loop_free(redis_config):
    """The loop is asked to run a callback again and again; the library's work comes between, in bounded parts."""
    word, count = topic_word(redis_config), 20_000
    async with libevents.EventSystem(redis_config) as system:
        loop = asyncio.get_running_loop()
        turns, is_done = 0, False

        def between_turns():
            nonlocal turns
            turns += 1
            if not is_done:
                loop.call_soon(between_turns)

        loop.call_soon(between_turns)
        receipts = await asyncio.gather(*(system.publish(f"{word}.sent", number) for number in range(count)))
        is_done = True
    assert {receipt.outcome for receipt in receipts} == {"stored"}
    assert len({receipt.offset for receipt in receipts}) == count
    assert turns > count / (4 * 512)


async def test_synchronous_face(redis_config):
    word, seen = topic_word(redis_config), []

    def run():
        with libevents.SyncEventSystem(redis_config) as system:
            system.subscribe(f"{word}.*", lambda message, metadata: seen.append(message.body), concurrency=8)
            receipts = system.publish_batch([(f"{word}.sent", number) for number in range(200)])
            assert {receipt.outcome for receipt in receipts} == {"stored"}
            assert system.publish(f"{word}.sent", 200).outcome == "stored"
            eventually_sync(lambda: len(seen) == 201)
            system.drain(timeout=10)
            assert system.dlq.list(f"{word}-events").items == []

    await asyncio.get_running_loop().run_in_executor(None, run)
    assert sorted(seen) == list(range(201))


async def test_a_group_is_paused_and_resumed(redis_config):
    word, seen = topic_word(redis_config), []
    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.placed", lambda message, metadata: seen.append(message.body))
        paused = await system.pause_group(word, reason="a look", actor="ann")
        assert (paused["by"], paused["reason"]) == ("ann", "a look")
        await eventually(lambda: system.stats()["subscriptions"][0]["paused"])
        await system.publish(f"{word}.placed", 1)
        assert (await system.groups(f"{word}-events"))[0]["paused"] == paused
        assert seen == []
        await system.resume_group(word)
        await eventually(lambda: seen == [1])


async def test_the_doctor_says_what_the_store_guarantees(redis_config):
    async with libevents.EventSystem(redis_config) as system:
        report = await system.doctor(role="operator")
        assert report["permissions"]["missing"] == [] and "at least once" in report["guarantee"]
        with pytest.raises(libevents.ValidationError, match="/role"):
            await system.doctor(role="owner")


async def test_every_event_is_accounted_for_and_what_is_kept_is_told(redis_config):
    word = topic_word(redis_config)
    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.placed", lambda message, metadata: None)
        for number in range(10):
            await system.publish(f"{word}.placed", number)
        await system.drain()
        audit = await system.conservation(f"{word}-events")
        assert audit["holds"]
        assert [(row["group"], row["published"], row["unaccounted"]) for row in audit["groups"]] == [(word, 10, 0)]
        (row,) = await system.retention(f"{word}-events")
        assert (row["entries"], row["state"], row["limits"]["maxMessages"]) == (10, "withinLimits", 100000)


async def test_a_replay_brings_again_what_is_stored_and_says_so(redis_config):
    word, live, again = topic_word(redis_config), [], []
    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.*", lambda message, metadata: live.append(metadata.replay))
        for number in range(3):
            await system.publish(f"{word}.placed", number)
        await system.publish(f"{word}.paid", 3)
        await system.drain()
        replay = await system.replays.start({"topic": f"{word}-events", "type": f"{word}.placed"}, rate=1000)
        await system.subscribe(
            f"{word}.*", lambda message, metadata: again.append((message.body, metadata)), replay=replay["id"]
        )
        await eventually(lambda: len(again) == 3)
        assert [body for body, _ in again] == [0, 1, 2]
        assert {metadata.replay["id"] for _, metadata in again} == {replay["id"]}
        assert again[0][1].requeue is None and again[0][1].group == replay["group"]
        states = [step["state"] async for step in system.replays.watch(replay["id"])]
        assert states[-1] == "done"
        assert (await system.replays.list())[0]["done"] == 3
        with pytest.raises(libevents.Conflict):
            await system.replays.change(replay["id"], state="paused")
        assert live == [None] * 4


async def test_the_fleet_shows_this_system_and_others(redis_config):
    other_config = {**redis_config, "service": redis_config["service"] + "x"}
    async with libevents.EventSystem(redis_config) as system, libevents.EventSystem(other_config) as other:
        wanted = {each.stats()["instance"] for each in (system, other)}
        found = {}
        while not wanted <= set(found):
            found = {row["instance"]: row for row in await system.fleet()}
        row = found[other.stats()["instance"]]
        assert row["service"] == other_config["service"] == row["stats"]["service"]
        assert row["ageMs"] >= 0


async def test_a_store_is_shared_with_services_of_the_published_library(redis_config):
    word, seen = topic_word(redis_config), []
    transport = redis_config["transports"]["main"]
    transport["compat"] = "logistically-3"

    def cli(*command):
        words = ("redis-cli", "-u", transport["url"], *command)
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()

    async def handle(message, metadata):
        seen.append((message.body, metadata.group))
        raise libevents.Reject("mail is down")

    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.*", handle)
        header = {"id": "1", "type": f"{word}.placed", "origin": "legacy"}
        data = json.dumps({"header": header, "body": {"id": 7}})
        cli("XADD", f"stream:{word}-events", "*", "data", data, "timestamp", "1", "topic", f"{word}-events")
        await eventually(lambda: seen)
        await eventually(lambda: cli("XLEN", f"dlq:stream:{word}-events") == ["1"])
        (letter,) = (await system.dlq.list(topic=f"{word}-events")).items
    assert seen == [({"id": 7}, "default-group")]
    assert letter["error"]["message"] == "mail is down"
    fields = cli("XRANGE", f"dlq:stream:{word}-events", "-", "+")[1::2]
    assert fields == ["originalId", "originalStream", "error", "timestamp", "data", "timestamp", "topic", "dead", "fp"]


async def test_a_delayed_event_is_listed_taken_back_or_delivered_when_it_is_due(redis_config):
    word, seen = topic_word(redis_config), []
    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.*", lambda message, metadata: seen.append(message.type))
        receipt = await system.publish(f"{word}.soon", 1, delay=0.2)
        assert receipt.offset.startswith("@")
        await system.publish(f"{word}.never", 2, delay=3600, id="never")
        page = await system.delayed(receipt.topic)
        never = next(item["id"] for item in page["items"] if item["eventId"] == "never")
        assert (await system.cancel_delayed([never]))["cancelled"] == 1
        await eventually(lambda: seen)
    assert seen == [f"{word}.soon"]


def test_a_receipt_says_what_was_reached_and_what_was_there_already(redis_config):
    word = topic_word(redis_config)
    redis_config["transports"]["main"]["idempotent"] = True
    with libevents.SyncEventSystem(redis_config) as system:
        first = system.publish(f"{word}.placed", 1, id="once")
        second = system.publish(f"{word}.placed", 1, id="once")
        assert (first.acknowledgement, first.duplicate, second.duplicate) == ("stored", False, True)
        assert first.offset == second.offset
        unconfirmed = system.publish(f"{word}.placed", 1, acknowledgement="none")
        assert (unconfirmed.outcome, unconfirmed.acknowledgement) == ("unknown", "none")
        with pytest.raises(libevents.Timeout) as raised:
            system.publish(f"{word}.placed", 1, acknowledgement={"replicated": 1, "timeout": 0.05})
        receipt = raised.value.receipt
        assert (receipt.outcome, receipt.acknowledgement) == ("unknown", "stored")
        with pytest.raises(libevents.ValidationError, match="acknowledgement is 'some'"):
            system.publish(f"{word}.placed", 1, acknowledgement="some")


async def test_a_group_begins_at_an_offset_or_a_time_and_reads_one_partition(redis_config):
    word = topic_word(redis_config)
    route = {"pattern": f"{word}.*", "transport": "main", "partitions": 2, "partition": 1}
    async with libevents.EventSystem({**redis_config, "routing": {"routes": [route]}}) as system:
        receipts = [await system.publish(f"{word}.placed", number) for number in range(4)]
        for place in (receipts[2].offset, int(receipts[2].offset.split("-")[0])):
            seen = []
            await system.subscribe(
                f"{word}.*",
                lambda message, metadata, seen=seen: seen.append((message.body, metadata.partition)),
                group=f"g{place}",
                from_=place,
                partition=1,
                max_crashes=5,
            )
            await eventually(lambda seen=seen: (3, 1) in seen)  # of a time, others of its millisecond come before
            assert seen[-2:] == [(2, 1), (3, 1)]
