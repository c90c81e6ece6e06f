# SPDX-License-Identifier: MIT
"""publish_order_test.py - the order of each partition survives lost connections, with batches and without: an event
may be stored twice, but its first copy stands where it belongs."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import libevents
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/fixtures")]

from redis_server import RedisServer  # noqa: E402
from resp import Connection  # noqa: E402

EVENTS, PARTITIONS, CUTS = 20_000, 6, 8
PUBLISHERS = {
    "plain": {}, "by size": {"batching": {"maxSize": 50, "maxWaitMs": 2}},
    "by partition": {"batching": {"strategy": "partition", "maxSize": 20, "maxWaitMs": 2, "maxConcurrentBatches": 5}},
}


@pytest.fixture(scope="module")
def server():
    with RedisServer("--databases", str(len(PUBLISHERS))) as running:
        yield running


def cut_connections(url: str, done: threading.Event, cuts: list[int]) -> None:
    """Ends all connections but its own, again and again, each time after some more events were stored."""
    with Connection(url) as redis:
        for cut in range(1, CUTS + 1):
            while not done.is_set() and stored_count(redis) < cut * EVENTS // (CUTS + 2):
                pass
            if done.is_set():
                return
            cuts.append(redis.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))


def stored_count(redis: Connection) -> int:
    return sum(redis.ask("XLEN", stream(partition)) for partition in range(PARTITIONS))


def stream(partition: int) -> str:
    return "stream:{order-events:%d}" % partition


def first_copies(redis: Connection, partition: int) -> list[int]:
    numbers = [json.loads(fields[1])["body"] for _, fields in redis.ask("XRANGE", stream(partition), "-", "+")]
    return list(dict.fromkeys(numbers))


@pytest.mark.parametrize("name", PUBLISHERS)
def test_the_order_of_each_partition_survives_lost_connections(server, name):
    url = f"{server.url}/{list(PUBLISHERS).index(name)}"
    done, cuts = threading.Event(), []
    cutter = threading.Thread(target=cut_connections, args=(url, done, cuts))
    with libevents.SyncEventSystem({
        "service": "shop",
        "transports": {"main": {"type": "redis-streams", "url": url, "reconnect": {"baseDelay": 1, "maxDelay": 20}}},
        "publisher": {"retry": {"maxRetries": 50, "baseDelay": 1, "maxDelay": 20}, **PUBLISHERS[name]},
        "routing": {"routes": [{"pattern": "order.*", "transport": "main", "partitions": PARTITIONS}]},
    }) as system:
        cutter.start()
        try:
            receipts = system.publish_batch(
                [("order.made", n, {"partition": n % PARTITIONS}) for n in range(EVENTS)], timeout=120
            )
        finally:
            done.set()
            cutter.join()
    assert sum(cuts) > 0, "no connection was cut"
    assert {receipt.outcome for receipt in receipts} == {"stored"}
    with Connection(url) as redis:
        for partition in range(PARTITIONS):
            assert first_copies(redis, partition) == list(range(partition, EVENTS, PARTITIONS))
