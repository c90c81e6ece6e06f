# SPDX-License-Identifier: MIT
"""scenarios_test.py - every runner plays every scenario, as many as the others do, and sees an expectation that
was made wrong on purpose."""

from __future__ import annotations

import copy
import json
import os
import sys

import pytest
from languages import HERE, RUNNERS, SCENARIOS, TRANSPORTS, play_in_all

sys.path.insert(0, str(HERE / "runners/python"))
import form  # noqa: E402

GOOD = {"name": "n", "needs": [], "steps": [{"do": "publish", "type": "a.b", "gives": {}}]}

# What the format does not have.
MALFORMED = {
    "unknown key of a scenario": {**GOOD, "need": ["dlq"]},
    "unknown verb": {**GOOD, "steps": [{"do": "publsh"}]},
    "unknown key of a step": {**GOOD, "steps": [{"do": "publish", "type": "a.b", "givs": {}}]},
    "key of another verb": {**GOOD, "steps": [{"do": "flush", "type": "a.b"}]},
    "unknown key of an event": {**GOOD, "steps": [{"do": "publishBatch", "events": [{"typ": "a.b"}]}]},
    "unknown word of a plan": {**GOOD, "steps": [{"do": "subscribe", "pattern": "*", "plan": ["suceed"]}]},
    "unknown key of a word": {**GOOD, "steps": [{"do": "subscribe", "pattern": "*", "plan": [{"fail": {"clas": "E"}}]}]},
    "unknown key of a filter": {**GOOD, "steps": [{"do": "requeue", "filter": {"tpoic": "a"}}]},
    "value of another kind": {**GOOD, "steps": [{"do": "publish", "type": 7}]},
    "both expectations": {**GOOD, "steps": [{"do": "drain", "gives": None, "fails": {}}]},
}


def scenarios() -> list[dict]:
    return [entry for path in sorted(SCENARIOS.glob("*.json")) for entry in json.loads(path.read_text())]


def test_every_scenario_is_in_the_format_and_has_a_name_of_its_own():
    names = [scenario.name for scenario in form.load(SCENARIOS)]
    assert len(names) > 60 and len(set(names)) == len(names)


@pytest.mark.parametrize("what", MALFORMED)
def test_the_format_refuses(what, tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps([GOOD]))
    assert form.load(tmp_path)
    path.write_text(json.dumps([MALFORMED[what]]))
    with pytest.raises(form.Malformed):
        form.load(tmp_path)


def test_the_format_refuses_a_key_that_stands_twice(tmp_path):
    (tmp_path / "one.json").write_text('[{"name": "n", "name": "m", "steps": []}]')
    with pytest.raises(form.Malformed):
        form.load(tmp_path)


def test_every_runner_plays_every_scenario_and_as_many_as_the_others():
    played = play_in_all(SCENARIOS)
    for language, each in played.items():
        print(language, *each.counts(), sep="\n  ")
        assert each.status == 0, f"{language}:\n{each.output}"
    counts = {language: each.counts() for language, each in played.items()}
    transports = json.loads(TRANSPORTS.read_text())
    assert all(each == counts["c"] for each in counts.values()), counts
    assert len(counts["c"]) == len(transports) + 1
    ran, skipped, failed = (int(part.split()[0]) for part in counts["c"][-1].split(", "))
    assert ran + skipped == len(scenarios()) * len(transports) and ran > 100 and failed == 0


def can_play(scenario, capabilities):
    return set(scenario.get("needs", [])) <= capabilities and not capabilities & set(scenario.get("lacks", []))


def test_every_scenario_runs_on_some_transport():
    has = [set(entry["capabilities"]) for entry in json.loads(TRANSPORTS.read_text()).values()]
    for entry in scenarios():
        assert any(can_play(entry, each) for each in has), entry["name"]


def flipped(value):
    """Another value of the same kind; of a list or an object the first entry."""
    if isinstance(value, dict):
        first = next(iter(value), "?")
        return {**value, first: flipped(value.get(first))}
    if isinstance(value, list):
        return [flipped(value[0]), *value[1:]] if value else [{}]
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return value + "?" if isinstance(value, str) else "?"


def flips():
    """Scenarios with one expectation made wrong: one for each verb and each kind of expectation, and one in each
    file; every one there is in a long run."""
    seen = set()
    for path in sorted(SCENARIOS.glob("*.json")):
        for entry in json.loads(path.read_text()):
            for index, step in enumerate(entry["steps"]):
                kind = next((kind for kind in ("gives", "fails") if kind in step), None)
                marks = {path.name, (step["do"], kind)}
                if kind is None or (marks <= seen and not os.environ.get("EVS_LONG")):
                    continue
                seen |= marks
                wrong = copy.deepcopy(entry)
                wrong["steps"][index][kind] = flipped(step[kind])
                wrong["name"] = f"{path.name}, {entry['name']}, {kind} of step {index + 1} ({step['do']})"
                yield wrong


@pytest.mark.parametrize("name", ["redis-streams", "memory"])
def test_every_runner_sees_every_wrong_expectation(name, tmp_path):
    """Each on one transport: it is the runner that is tried. On memory what Redis can do without."""
    transports = json.loads(TRANSPORTS.read_text())
    has = {name: set(entry["capabilities"]) for name, entry in transports.items()}
    wrong = [each for each in flips() if can_play(each, has[name])]
    if name == "memory":
        wrong = [each for each in wrong if not can_play(each, has["redis-streams"])]
    assert wrong
    (tmp_path / "transports").write_text(json.dumps({name: transports[name]}))
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    for language, each in play_in_all(tmp_path, tmp_path / "transports", EVS_LOOK_SECONDS="0.5").items():
        missed = {entry["name"] for entry in wrong} - each.failed()
        assert each.status == 1 and not missed, f"{language} does not see {missed}\n{each.output}"


def test_every_runner_holds_the_statistics_against_what_it_saw(tmp_path):
    """One event too many in the ledgers of a scenario that holds otherwise."""
    (tmp_path / "transports").write_text(json.dumps({"memory": json.loads(TRANSPORTS.read_text())["memory"]}))
    steps = [{"do": "open"}, {"do": "subscribe", "pattern": "a.*"}, {"do": "publish", "type": "a.b"}, {"do": "handled", "gives": [{}]}]
    (tmp_path / "one.json").write_text(json.dumps([{"name": "one", "steps": steps}]))
    for added, status in (("0", 0), ("1", 1)):
        played = play_in_all(tmp_path, tmp_path / "transports", EVS_LEDGER_ADDED=added, EVS_LOOK_SECONDS="0.5")
        for language, each in played.items():
            assert each.status == status and ("statistics of shop" in each.output) == bool(status), f"{language}\n{each.output}"


def test_every_verb_is_used():
    used = {step["do"] for entry in scenarios() for step in entry["steps"]}
    assert used == set(form.VERBS)
    assert {step["do"] for entry in flips() for step in entry["steps"]} <= used


def test_there_is_a_runner_for_each_language():
    assert {language.split("-")[0] for language in RUNNERS} == {
        path.name for path in (HERE / "runners").iterdir() if path.is_dir()
    }
