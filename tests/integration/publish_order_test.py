# SPDX-License-Identifier: MIT
"""publish_order_test.py - the order of each partition survives lost connections, with batches and without: an event
may be stored twice, but its first copy stands where it belongs."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import libevents
import pytest
from cli_support import support

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/fixtures")]

from resp import Connection  # noqa: E402

EVENTS, PARTITIONS, CUTS, SECONDS = 3_000, 6, 4, 60
PUBLISHERS = {
    "plain": {}, "by size": {"batching": {"maxSize": 50, "maxWaitMs": 2}},
    "by partition": {"batching": {"strategy": "partition", "maxSize": 20, "maxWaitMs": 2, "maxConcurrentBatches": 5}},
}


@pytest.fixture
def server():
    with support.RedisServer() as running:
        yield running


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


def waiting_client(redis: Connection) -> str:
    """Id of the connection on which several events wait in the server, or nothing."""
    for line in redis.ask("CLIENT", "LIST").splitlines():
        client = dict(pair.split("=", 1) for pair in line.split() if "=" in pair)
        if "b" in client["flags"] and int(client["qbuf"]) > 1000:
            return client["id"]
    return ""


def publish_and_cut(system, redis: Connection, first: int) -> list[libevents.Receipt]:
    """Publishes some events, and ends the connection on which they are on their way."""
    events = [("order.made", n, {"partition": n % PARTITIONS}) for n in range(first, first + EVENTS)]
    receipts: list[libevents.Receipt] = []
    publishing = threading.Thread(target=lambda: receipts.extend(system.publish_batch(events, timeout=SECONDS)))
    redis.ask("CLIENT", "PAUSE", 1000 * SECONDS, "WRITE")
    publishing.start()
    until(lambda: waiting_client(redis), "the server has some, and waits")
    assert redis.ask("CLIENT", "KILL", "ID", waiting_client(redis)) == 1
    redis.ask("CLIENT", "UNPAUSE")
    publishing.join()
    return receipts


def stream(partition: int) -> str:
    return "stream:{order-events:%d}" % partition


def first_copies(redis: Connection, partition: int) -> list[int]:
    numbers = [json.loads(fields[1])["body"] for _, fields in redis.ask("XRANGE", stream(partition), "-", "+")]
    return list(dict.fromkeys(numbers))


@pytest.mark.parametrize("name", PUBLISHERS)
def test_the_order_of_each_partition_survives_lost_connections(server, name):
    config = {
        "service": "shop", "fleet": {"enabled": False},
        "transports": {"main": {"type": "redis-streams", "url": server.url, "reconnect": {"baseDelay": 1, "maxDelay": 20}}},
        "publisher": {"retry": {"maxRetries": 50, "baseDelay": 1, "maxDelay": 20}, **PUBLISHERS[name]},
        "routing": {"routes": [{"pattern": "order.*", "transport": "main", "partitions": PARTITIONS}]},
    }
    with libevents.SyncEventSystem(config) as system, Connection(server.url) as redis:
        system.publish_batch([("order.made", n, {"partition": n}) for n in range(PARTITIONS)])  # it is connected
        for cut in range(CUTS):
            receipts = publish_and_cut(system, redis, PARTITIONS + cut * EVENTS)
            assert [receipt.outcome for receipt in receipts] == ["stored"] * EVENTS
            assert max(receipt.attempts for receipt in receipts) > 1
        for partition in range(PARTITIONS):
            assert first_copies(redis, partition) == list(range(partition, PARTITIONS + CUTS * EVENTS, PARTITIONS))
