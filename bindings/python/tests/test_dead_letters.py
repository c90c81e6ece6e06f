# SPDX-License-Identifier: MIT
"""Dead letters of both faces: groups, counts, edit, archive, restore, operations, the log."""

import asyncio
import json

import libevents
import pytest
from conftest import eventually, eventually_sync

pytestmark = pytest.mark.asyncio


async def buried(system, topic, count):
    """Waits until so many dead letters are there."""

    async def look():
        while (await system.dlq.count({"topic": topic}))["count"] < count:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), 60)


async def bury(system, word, count):
    """Leaves so many dead letters; gives their topic."""

    async def refuse(message, metadata):
        raise libevents.Reject(f"no user {message.body}")

    await system.subscribe(f"{word}.sent", refuse, group="mail")
    await system.publish_batch([(f"{word}.sent", number) for number in range(count)])
    topic = f"{word}-events"

    await buried(system, topic, count)
    return topic


async def test_groups_count_and_lists_without_bodies(redis_config):
    async with libevents.EventSystem(redis_config) as system:
        topic = await bury(system, redis_config["service"], 7)
        groups = await system.dlq.groups(topic)
        assert groups.total == 7
        (group,) = groups.groups
        assert (group["count"], group["group"], group["message"]) == (7, "mail", "no user #")
        count = await system.dlq.count({"fingerprint": group["fingerprint"], "topic": topic})
        assert count["exact"] and count["count"] == 7
        page = await system.dlq.list(topic, order="newest", body=False, limit=5, filter={"min_attempts": 1})
        assert [item["size"] for item in page.items] == [1] * 5 and not page.exhausted
        assert "body" not in page.items[0]
        assert page.items[0]["id"] == group["lastId"]
        rest = await system.dlq.list(topic, order="newest", cursor=page.next)
        assert [item["body"] for item in rest.items] == [1, 0] and rest.exhausted


async def test_an_edited_letter_is_delivered_and_its_original_is_in_the_archive(redis_config):
    word, seen = redis_config["service"], []

    async def handle(message, metadata):
        if message.body == 0:
            raise libevents.Reject("zero")
        seen.append(message.body)

    async with libevents.EventSystem(redis_config) as system:
        await system.subscribe(f"{word}.sent", handle)
        topic = (await system.publish(f"{word}.sent", 0)).topic
        await buried(system, topic, 1)
        (letter,) = (await system.dlq.list(topic)).items
        edited = await system.dlq.requeue([letter["id"]], edit='{"n": 9007199254740993}', actor="ana")
        assert edited.results[0]["outcome"] == "requeued"
        await eventually(lambda: seen)
        assert seen == [{"n": 9007199254740993}]
        kept = await system.dlq.get(letter["id"], archived=True)
        assert (kept["action"], kept["archivedBy"], kept["body"]) == ("edited", "ana", 0)


async def test_a_discarded_letter_comes_back_and_all_is_in_the_log(redis_config):
    async with libevents.EventSystem(redis_config) as system:
        topic = await bury(system, redis_config["service"], 2)
        ids = [item["id"] for item in (await system.dlq.list(topic)).items]
        assert (await system.dlq.discard(ids, reason="a test", actor="ana")).discarded == 2
        archive = await system.dlq.archive({"topic": topic}, body=False)
        assert {item["id"] for item in archive.items} == set(ids)
        assert {item["reason"] for item in archive.items} == {"a test"}
        restored = await system.dlq.restore(ids)
        assert restored.restored == 2 and restored.results[0]["newId"] != ids[0]
        assert (await system.dlq.count({"topic": topic}))["count"] == 2
        log = await system.dlq.log(limit=2)
        assert [row["action"] for row in log.items] == ["dlq.restore", "dlq.discard"]
        assert log.items[1]["actor"] == "ana" and log.items[1]["count"] == 2


