# SPDX-License-Identifier: MIT
"""performance_test.py - the page of figures says what its run found: what is not met, why, and whether it shows anything."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/bench/speed"))

import lines  # noqa: E402
import page  # noqa: E402
import verdict  # noqa: E402

LINE = lines.Line(1, "publish", 100, lines.contenders("ours.c publish", "peers.c publish"),
                  (lines.Goal("ours.c publish", "peers.c publish", 0.9), lines.Goal("ours.c publish", most=1e6)))


def rounds(*rates: float) -> list[dict[str, Any]]:
    return [{"rate": rate, "peak_kib": 1024.0, "server_share": 0.5} for rate in rates]


def found(ours: float, peer: float) -> verdict.Found:
    return {"ours.c publish": verdict.summary(rounds(ours, ours, 3 * ours)),
            "peers.c publish": verdict.summary(rounds(peer, peer, peer))}


def run(ours: float, peer: float, benchmark: float = lines.BENCHMARK_FIGURE) -> dict[str, Any]:
    by_name = found(ours, peer)
    void = verdict.held_up(by_name, benchmark)
    about = dict.fromkeys(("date", "processors", "system", "node", "python", "redis"), "?")
    return {"run": about | {"scale": 1.0, "benchmark": benchmark, "rounds": 3}, "void": void,
            "lines": {"1": {"what": LINE.what, "contenders": by_name, "void": void}},
            "goals": [verdict.judge(LINE, goal, by_name) for goal in LINE.goals]}


def test_a_goal_is_held_against_the_median_of_the_rounds() -> None:
    by_name = found(180_000, 200_000)
    assert by_name["ours.c publish"]["spread"] == 2.0
    ratio, absolute = (verdict.judge(LINE, goal, by_name) for goal in LINE.goals)
    assert (ratio["value"], ratio["met"], absolute["value"], absolute["met"]) == (0.9, True, 180_000, True)


def test_a_ratio_is_of_what_one_round_measured() -> None:
    by_name = {"ours.c publish": verdict.summary(rounds(100, 60, 40)), "peers.c publish": verdict.summary(rounds(50, 60, 20))}
    assert verdict.judge(LINE, LINE.goals[0], by_name)["value"] == 2.0


@pytest.mark.parametrize(("benchmark", "is_void"), [(254_000, True), (120_000, False)])
def test_a_peer_that_was_held_up_makes_a_run_void_unless_the_machine_is_slow(benchmark: float, is_void: bool) -> None:
    found_by_run = run(100_000, 100_000, benchmark)
    text = page.text_of(found_by_run, {})
    assert bool(found_by_run["void"]) == is_void
    assert ("This run is void" in text) == is_void and ("Void: peers.c publish" in text) == is_void


def test_a_fast_server_asks_no_more_of_a_peer_that_has_none() -> None:
    for name, figure in lines.LONE_FIGURES.items():
        for share, is_held in ((0.9, False), (0.7, True)):
            assert bool(verdict.held_up({name: {"rate": share * figure}}, 3 * lines.BENCHMARK_FIGURE)) == is_held


def test_a_goal_that_is_not_met_stands_with_what_is_known_of_it() -> None:
    text = page.text_of(run(100_000, 200_000), {1: "it allocates"})
    assert "| ours.c publish by peers.c publish | 0.50 times | at least 0.9 | **not met** |" in text
    assert "it allocates" in text and "1 of 2 goals are met" in text
    assert "it allocates" not in page.text_of(run(190_000, 200_000), {1: "it allocates"})


def test_the_chart_has_a_bar_for_each_goal() -> None:
    root = ElementTree.fromstring(page.chart(run(100_000, 200_000)["goals"]))
    bars = root.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["unmet", "met"]


def test_every_goal_is_of_contenders_of_its_line() -> None:
    for line in lines.LINES:
        names = {contender.name for contender in line.contenders}
        for goal in line.goals if names else ():
            assert {goal.ours, goal.peer or goal.ours} <= names, line.what
    figures = {contender.name for line in lines.LINES for contender in line.contenders}
    assert {name for name in lines.FIGURES | lines.LONE_FIGURES if name.startswith("peers")} <= figures
