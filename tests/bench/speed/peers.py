# SPDX-License-Identifier: MIT
"""peers.py ROLE URL COUNT ENTRY - the same jobs by redis-py with its parser in C, and by blinker; ENTRY is the text of one
stored event."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import pip_package  # noqa: E402

for name, version in (("redis", "8.1.0"), ("hiredis", "3.5.0"), ("blinker", "1.9.0")):
    pip_package.need(name, version)

import blinker  # noqa: E402
import redis.asyncio  # noqa: E402

from program import BATCH, age_ms, at_rate, main, tell_latency, tell_rate  # noqa: E402

STREAM, GROUP, READ_COUNT, BLOCK_MS = "stream:{bench-events}", "bench-redis-py", 500, 10_000


async def publish(url: str, count: int, text: str) -> None:
    begun = time.monotonic()
    async with redis.asyncio.from_url(url) as client:
        for first in range(0, count, BATCH):
            pipeline = client.pipeline(transaction=False)
            for _ in range(min(BATCH, count - first)):
                pipeline.xadd(STREAM, {"data": text})
            await pipeline.execute()
    tell_rate(count, begun)


async def one_by_one(url: str, count: int, text: str) -> None:
    async with redis.asyncio.from_url(url) as client:
        begun = time.monotonic()
        for _ in range(count):
            await client.xadd(STREAM, {"data": text})
    tell_rate(count, begun)


async def consume_all(client: redis.asyncio.Redis, count: int, handler) -> None:
    seen = 0
    while seen < count:
        answer = await client.xreadgroup(GROUP, "c", {STREAM: ">"}, count=READ_COUNT, block=BLOCK_MS)
        entries = answer[0][1] if isinstance(answer, list) else next(iter(answer.values()))[0]
        for _, fields in entries:
            await handler(json.loads(fields[b"data"])["body"])
        await client.xack(STREAM, GROUP, *(entry[0] for entry in entries))
        seen += len(entries)


async def consume(url: str, count: int, text: str) -> None:
    read = 0

    async def handle(body) -> None:
        nonlocal read
        read += len(body["at"])

    async with redis.asyncio.from_url(url) as client:
        await client.xgroup_create(STREAM, GROUP, "0", mkstream=True)
        begun = time.monotonic()
        await consume_all(client, count, handle)
    assert read == 20 * count
    tell_rate(count, begun)


async def latency(url: str, count: int, text: str) -> None:
    entry, ages = json.loads(text), []
    waiting: asyncio.Queue[str] = asyncio.Queue()

    async def handle(body) -> None:
        ages.append(age_ms(body["at"]))

    def send(at: str) -> None:
        entry["body"]["at"] = at
        waiting.put_nowait(json.dumps(entry, separators=(",", ":")))

    async def send_all(client: redis.asyncio.Redis) -> None:
        """What one turn of the loop has brought, in one pipeline."""
        while True:
            pipeline = client.pipeline(transaction=False)
            pipeline.xadd(STREAM, {"data": await waiting.get()})
            while not waiting.empty():
                pipeline.xadd(STREAM, {"data": waiting.get_nowait()})
            await pipeline.execute()

    async with redis.asyncio.from_url(url) as client, redis.asyncio.from_url(url, socket_timeout=None) as other:
        await client.xgroup_create(STREAM, GROUP, "0", mkstream=True)
        taking, sending = asyncio.ensure_future(consume_all(other, count, handle)), asyncio.ensure_future(send_all(client))
        await at_rate(count, send)
        await taking
        sending.cancel()
    tell_latency(ages)


async def signals(url: str, count: int, text: str) -> None:
    seen, signal, body = 0, blinker.Signal(), json.loads(text)["body"]

    def handle(sender, body) -> None:
        nonlocal seen
        seen += "at" in body

    signal.connect(handle)
    begun = time.monotonic()
    for _ in range(count):
        signal.send(None, body=body)
    assert seen == count
    tell_rate(count, begun)


main({"publish": publish, "one-by-one": one_by_one, "consume": consume, "latency": latency, "blinker": signals})
