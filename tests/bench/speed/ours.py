# SPDX-License-Identifier: MIT
"""ours.py ROLE CONFIG COUNT PAYLOAD - what libevents does in Python, measured; CONFIG is the JSON of one transport."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import libevents

from program import BATCH, LOOKS, age_ms, at_rate, main, rss_kib, tell_growth, tell_latency, tell_rate

UNDER_WAY = 16  # batches
AT_ONCE = UNDER_WAY * BATCH
OPTIONS = {"group": "bench", "concurrency": 1024}


def system(transport: str) -> libevents.EventSystem:
    return libevents.EventSystem({"service": "bench", "transports": {"main": json.loads(transport)}})


async def publish_all(made: libevents.EventSystem, count: int, body: Any) -> None:
    sizes = iter([BATCH] * (count // BATCH) + [count % BATCH] * (count % BATCH > 0))

    async def lane() -> None:
        for size in sizes:
            receipts = await made.publish_batch([("bench.tick", body) for _ in range(size)])
            assert all(receipt.outcome == "stored" for receipt in receipts)

    await asyncio.gather(*(lane() for _ in range(UNDER_WAY)))


async def handled(made: libevents.EventSystem, count: int, note: Callable[[Any], None] | None = None) -> asyncio.Event:
    """Set when `count` events were handled by a handler that reads the body."""
    all_of_them, seen = asyncio.Event(), 0

    async def handle(message: libevents.Message, metadata: libevents.Metadata) -> None:
        nonlocal seen
        body = message.body
        if note:
            note(body)
        seen += "at" in body
        if seen == count:
            all_of_them.set()

    await made.subscribe("bench.*", handle, **OPTIONS)
    return all_of_them


async def publish(transport: str, count: int, text: str) -> None:
    async with system(transport) as made:
        begun = time.monotonic()
        await publish_all(made, count, json.loads(text))
        tell_rate(count, begun)


async def one_by_one(transport: str, count: int, text: str) -> None:
    body = json.loads(text)
    async with system(transport) as made:
        begun = time.monotonic()
        for _ in range(count):
            await made.publish("bench.tick", body)
        tell_rate(count, begun)


async def consume(transport: str, count: int, text: str) -> None:
    async with system(transport) as made:
        begun = time.monotonic()
        await (await handled(made, count)).wait()
        await made.drain()
        tell_rate(count, begun)


async def latency(transport: str, count: int, text: str) -> None:
    body, ages, tasks = json.loads(text), [], set()

    def send(at: str) -> None:
        task = asyncio.ensure_future(made.publish("bench.tick", body | {"at": at}))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async with system(transport) as made:
        all_of_them = await handled(made, count, lambda found: ages.append(age_ms(found["at"])))
        await at_rate(count, send)
        await all_of_them.wait()
        tell_latency(ages)


async def memory(transport: str, count: int, text: str) -> None:
    async with system('{"type":"memory"}') as made:
        all_of_them = await handled(made, count)
        begun = time.monotonic()
        await asyncio.gather(publish_all(made, count, json.loads(text)), all_of_them.wait())
        tell_rate(count, begun)


async def memory_kept(transport: str, count: int, text: str) -> None:
    """What is kept of the events after the first tenth of them; none waits in a queue for long."""
    seen, looks = 0, []

    def note(body: Any) -> None:
        nonlocal seen
        seen += 1
        if seen % (count // LOOKS) == 0:
            looks.append(rss_kib())

    async with system('{"type":"memory"}') as made:
        await handled(made, count, note)
        begun, body = time.monotonic(), json.loads(text)
        for first in range(0, count, AT_ONCE):
            await publish_all(made, min(AT_ONCE, count - first), body)
            while seen < min(first + AT_ONCE, count):
                await asyncio.sleep(0)
        tell_growth(count, begun, looks)


main({"publish": publish, "one-by-one": one_by_one, "consume": consume, "latency": latency, "memory": memory,
      "memory-kept": memory_kept})
