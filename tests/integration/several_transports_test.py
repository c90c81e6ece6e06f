# SPDX-License-Identifier: MIT
"""several_transports_test.py - one system with memory and two servers: what a route says goes there and nowhere else,
and of an event for several transports it is told which of them has not got it."""

from __future__ import annotations

import time

import libevents
import pytest
from cli_support import support

SECONDS = 30
ROUTES = [
    {"pattern": "local.*", "transport": "memory"},
    {"pattern": "east.*", "transport": "east"},
    {"pattern": "west.*", "transport": "west"},
    {"pattern": "both.*", "transports": ["east", "west"]},
    {"pattern": "all.*", "transports": ["memory", "east", "west"]},
]
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


def open_system(servers, publisher):
    redis = {name: {"type": "redis-streams", "url": server.url} for name, server in servers.items()}
    return libevents.SyncEventSystem({
        "service": "shop", "transports": {"memory": {"type": "memory"}, **redis}, "publisher": publisher,
        "routing": {"routes": ROUTES},
    })


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=PUBLISHERS)
def test_events_come_where_their_route_says_and_nowhere_else(servers, publisher):
    seen = []
    with open_system(servers, publisher) as system:
        for transport in ("memory", "east", "west"):
            system.subscribe(
                "*", lambda message, metadata: seen.append((metadata.transport, message.type)), transport=transport
            )
        types = [f"{name}.made" for name in ("local", "east", "west", "both", "all")] * 4
        receipts = system.publish_batch([(type, {"text": "a zebra " * 20}) for type in types])
        assert [receipt.outcome for receipt in receipts] == ["stored"] * len(types)
        expected = sorted(4 * [
            ("memory", "local.made"), ("memory", "all.made"), ("east", "east.made"), ("east", "both.made"),
            ("east", "all.made"), ("west", "west.made"), ("west", "both.made"), ("west", "all.made"),
        ])
        until(lambda: len(seen) >= len(expected), f"{len(seen)} of {len(expected)} came")
        system.drain(timeout=SECONDS)
        assert sorted(seen) == expected
    assert int(servers["east"].cli("XLEN", "stream:{west-events}")) == 0
    assert int(servers["west"].cli("XLEN", "stream:{west-events}")) == 4


@pytest.mark.parametrize("publisher", [PUBLISHERS["plain"], PUBLISHERS["batching"]], ids=["plain", "batching"])
def test_of_a_fan_out_with_a_target_that_is_down_it_is_told_which(servers, publisher):
    with open_system(servers, publisher) as system:
        assert system.publish("all.made", 1, timeout=SECONDS).outcome == "stored"
        servers["east"].kill()
        until(lambda: not system.status()["transports"]["east"]["connected"], "the loss is noticed")
        with pytest.raises(libevents.Error, match="east") as caught:
            system.publish("all.made", 2, timeout=0.5)
        receipt = caught.value.receipt
        assert (receipt.transport, receipt.outcome) == ("east", "refused")
        assert system.publish("west.made", 3, timeout=SECONDS).outcome == "stored"
        assert int(servers["west"].cli("XLEN", "stream:{all-events}")) == 2


def test_a_system_may_have_as_many_transports_as_are_allowed():
    names = [f"m{n}" for n in range(64)]
    routes = [{"pattern": f"{name}.*", "transport": name} for name in names]
    config = {"service": "shop", "transports": {name: {"type": "memory"} for name in names}, "routing": {"routes": routes}}
    with libevents.SyncEventSystem(config) as system:
        receipts = system.publish_batch([(f"{name}.made", None) for name in names])
        assert [receipt.transport for receipt in receipts] == names
