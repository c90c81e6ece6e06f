# SPDX-License-Identifier: MIT
"""order.py - how much faster four partitions of an ordered topic are than one, with a handler that takes 10 ms."""

from __future__ import annotations

import asyncio
import time

import libevents

EVENTS = 600
HANDLER_SECONDS = 0.010
LEAST = 3.5  # of 4


async def _handle_all(url: str, partitions: int) -> float:
    """Seconds from the first handled event to the last."""
    done, all_done, begun = 0, asyncio.Event(), 0.0
    route = {
        "pattern": f"bench{partitions}.*",
        "transport": "main",
        "ordering": "per-partition",
        "partitions": partitions,
        "partitionKey": "roundRobin",
    }
    config = {
        "service": "order",
        "transports": {"main": {"type": "redis-streams", "url": url}},
        "routing": {"routes": [route]},
    }

    async def handler(event: object, metadata: object) -> None:
        nonlocal done, begun
        begun = begun or time.monotonic()
        await asyncio.sleep(HANDLER_SECONDS)
        done += 1
        if done == EVENTS:
            all_done.set()

    async with libevents.EventSystem(config) as system:
        await system.publish_batch([(f"bench{partitions}.tick", {"number": number}) for number in range(EVENTS)])
        await system.subscribe(f"bench{partitions}.*", handler, concurrency=4)
        await asyncio.wait_for(all_done.wait(), 120)
    return time.monotonic() - begun


def speed_of_four(url: str) -> float:
    one = asyncio.run(_handle_all(url, 1))
    return one / asyncio.run(_handle_all(url, 4))
