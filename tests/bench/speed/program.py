# SPDX-License-Identifier: MIT
"""program.py - what the measured programs in Python have in common: the clock of the machine, the pace, the answer."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCH, RATE, LOOKS = 128, 5000, 100


def stamp() -> str:
    """Nanoseconds of the clock that all processes share, in twenty digits."""
    return f"{time.monotonic_ns():020}"


def age_ms(at: str) -> float:
    return (time.monotonic_ns() - int(at)) / 1e6


def status_kib(name: str) -> int:
    """A row of /proc/self/status; what getrusage() gives counts the program that started this one, too."""
    return int(re.search(rf"^{name}:\s+(\d+)", Path("/proc/self/status").read_text(), re.M)[1])


def tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer | {"peak_kib": status_kib("VmHWM")}))


def tell_rate(count: int, begun: float) -> None:
    tell({"count": count, "seconds": time.monotonic() - begun})


def rss_kib() -> int:
    return status_kib("VmRSS")


def tell_growth(count: int, begun: float, looks: list[float]) -> None:
    """From the second tenth of the looks at the memory to the last tenth, the least of each."""
    tenth = LOOKS // 10
    growth_kib = min(looks[-tenth:]) - min(looks[tenth:2 * tenth])
    tell({"count": count, "seconds": time.monotonic() - begun, "growth_mib": growth_kib / 1024})


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