async def test_an_operation_is_watched_to_its_end(redis_config):
    async with libevents.EventSystem(redis_config) as system:
        topic = await bury(system, redis_config["service"], 120)
        started = await system.dlq.start("discard", {"topic": topic}, rate=1, actor="ana")
        paused = await system.dlq.change_operation(started["id"], state="paused")
        assert paused["state"] == "paused" and paused["rate"] == 1
        await system.dlq.change_operation(started["id"], state="running", rate=0)
        states = [state async for state in system.dlq.watch(started["id"], interval=0.01)]
        assert states[-1]["state"] == "done" and states[-1]["done"] == 120 and states[-1]["remaining"] == 0
        assert started["id"] in [each["id"] for each in await system.dlq.operations()]
        with pytest.raises(libevents.NotFound):
            await system.dlq.operation("none")


async def test_the_synchronous_face_does_the_same(redis_config):
    word = redis_config["service"]
    topic = f"{word}-events"

    def refuse(message, metadata):
        raise libevents.Reject("never")

    def run():
        with libevents.SyncEventSystem(redis_config) as system:
            system.subscribe(f"{word}.sent", refuse, group="mail")
            for number in range(3):
                system.publish(f"{word}.sent", number)
            eventually_sync(lambda: system.dlq.count({"topic": topic})["count"] == 3)
            assert system.dlq.groups(topic).groups[0]["count"] == 3
            started = system.dlq.start("discard", {"topic": topic})
            assert list(system.dlq.watch(started["id"], interval=0.01))[-1]["done"] == 3
            archive = system.dlq.archive({"topic": topic})
            assert len(archive.items) == 3
            assert system.dlq.restore([archive.items[0]["id"]]).restored == 1
            assert system.dlq.log(limit=1).items[0]["action"] == "dlq.restore"
            lines = list(system.dlq.export({"topic": topic}))
            assert len(lines) == 1
            assert system.dlq.note([json.loads(lines[0])["id"]], None).noted == 1
            assert system.dlq.import_lines(["x", *lines]).imported == 1

    await asyncio.get_running_loop().run_in_executor(None, run)


async def test_letters_are_noted_exported_and_imported(redis_config):
    async with libevents.EventSystem(redis_config) as system:
        topic = await bury(system, redis_config["service"], 3)
        id_ = (await system.dlq.list(topic)).items[0]["id"]
        assert (await system.dlq.note([id_], "see ticket 7", actor="ann")).noted == 1
        assert (await system.dlq.get(id_))["note"]["text"] == "see ticket 7"
        lines = [line async for line in system.dlq.export({"topic": topic})]
        assert len(lines) == 3
        await system.dlq.discard(filter={"topic": topic}, purge=True)

        async def from_file():
            for line in ["no line\n", *lines]:
                yield line

        answer = await system.dlq.import_lines(from_file())
        assert answer.imported == 3
        assert answer.results[0]["message"] == "line 1: it is no JSON"
        letters = (await system.dlq.list(topic)).items
        assert [letter["body"] for letter in letters] == [0, 1, 2]
        assert letters[0]["note"]["text"] == "see ticket 7"
        assert (await system.dlq.import_lines(from_file())).imported == 0


async def test_a_dry_run_moves_nothing_another_topic_is_told_and_a_canary_stops(redis_config):
    async with libevents.EventSystem(redis_config) as system:
        topic = await bury(system, redis_config["service"], 3)
        dry = await system.dlq.requeue(filter={"topic": topic}, dry_run=True)
        assert (dry.requeued, dry.would_be) == (0, 3)
        id_ = (await system.dlq.list(topic)).items[0]["id"]
        target = topic + "-mended"
        with pytest.raises(libevents.NotFound):
            await system.dlq.requeue([id_], to=target)
        answer = await system.dlq.requeue([id_], to=target, create=True)
        assert answer.results[0]["topic"] == target
        operation = await system.dlq.start(
            "requeue", {"topic": topic}, to=topic + "-quiet", create=True, canary={"count": 1, "outcome_timeout": 300}
        )
        async for current in system.dlq.watch(operation["id"]):
            pass
        assert current["state"] == "stopped"
        assert current["stopped"]["rule"] in ("canary", "outcomeTimeout")
        with pytest.raises(libevents.ValidationError) as caught:
            await system.dlq.start("requeue", {}, canary={"count": 0})
        assert caught.value.path == "/canary/count"
