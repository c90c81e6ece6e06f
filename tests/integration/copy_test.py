# SPDX-License-Identifier: MIT
"""`events file copy`: everything that a store has, with all its states, to another one and back."""

import json
import signal

import libevents
import pytest

from cli_support import counts, events, ok, start, support, until

COUNT = counts("copied_events")
SCHEMAS = [{"type": "object", "properties": names} for names in ({"id": {"type": "string"}},
                                                                  {"id": {"type": "string"}, "note": {"type": "string"}})]


@pytest.fixture(scope="module")
def server():
    with support.RedisServer() as running:
        yield running


@pytest.fixture
def store(server):
    server.cli("FLUSHALL")
    return server


def system(transport, **more):
    return libevents.SyncEventSystem({
        "service": "shop", "transports": {"main": transport | {
            "retry": {"maxRetries": 3, "baseDelay": 600_000, "maxDelay": 600_000, "jitter": 0},
            "retention": {"maxMessages": 10_000_000}}},
        "routing": {"routes": [{"pattern": "order.*", "transport": "main", "ordering": "strict", "onDeadLetter": "block"},
                               {"pattern": "part.*", "transport": "main", "partitions": 2}]}} | more)


def ask(made, method, params=None):
    """Any request, as programs without a function for it make it."""
    return json.loads(made._ask(method, params or {}, 600.0))


def on_file(path):
    return {"type": "file", "path": str(path)}


def fill(transport, count):
    """Events in every state: acknowledged, parked after a failure, dead, discarded, delayed, unread, and behind a letter."""
    with system(transport, schemas={"registry": "transport"}) as made:
        for version in SCHEMAS:
            made.schemas.register("user.made", version)

        def handle(message, metadata):
            number = message.body
            if number % 50 == 7:
                raise ValueError(f"parked {number}")
            if number % 50 == 8:
                raise libevents.Reject(f"dead {number}")

        for first in range(0, count, 1000):
            made.publish_batch([("bulk.happened", number, {"id": f"b-{number}"})
                                for number in range(first, min(first + 1000, count))])
        made.subscribe("bulk.*", handle, group="billing", concurrency=512)
        until(lambda: settled(made, "bulk-events", "billing"), 300)
        made.publish_batch([("part.moved", number, {"key": str(number), "id": f"p-{number}"}) for number in range(20)])
        made.publish("bulk.later", 1, delay=3600)
        letters = made.dlq.list(limit=4).items
        made.dlq.discard([letters[0]["id"]])
        ask(made, "dlq.note", {"ids": [letters[1]["id"]], "note": "look at this"})
        # one that holds up the others
        made.subscribe("order.*", lambda message, metadata: refuse(message), group="shipping")
        made.publish_batch([("order.placed", number, {"id": f"o-{number}"}) for number in range(3)])
        until(lambda: any(letter.get("holds") for letter in made.dlq.list(topic="order-events").items))


def refuse(message):
    if message.body == 1:
        raise libevents.Reject("no")


def settled(made, topic, group):
    row = next(row for row in made.groups() if row["topic"] == topic and row["group"] == group)
    return row["lag"] == 0 and row["pending"] == row["parked"]


