# SPDX-License-Identifier: MIT
"""several_transports_test.py - one system with memory, two servers and a file: what a route says goes there and nowhere
else, and of an event for several transports it is told which of them has not got it."""

from __future__ import annotations

import json
import sqlite3
import time

import libevents
import pytest
from cli_support import support

SECONDS = 60
ROUTES = [
    {"pattern": "local.*", "transport": "memory"},
    {"pattern": "east.*", "transport": "east"},
    {"pattern": "west.*", "transport": "west"},
    {"pattern": "kept.*", "transport": "file"},
    {"pattern": "both.*", "transports": ["east", "west"]},
    {"pattern": "all.*", "transports": ["memory", "east", "west", "file"]},
]
TARGETS = {"local": ["memory"], "east": ["east"], "west": ["west"], "kept": ["file"], "both": ["east", "west"],
           "all": ["memory", "east", "west", "file"]}
# Everything that may hold an event up or hand it on in another way must not lead it astray.
PUBLISHERS = {
    "plain": {},
    "batching": {"batching": {"maxSize": 3, "maxWaitMs": 5}},
    "limited": {"rateLimiting": {"maxRequests": 5, "timeWindow": 20}},
    "all of it": {
        "batching": {"strategy": "partition", "maxWaitMs": 5}, "compression": {"algorithm": "zstd", "minBytes": 1},
        "rateLimiting": {"maxRequests": 5, "timeWindow": 20, "scope": "topic", "strategy": "token-bucket"},
    },
}


@pytest.fixture
def servers():
    with support.RedisServer() as east, support.RedisServer() as west:
        yield {"east": east, "west": west}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "events.db"


def open_system(servers, file, publisher):
    redis = {name: {"type": "redis-streams", "url": server.url} for name, server in servers.items()}
    return libevents.SyncEventSystem({
        "service": "shop", "publisher": publisher,
        "transports": {"memory": {"type": "memory"}, "file": {"type": "file", "path": str(file)}, **redis},
        "routing": {"routes": ROUTES},
    })


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def topics_of(system, transport):
    """How many entries each topic of a store has."""
    answer = json.loads(system._ask("topics", {"transport": transport}, SECONDS))
    return {row["topic"]: row["entries"] for row in answer["topics"]}


@pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=PUBLISHERS)
def test_events_come_where_their_route_says_and_nowhere_else(servers, file, publisher):
    seen = []
    with open_system(servers, file, publisher) as system:
        for transport in ("memory", "east", "west", "file"):
            system.subscribe(
                "*", lambda message, metadata: seen.append((metadata.transport, message.type)), transport=transport
            )
        types = [f"{name}.made" for name in TARGETS] * 4
        receipts = system.publish_batch([(type, {"text": "a zebra " * 20}) for type in types])
        assert [receipt.outcome for receipt in receipts] == ["stored"] * len(types)
        expected = sorted(4 * [(target, f"{name}.made") for name, targets in TARGETS.items() for target in targets])
        until(lambda: len(seen) >= len(expected), f"{len(seen)} of {len(expected)} came")
        system.drain(timeout=SECONDS)
        assert sorted(seen) == expected
        assert topics_of(system, "file") == {"kept-events": 4, "all-events": 4}
    assert int(servers["east"].cli("XLEN", "stream:{west-events}")) == 0
    assert int(servers["west"].cli("XLEN", "stream:{west-events}")) == 4


@pytest.mark.parametrize("publisher", [PUBLISHERS["plain"], PUBLISHERS["batching"]], ids=["plain", "batching"])
def test_of_a_fan_out_with_a_target_that_is_down_it_is_told_which(servers, file, publisher):
    with open_system(servers, file, publisher) as system:
        assert system.publish("all.made", 1, timeout=SECONDS).outcome == "stored"
        servers["east"].kill()
        until(lambda: not system.status()["transports"]["east"]["connected"], "the loss is noticed")
        with pytest.raises(libevents.Error, match="east") as caught:
            system.publish("all.made", 2, timeout=3)
        receipt = caught.value.receipt
        assert (receipt.transport, receipt.outcome) == ("east", "refused")
        assert system.publish("west.made", 3, timeout=SECONDS).outcome == "stored"
        assert int(servers["west"].cli("XLEN", "stream:{all-events}")) == 2
        assert topics_of(system, "file") == {"all-events": 2}


def test_of_a_fan_out_with_a_file_that_somebody_holds_it_is_told_which(servers, file):
    with open_system(servers, file, {}) as system:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(libevents.Error, match="file") as caught:
            system.publish("all.made", 1, timeout=3)
        receipt = caught.value.receipt
        assert receipt.transport == "file"
        assert receipt.outcome in ("refused", "unknown")  # unknown: it waits for the file just then
        assert system.publish("both.made", 2, timeout=SECONDS).outcome == "stored"
        other.execute("ROLLBACK")
        assert system.publish("kept.made", 3, timeout=SECONDS).outcome == "stored"
        assert topics_of(system, "file")["kept-events"] == 1
        other.close()


def test_a_system_may_have_as_many_transports_as_are_allowed():
    names = [f"m{n}" for n in range(64)]
    routes = [{"pattern": f"{name}.*", "transport": name} for name in names]
    config = {"service": "shop", "transports": {name: {"type": "memory"} for name in names}, "routing": {"routes": routes}}
    with libevents.SyncEventSystem(config) as system:
        receipts = system.publish_batch([(f"{name}.made", None) for name in names])
        assert [receipt.transport for receipt in receipts] == names
