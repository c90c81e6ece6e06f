# SPDX-License-Identifier: MIT
"""page.py - docs/performance.md and its chart, from the JSON of one run. What was found about goals that are not met
stands in unmet.md beside this file, a section for each line."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from verdict import bottleneck, figure

ROOT = Path(__file__).resolve().parents[3]
PAGE, CHART = ROOT / "docs/performance.md", ROOT / "docs/performance.svg"
UNMET = Path(__file__).with_name("unmet.md")
WIDTH, ROW, NAMES, MOST = 760, 22, 400, 2.0  # of the chart; a bar ends at twice its goal

INTRODUCTION = """# Performance

Written by `scripts/bench speed --page FILE` from one run of `scripts/bench speed --json FILE`; not by hand.

Programs that do the same job are measured side by side in one run: in turns, {rounds} rounds of each, medians; ± is half of
what the rounds differ by. Numbers move with the machine; what counts are the ratios: the medians of those that each round
gave, within which the machine changes least. Client and server are kept on processors of their own, all contenders store
entries of the same bytes (BullMQ its own jobs), and what arrived is counted.

{date}; {processors}; {system}; Node {node}; Python {python}; Redis {redis}, persistence off, on loopback. The run measured
{scale_of_run} of the events of a whole one. redis-benchmark, 128 commands at a time, reached {benchmark:,.0f}/s with the same
entries.
{void}
![what was reached, by its goal](performance.svg)

{met} of {asked} goals are met. What the dashboard does with a million dead letters is looked at elsewhere: times and memory of
their pages by `scripts/bench gate`, exact counts of their groups by `scripts/test --long browser`.
"""


def unmet_notes() -> dict[int, str]:
    """What is known, by the number of the line."""
    parts = re.split(r"^## (\d+)$", UNMET.read_text(), flags=re.M)
    return {int(number): text.strip() for number, text in zip(parts[1::2], parts[2::2])}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def goal_row(goal: dict[str, Any]) -> tuple[str, ...]:
    return (goal["what"], f"{goal['value']:,.2f} {goal['unit']}", f"{goal['bound']} {goal['goal']:,.12g}",
            "met" if goal["met"] else "**not met**")


def contender_row(name: str, result: dict[str, Any]) -> tuple[str, ...]:
    spread = f"± {50 * result['spread']:.0f} %" if "spread" in result else ""
    peak = f"{result['peak_kib'] / 1024:.0f} MiB" if "peak_kib" in result else ""
    return name, figure(result), spread, bottleneck(result), peak


def section(number: str, line: dict[str, Any], goals: list[dict[str, Any]], note: str) -> str:
    text = f"\n## {number}. {line['what']}\n\n"
    text += table(("contender", "reached", "spread", "limited by", "peak memory"),
                  [contender_row(*found) for found in line["contenders"].items()])
    text += "\n" + table(("goal", "reached", "asked for", ""), [goal_row(goal) for goal in goals])
    text += "".join(f"\nVoid: {peer}.\n" for peer in line["void"])
    return text + (f"\nWhy, and what was tried: {note}\n" if not all(goal["met"] for goal in goals) else "")


def attained(goal: dict[str, Any]) -> float:
    """1 where a goal is just met, more where it is passed."""
    if goal["bound"] == "at least":
        return goal["value"] / goal["goal"]
    return goal["goal"] / max(goal["value"], goal["goal"] / MOST)


def bar(at: int, goal: dict[str, Any]) -> str:
    y, length = at * ROW, min(attained(goal), MOST) / MOST * (WIDTH - NAMES)
    words = html.escape(f"{goal['line']}. {goal['what']}")
    return (f'<text x="{NAMES - 8}" y="{y + 15}" text-anchor="end">{words}</text>'
            f'<rect class="{"met" if goal["met"] else "unmet"}" x="{NAMES}" y="{y + 4}" width="{length:.1f}" height="{ROW - 8}"/>\n')


def chart(goals: list[dict[str, Any]]) -> str:
    """A bar for each goal; the upright line is where it is met."""
    height, goal_at = len(goals) * ROW, NAMES + (WIDTH - NAMES) / MOST
    style = ("text{font:11px sans-serif;fill:#24292f}.met{fill:#2f7d4f}.unmet{fill:#b3472d}line{stroke:#57606a}"
             "@media(prefers-color-scheme:dark){text{fill:#e6edf3}line{stroke:#9da7b3}}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">\n'
            f"<title>What was reached, by its goal</title>\n<style>{style}</style>\n"
            + "".join(bar(at, goal) for at, goal in enumerate(goals))
            + f'<line x1="{goal_at}" x2="{goal_at}" y1="0" y2="{height}"/>\n</svg>\n')


def text_of(found: dict[str, Any], notes: dict[int, str]) -> str:
    run = found["run"]
    void = f"\n**This run is void**: {len(found['void'])} of the peers were held up by something else.\n" if found["void"] else ""
    met = [goal["met"] for goal in found["goals"]]
    text = INTRODUCTION.format(**run, scale_of_run=f"{100 * run['scale']:g} %", void=void, met=sum(met), asked=len(met))
    for number, line in found["lines"].items():
        goals = [goal for goal in found["goals"] if goal["line"] == int(number)]
        text += section(number, line, goals, notes.get(int(number), "not looked into yet."))
    return text


def write(found: dict[str, Any]) -> None:
    PAGE.write_text(text_of(found, unmet_notes()))
    CHART.write_text(chart(found["goals"]))
    print(f"{PAGE.relative_to(ROOT)} and {CHART.relative_to(ROOT)} are written")
