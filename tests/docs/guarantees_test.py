# SPDX-License-Identifier: MIT
"""guarantees_test.py - docs/guarantees.md and the browser tests name each other: no promise without a test, no
test without its promise. The tests of other promises, named by their place, are there."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = ROOT / "tests/conformance"


def named() -> set[tuple[str, str]]:
    """(place, test) of each row: | what holds | `place`: test<br>`place`: test |"""
    rows = re.findall(r"^\|(?! ---)[^|]+\|([^|]+)\|$", (ROOT / "docs/guarantees.md").read_text(), re.M)
    return {(place, name.strip()) for row in rows for place, name in re.findall(r"`([\w/]+)`: (.+?)(?:<br>|$)", row.strip())}


def promised() -> set[tuple[str, str]]:
    """What is promised of the dashboard."""
    return {(place, name) for place, name in named() if "/" not in place}


def written() -> set[tuple[str, str]]:
    found = set()
    for path in (ROOT / "tests/browser").glob("*.test.js"):
        for name in re.findall(r'^(?:  )?test\("((?:[^"\\]|\\.)+)"', path.read_text(), re.M):
            found.add((path.name.removesuffix(".test.js"), name.replace('\\"', '"')))
    return found


def is_scenario(place: str, name: str) -> bool:
    path = CONFORMANCE / f"{place}.json"
    return path.is_file() and name in {entry["name"] for entry in json.loads(path.read_text())}


def is_vector(place: str, name: str) -> bool:
    """Every file there is held against every language by tests/conformance/vectors.py and its like."""
    return (CONFORMANCE / f"{place}.json").is_file() and name == "in every language"


def is_fault(place: str, name: str) -> bool:
    return f'"{name}"' in (ROOT / f"tests/{place}.py").read_text()


def is_function(place: str, name: str) -> bool:
    kind, _, file = place.partition("/")
    files = [ROOT / f"bindings/python/tests/test_{file}.py"] if kind == "python" else (ROOT / "tests").glob(f"{place}_test.*")
    function = rf"\b(test_)?{re.sub('[^a-z0-9]+', '_', name)}\("
    return any(re.search(function, path.read_text()) for path in files)


KINDS = {"scenarios": is_scenario, "vectors": is_vector, "fault": is_fault}


def test_every_promise_has_the_test_that_it_names():
    assert promised() - written() == set()


def test_every_browser_test_is_a_promise():
    assert written() - promised() == set()


def test_every_other_promise_has_the_test_that_it_names():
    missing = [(place, name) for place, name in sorted(named() - promised())
               if not KINDS.get(place.split("/")[0], is_function)(place, name)]
    assert missing == []


def test_a_promise_without_its_test_is_seen():
    assert not is_scenario("scenarios/retries", "no such scenario")
    assert not is_vector("vectors/none", "in every language")
    assert not is_fault("fault/table", "no such row")
    assert not is_function("unit/observe/log", "no such test") and not is_function("python/errors", "no such test")


def test_there_are_promises():
    assert len(promised()) > 20 and len(named()) > len(promised())
