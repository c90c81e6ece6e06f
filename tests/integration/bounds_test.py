# SPDX-License-Identifier: MIT
"""bounds_test.py - what a client asks of a store does not grow with what is in it: no answer is larger for four times
the letters, events, pending and delayed ones, and no command looks through all keys."""

from __future__ import annotations

import re
import sys

from cli_support import ROOT, consumer, ok, server, store  # noqa: F401 - fixtures are used by name

sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/fixtures")]

from letters import compact  # noqa: E402
from reply_sizes import ReplySizes  # noqa: E402
from resp import Connection, command  # noqa: E402
import sets  # noqa: E402

FEW, MANY = 1500, 6000
TOPIC = "bulk-events"
MOST_BYTES = 4 * 1024 * 1024  # of one answer, whatever it is about
FORBIDDEN = ("keys", "flushall", "flushdb", "sort", "lrange", "sunion")

# Of some commands: those that page are asked for one page, so that two stores are asked alike.
READS = [
    ("dlq", "list"), ("dlq", "list", "--type", "order.shipped"), ("dlq", "list", "--text", "no such text"),
    ("dlq", "groups"), ("dlq", "archive"), ("dlq", "log"), ("groups",), ("retention",), ("audit",), ("fleet",), ("doctor",),
    ("delayed",), ("replay", "list"), ("stats",),
]
CHANGES = [
    ("dlq", "requeue", "--all", "--group", "warehouse"), ("dlq", "discard", "--all", "--group", "billing"),
]


def delayed(count: int):
    """Events that are due in a day."""
    packed = {n: compact({"v": 1, "header": {"id": f"d-{n}", "type": "bulk.done"}, "body": n}) for n in range(count)}
    yield command("EVAL", "local due = redis.call('TIME')[1] * 1000 + 86400000 for n = 1, #ARGV do "
                          "redis.call('ZADD', KEYS[1], due, n) redis.call('HSET', KEYS[2], n, cmsgpack.pack({'data', ARGV[n]})) end "
                          "redis.call('ZADD', 'evs:delays', due, '%s')" % TOPIC,
                  2, "evs:delay:{%s}" % TOPIC, "evs:delayed:{%s}" % TOPIC, *packed.values())


def pending(count: int):
    """Events that a member holds which does not live any more."""
    yield from sets.topic_rows({TOPIC: ["bulk.done"]})
    for n in range(count):
        yield command("XADD", "stream:{%s}" % TOPIC, "*", "data",
                      compact({"v": 1, "header": {"id": f"p-{n}", "type": "bulk.done"}, "body": n}))
    yield command("XGROUP", "CREATE", "stream:{%s}" % TOPIC, "bulk", "0")
    yield command("XREADGROUP", "GROUP", "bulk", "gone", "COUNT", count, "STREAMS", "stream:{%s}" % TOPIC, ">")


def fill(url: str, count: int) -> None:
    with Connection(url) as redis:
        for commands in (sets.dead(count), pending(count), delayed(count)):
            redis.send(commands)


def largest_of(store, consumer, count: int) -> dict[str, int]:
    """The largest answers while everything is asked of a store with so many of each."""
    store.cli("FLUSHALL")
    store.cli("CONFIG", "RESETSTAT")
    fill(store.url, count)
    with ReplySizes(store.port) as proxy:
        for args in READS + CHANGES + READS:
            ok("--redis", proxy.url, *args)
        assert len(consumer(proxy.url, "bulk.*", "fresh", "ack", 200)) == 200
        return proxy.largest


def test_no_answer_grows_with_what_is_stored_and_no_command_looks_through_all_keys(store, consumer):
    few, many = (largest_of(store, consumer, count) for count in (FEW, MANY))
    assert "EVALSHA" in few and "XREADGROUP" in few
    for name, size in many.items():
        assert size <= MOST_BYTES, f"{name}: {size} bytes"
        assert size <= max(65536, 1.5 * few.get(name, 0)), f"{name}: {few.get(name)} bytes, then {size}"
    asked = set(re.findall(r"^cmdstat_(\w+)", store.cli("INFO", "commandstats"), re.M))
    assert not asked & set(FORBIDDEN), asked
