# SPDX-License-Identifier: MIT
"""verdict.py - from rounds to medians and ratios, from those to goals; which peers were held up."""

from __future__ import annotations

import statistics
from typing import Any

from lines import BENCHMARK_FIGURE, FIGURES, LEAST_OF_FIGURE, LONE_FIGURES, Goal, Line

SAME_BYTES = 0.05  # entries of a line may differ by this share: the nodes that hold them are never full alike
SERVER_IS_BUSY = 0.9  # of a processor: it is what holds the others up
AT_THEIR_PACE = {"p99_ms", "growth_mib", "cpu_percent"}  # what is measured of programs that nothing holds up
UNITS = {"p99_ms": "ms", "rate": "/s", "cpu_percent": "% of a core", "commands": "commands/s", "rss_mib": "MiB",
         "growth_mib": "MiB more"}

Found = dict[str, dict[str, Any]]  # by contender


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians, and what they are of: "rounds"."""
    rounds = {key: [result[key] for result in results] for key in results[0]}
    medians = {key: statistics.median(values) for key, values in rounds.items()}
    made = medians | {"rounds": rounds}
    key = "rate" if "rate" in medians else "p99_ms"
    if key not in medians or len(results) == 1:
        return made
    return made | {"spread": (max(rounds[key]) - min(rounds[key])) / medians[key]}


def ratio(ours: dict[str, Any], peer: dict[str, Any], of: str) -> float:
    """The median of what each round gave: of one round both were measured in the same moments of the machine, which is
    faster and slower by turns."""
    return statistics.median(one / other for one, other in zip(ours["rounds"][of], peer["rounds"][of]))


def judge(line: Line, goal: Goal, found: Found) -> dict[str, Any]:
    """What was compared, what it is, what it is to be, whether that is met."""
    value, what, unit = found[goal.ours][goal.of], goal.ours, UNITS[goal.of]
    if goal.peer:
        value, unit = ratio(found[goal.ours], found[goal.peer], goal.of), "times"
        what = f"{goal.ours} by {goal.peer}"
        what += "" if goal.of == "rate" else f", {goal.of.removesuffix('_ms')}"
    bound, limit = ("at most", goal.most) if goal.most else ("at least", goal.least)
    return {"line": line.number, "what": what, "value": value, "unit": unit, "bound": bound, "goal": limit,
            "met": value <= limit if goal.most else value >= limit}


def check_bytes(found: Found) -> None:
    sizes = [result["bytes"] for result in found.values() if "bytes" in result]
    if sizes and max(sizes) > min(sizes) * (1 + SAME_BYTES):
        raise RuntimeError(f"the contenders do not store the same: {sizes} bytes an entry")


def held_up(found: Found, benchmark: float) -> list[str]:
    """Peers that were slower than they are, as fast as this machine was in this run: their line shows nothing."""
    expected = {name: figure * benchmark / BENCHMARK_FIGURE for name, figure in FIGURES.items()} | LONE_FIGURES
    least = {name: LEAST_OF_FIGURE * figure for name, figure in expected.items()}
    return [f"{name}: {result['rate']:,.0f}/s, to be expected are {least[name]:,.0f}/s" for name, result in found.items()
            if name in least and result["rate"] < least[name]]


def figure(result: dict[str, Any]) -> str:
    """What a contender reached, as people read it."""
    if "p99_ms" in result:
        return f"p50 {result['p50_ms']:.2f}, p99 {result['p99_ms']:.2f} ms"
    if "growth_mib" in result:
        return f"{result['growth_mib']:+.2f} MiB"
    if "cpu_percent" in result:
        return f"{result['cpu_percent']:.2f} %, {result['commands']:.2f} commands/s, {result['rss_mib']:.1f} MiB"
    return f"{result['rate']:,.0f}/s"


def bottleneck(result: dict[str, Any]) -> str:
    if "server_share" not in result or not AT_THEIR_PACE.isdisjoint(result):
        return ""
    share = result["server_share"]
    return f"{'server' if share >= SERVER_IS_BUSY else 'client'} (server {100 * share:.0f} %)"


def tell(line: Line, found: Found, goals: list[dict[str, Any]], void: list[str]) -> None:
    print(f"\n{line.number}. {line.what}")
    for name, result in found.items():
        spread = f"± {50 * result['spread']:.0f} %" if "spread" in result else ""
        peak = f"{result['peak_kib'] / 1024:.0f} MiB" if "peak_kib" in result else ""
        print(f"   {name:32} {figure(result):>36} {spread:>7}  {bottleneck(result):24} {peak:>8}")
    for goal in goals:
        met = "met" if goal["met"] else "NOT MET"
        print(f"   {goal['what']}: {goal['value']:,.2f} {goal['unit']}, goal {goal['bound']} {goal['goal']:,.2f}: {met}")
    for peer in void:
        print(f"   VOID: {peer}")
