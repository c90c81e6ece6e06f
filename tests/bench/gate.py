# SPDX-License-Identifier: MIT
"""gate.py - the limits that were promised: measured, limit, met. Exit status 1 if one is not met.

Limits stand here and not in the tests, which look at causes: a busy machine may miss a limit without a defect.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import file as on_file  # noqa: E402
import large  # noqa: E402
import libevents  # noqa: E402
import order  # noqa: E402
import pages  # noqa: E402
import validate  # noqa: E402
from redis_server import RedisServer  # noqa: E402

EVENTS = 100_000
TASKS = 500  # so many publishes are awaited at the same time
TICK_SECONDS = 0.010
LATE_MS = 50  # of the 99th percentile of a 10 ms timer's ticks


async def publish_all(system: libevents.EventSystem) -> int:
    """Awaits every publish; returns how many were reported as stored."""
    numbers = iter(range(EVENTS))
    stored = 0

    async def publisher() -> None:
        nonlocal stored
        for number in numbers:
            receipt = await system.publish("gate.tick", {"number": number})
            stored += receipt.outcome == "stored"

    await asyncio.gather(*(publisher() for _ in range(TASKS)))
    return stored


async def watch_loop(late: list[float]) -> None:
    """A 10 ms timer: notes by how much each of its ticks comes late."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        late.append(max(0.0, loop.time() - due))


async def measure(url: str) -> tuple[float, list[float], int]:
    late: list[float] = []
    config = {"service": "gate", "transports": {"main": {"type": "redis-streams", "url": url}}}
    async with libevents.EventSystem(config) as system:
        await system.publish("gate.tick", {"number": -1})  # connected, scripts loaded
        timer = asyncio.create_task(watch_loop(late))
        begun = time.monotonic()
        stored = await publish_all(system)
        seconds = time.monotonic() - begun
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
    return seconds, late, stored


def measure_node(url: str) -> dict[str, dict[str, float]]:
    program = str(Path(__file__).with_name("gate.mjs"))
    done = subprocess.run(["node", program, url], stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def row(what: str, measured: float, unit: str, limit: float = EVENTS) -> tuple[str, float, float, str, bool]:
    """All events are to be there, a rate is to be reached; anything else is to stay below its limit."""
    met = measured == limit if unit == "events" else measured >= limit if "at least" in unit else measured < limit
    return what, round(measured, 2), limit, unit, met


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with RedisServer() as server:
        seconds, late, stored = asyncio.run(measure(server.url))
        node = measure_node(server.url)
        four = order.speed_of_four(server.url)
        on_server = int(server.cli("XLEN", "stream:{gate-events}")) - 1
    rows = [
        row("Python: publishes awaited and stored", stored, "events"),
        row("Python: of these on the server", on_server, "events"),
        row("Python: time to publish them", seconds, "s", 20),
        row("Python: timer late meanwhile", percentile(late, 0.99) * 1000, "ms", LATE_MS),
    ]
    rows.append(row("Order: 4 partitions as fast as one", four, "times, at least", order.LEAST))
    rows.append(row("Schemas: texts held against one in C, as fast as Ajv", validate.by_ajv(validate.measure()),
                    "times, at least", validate.LEAST))
    rows.append(row("Dashboard: stopping with 20 clients", pages.seconds_to_stop(), "s", pages.STOP_SECONDS))
    for verb, found in node.items():
        rows += [
            row(f"Node: {verb}", found["events"], "events"),
            row(f"Node: time to {verb} them", found["seconds"], "s", 10),
            row(f"Node: timer late meanwhile ({verb})", found["late99"], "ms", LATE_MS),
        ]
    rows += [row(what, measured, unit, limit) for what, measured, unit, limit in large.all_of_it()]
    rows += [row(what, measured, unit, limit) for what, measured, unit, limit in on_file.all_of_it()]
    print(f"{'gate':45} {'measured':>12} {'limit':>10} {'':12}met")
    for what, measured, limit, unit, met in rows:
        print(f"{what:45} {measured:>12} {limit:>10} {unit:11} {'yes' if met else 'NO'}")
    if args.json:
        args.json.write_text(json.dumps([dict(zip(("name", "measured", "limit", "unit", "met"), row)) for row in rows],
                                        indent=2) + "\n")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
