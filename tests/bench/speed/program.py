# SPDX-License-Identifier: MIT
"""program.py - what the measured programs in Python have in common: the clock of the machine, the pace, the answer."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCH, RATE = 128, 5000


def stamp() -> str:
    """Nanoseconds of the clock that all processes share, in twenty digits."""
    return f"{time.monotonic_ns():020}"


def age_ms(at: str) -> float:
    return (time.monotonic_ns() - int(at)) / 1e6


def tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer | {"peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def tell_rate(count: int, begun: float) -> None:
    tell({"count": count, "seconds": time.monotonic() - begun})


def tell_latency(ages: list[float]) -> None:
    ages.sort()
    at = [ages[min(len(ages) - 1, int(len(ages) * share))] for share in (0.5, 0.99, 1)]
    tell(dict(zip(("p50_ms", "p99_ms", "max_ms"), at)) | {"count": len(ages)})


async def at_rate(count: int, send: Callable[[], Any]) -> None:
    """Calls `send` so often as RATE says, `count` times."""
    begun, sent = time.monotonic(), 0
    while sent < count:
        due = min(count, int((time.monotonic() - begun) * RATE) + 1)
        while sent < due:
            send()
            sent += 1
        await asyncio.sleep(0.001)


def main(roles: dict[str, Callable[[str, int, str], Any]]) -> None:
    """FILE ROLE TARGET COUNT PAYLOAD"""
    role, target, count, payload = sys.argv[1:]
    asyncio.run(roles[role](target, int(count), Path(payload).read_text()))