def pages(place, method, **params):
    """Of a request whose answer has `items` and `next`."""
    with libevents.SyncEventSystem({"service": "look", "transports": {"main": place}}) as made:
        found, cursor = [], None
        while True:
            page = ask(made, method, params | ({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page.get("next")
            if not cursor:
                return found


def snapshot(place):
    """What users can see of a store, without what belongs to one kind of store: offsets and ids of letters."""
    with libevents.SyncEventSystem({"service": "look", "transports": {"main": place}}) as made:
        topics = ask(made, "topics")["topics"]
        groups = ask(made, "groups")["groups"]
        books = ask(made, "conservation")
        delayed = ask(made, "delayed", {})
        schemas = ask(made, "schemas.read")["items"]
        states = {name: states_of(made, name) for name in sorted({row["topic"] for row in topics})}
    keep = ("topic", "partition", "group", "entries", "lag", "pending", "parked")
    letters = [(item["header"]["id"], item["error"], item["attempts"], item["firstFailureAt"], item.get("holds"),
                (item.get("note") or {}).get("text")) for item in pages(place, "dlq.list", limit=1000)]
    return {
        "topics": sorted((row["topic"], str(row["partition"]), row["entries"], row["deadLetters"], row["delayed"],
                          tuple(row["types"])) for row in topics),
        "groups": sorted(tuple(str(row[name]) for name in keep) for row in groups),
        "books": sorted((row["topic"], str(row["partition"]), row["group"], row["acknowledged"], row["dead"], row["pending"],
                         row["unread"], row["holds"]) for row in books["groups"]),
        "holds": books["holds"],
        "schemas": schemas,
        "delayed": [item["dueAt"] // 1000 for item in delayed["items"]],
        "letters": sorted(letters, key=str),
        "archive": sorted((item["header"]["id"], item["action"])
                          for item in pages(place, "dlq.archive", limit=1000)),
        "states": states,
    }


def states_of(made, topic):
    """Of each event that is pending: for whom, how often it was given, when it is due, what is kept, what it waits for."""
    found, streams = {}, [row["name"] for row in ask(made, "copy.look")["streams"] if row["topic"] == topic]
    for stream in streams:
        after = ""
        while True:
            page = ask(made, "copy.read", {"stream": stream, "what": "entries", "after": after, "limit": 1000})
            for row in page["rows"]:
                header = json.loads(dict(row["fields"])["data"])["header"]
                for each in row.get("pending", []):
                    found[f"{stream} {each['group']} {header['id']}"] = (
                        each["deliveries"], each["due"], each.get("state"), row["at"], "letter" in each)
            after = page["next"]
            if not after:
                break
    return found


def test_a_copy_to_redis_and_back_keeps_every_state(store, tmp_path):
    fill(on_file(tmp_path / "first.db"), COUNT)
    first = snapshot(on_file(tmp_path / "first.db"))
    assert first["holds"] is True and len(first["states"]["bulk-events"]) == COUNT // 50
    assert first["letters"] and first["archive"] and first["delayed"] and len(first["schemas"]) == 1 + len(SCHEMAS)
    done = json.loads(ok("file", "copy", store.url, "--json", "--file", tmp_path / "first.db", timeout=1200))
    assert done["entries"] == COUNT + 23
    on_redis = snapshot({"type": "redis-streams", "url": store.url})
    assert on_redis == first
    ok("file", "copy", tmp_path / "second.db", "--redis", store.url, timeout=1200)
    assert snapshot(on_file(tmp_path / "second.db")) == first


def test_what_was_copied_goes_on_where_it_was(store, tmp_path):
    """The letter that holds up others is requeued on the other side, and they run behind it."""
    fill(on_file(tmp_path / "events.db"), 100)
    ok("file", "copy", store.url, "--file", tmp_path / "events.db")
    seen = []
    with system({"type": "redis-streams", "url": store.url}) as made:
        made.subscribe("order.*", lambda message, metadata: seen.append(message.body), group="shipping")
        made.subscribe("bulk.*", lambda message, metadata: None, group="billing")
        letter = made.dlq.list(topic="order-events").items[0]
        assert letter["holds"] == "lane"
        made.dlq.requeue([letter["id"]])
        until(lambda: seen == [1, 2])
        until(lambda: ask(made, "conservation")["holds"] is True)


def test_a_copy_that_was_stopped_goes_on(store, tmp_path):
    fill(on_file(tmp_path / "events.db"), 3000)
    copying = start("file", "copy", store.url, "--file", tmp_path / "events.db")
    until(lambda: int(store.cli("XLEN", "stream:{bulk-events}") or 0) > 0 or copying.poll() is not None)
    copying.send_signal(signal.SIGKILL)
    copying.communicate()
    ok("file", "copy", store.url, "--file", tmp_path / "events.db")
    assert snapshot({"type": "redis-streams", "url": store.url}) == snapshot(on_file(tmp_path / "events.db"))


def test_what_is_there_already_is_a_conflict(store, tmp_path):
    ok("publish", "order.placed", "1", "--redis", store.url)
    ok("publish", "order.placed", "2", "--file", tmp_path / "events.db")
    done = events("file", "copy", store.url, "--file", tmp_path / "events.db")
    assert done.returncode == 1 and "did not bring" in done.stderr
    assert json.loads(ok("stats", "--json", "--redis", store.url))["topics"][0]["entries"] == 1


def test_other_schemas_are_a_conflict(store, tmp_path):
    for text, place in (("string", ("--file", tmp_path / "events.db")), ("null", ("--redis", store.url))):
        (tmp_path / "schema.json").write_text(json.dumps({"type": text}))
        ok("schema", "register", "user.made", tmp_path / "schema.json", *place)
    done = events("file", "copy", store.url, "--file", tmp_path / "events.db")
    assert done.returncode == 1 and "other schemas" in done.stderr
    assert '"null"' in ok("schema", "show", "user.made", "--redis", store.url)


def test_while_somebody_consumes_nothing_is_copied_but_by_force(tmp_path):
    path, target = tmp_path / "events.db", tmp_path / "target.db"
    with system(on_file(path)) as made:
        made.subscribe("bulk.*", lambda message, metadata: None, group="billing")
        made.ready()
        made.publish("bulk.happened", 1)
        done = events("file", "copy", target, "--file", path)
        assert done.returncode == 1 and "stop what consumes" in done.stderr
        ok("file", "copy", target, "--force", "--file", path)
