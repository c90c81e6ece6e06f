# SPDX-License-Identifier: MIT
"""client.py ROLE URL COUNT: one client of a store that holds more than anybody wants, in a process of its own, so that
its memory can be told. Does the work of ROLE and prints what it measured as one line of JSON."""

from __future__ import annotations

import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libevents

from stores import GROUP

IDLE_SETTLE_SECONDS, IDLE_SECONDS = 8.0, 60.0
PAGES = 20
PENDING_MOST = 1_000_000
SETTLED_SECONDS = 60.0


def peak_mib() -> float:
    """The most memory that this process ever had."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def system(url: str, **options: Any) -> libevents.SyncEventSystem:
    transport = {"type": "redis-streams", "url": url} | options
    return libevents.SyncEventSystem({"service": "bench", "transports": {"main": transport}})


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLED_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it never came to that")
        time.sleep(0.05)


def idle(url: str, count: int) -> dict[str, float]:
    """What a hundred subscriptions of one group over as many topics cost while nothing happens."""
    def seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    def commands() -> int:
        return int(re.search(r"libevents_commands_total\S* (\d+)", made.metrics())[1])

    made = system(url)
    for number in range(count):
        made.on(f"idle{number}.happened", topics=[f"idle{number}-events"], group=GROUP)(lambda message: None)
    with made:
        made.ready()
        time.sleep(IDLE_SETTLE_SECONDS)
        begun, sent, used = time.monotonic(), commands(), seconds()
        time.sleep(IDLE_SECONDS)
        took = time.monotonic() - begun
        return {"commands": (commands() - sent) / took, "cpu": 100 * (seconds() - used) / took, "mib": peak_mib()}


def letters(url: str, count: int) -> dict[str, float]:
    """Pages of all dead letters in every way, then a bulk requeue of the first `count`. Of the pages of each kind the
    median counts: a busy machine makes any single one late."""
    medians: list[float] = []

    def pages_of(call: Callable[[], Any]) -> None:
        took = []
        for _ in range(PAGES):
            begun = time.monotonic()
            call()
            took.append(1000 * (time.monotonic() - begun))
        medians.append(statistics.median(took))

    with system(url) as made:
        for order in ("newest", "oldest"):
            for options in ({}, {"type": "order.shipped"}, {"type": "no.such"}, {"group": "billing"},
                            {"text": "no such text"}, {"body": False, "limit": 100}):
                place: dict[str, Any] = {}

                def turn(order: str = order, options: dict[str, Any] = options, place: dict[str, Any] = place) -> None:
                    place["page"] = made.dlq.list(order=order, cursor=place.get("cursor"), **options)
                    place["cursor"] = place["page"].next

                pages_of(turn)
        pages_of(made.dlq.groups)
        newest = made.dlq.list(order="newest").items[0]["id"]
        pages_of(lambda: made.dlq.get(newest))
        operation = made.dlq.start("requeue", {})
        begun, done = time.monotonic(), 0
        for current in made.dlq.watch(operation["id"]):
            done = current["done"]
            if done >= count:
                break
        rate = done / (time.monotonic() - begun)
        if current["state"] == "running":
            made.dlq.change_operation(operation["id"], state="aborted")
    return {"page": max(medians), "rate": rate, "mib": peak_mib()}


def pending(url: str, count: int) -> dict[str, float]:
    """Takes over what a dead member had: handles `count` of it, each once."""
    seen = bytearray(PENDING_MOST)  # how often each was handled
    made = system(url, sessionTimeout=1000)

    @made.on("bulk.*", group=GROUP, concurrency=256)
    def handle(message: libevents.Message, metadata: libevents.Metadata) -> None:
        seen[message.body["number"]] += 1

    with made:
        begun = time.monotonic()
        until(lambda: sum(seen) >= count)
        seconds = time.monotonic() - begun
        pages = []
        for call in (made.groups, made.topics, made.retention):
            begun = time.monotonic()
            call()
            pages.append(1000 * (time.monotonic() - begun))
    return {"rate": count / seconds, "again": sum(times > 1 for times in seen), "page": max(pages), "mib": peak_mib()}


def replay(url: str, rate: int) -> dict[str, float]:
    """Replays at a rate for some seconds, then aborts: how far is the rate off, and how long did events still come?"""
    times: list[float] = []
    with system(url) as made:
        started = made.replays.start({"type": "bulk.odd"}, rate=rate)
        made.subscribe("bulk.*", lambda message, metadata: times.append(time.monotonic()), replay=started["id"],
                       concurrency=256)
        until(lambda: len(times) >= rate)  # a second's worth: it runs evenly now
        first, begun = len(times), times[-1]
        until(lambda: len(times) >= 6 * rate)
        measured = (len(times) - first) / (times[-1] - begun)
        stopped = time.monotonic()
        made.replays.change(started["id"], state="aborted")
        last = -1
        while len(times) != last:
            last = len(times)
            time.sleep(1.0)
        late = max(0.0, times[-1] - stopped)
        off = 100 * abs(measured / rate - 1)
    return {"off": off, "late": late}


def keep(url: str, most: int) -> dict[str, float]:
    """Audits a stream of which nothing was read, then has it trimmed to `most` entries."""
    with system(url, retention={"maxMessages": most, "force": True}, retentionInterval=100) as made:
        begun = time.monotonic()
        books = made.conservation()
        audited = time.monotonic() - begun
        made.publish("bulk.done", {"number": -1})  # where something happens it looks at once
        until(lambda: made.retention()[0]["entries"] < 1.1 * most)
        return {"audited": audited, "wrong": sum(row["holds"] is False for row in books["groups"]), "mib": peak_mib()}


ROLES = {"idle": idle, "letters": letters, "pending": pending, "replay": replay, "keep": keep}

if __name__ == "__main__":
    print(json.dumps(ROLES[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
