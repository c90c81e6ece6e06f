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


def age_ms(at: str) -> float:
    """Of an event by its stamp: nanoseconds of the clock that all processes share, in twenty digits."""
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


async def at_rate(count: int, send: Callable[[str], Any]) -> None:
    """Calls `send` so often as RATE says, `count` times, with the stamp of when it is due: what comes late is older."""
    begun, sent = time.monotonic_ns(), 0
    while sent < count:
        due = min(count, (time.monotonic_ns() - begun) * RATE // 10**9 + 1)
        while sent < due:
            send(f"{begun + sent * 10**9 // RATE:020}")
            sent += 1
        await asyncio.sleep(0.001)


def main(roles: dict[str, Callable[[str, int, str], Any]]) -> None:
    """FILE ROLE TARGET COUNT PAYLOAD"""
    role, target, count, payload = sys.argv[1:]
    asyncio.run(roles[role](target, int(count), Path(payload).read_text()))
