# SPDX-License-Identifier: MIT
"""guarantees_test.py - docs/guarantees.md and the browser tests name each other: no promise without a test, no
test without its promise. The tests of other promises, named by their place in tests/, are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def named() -> set[tuple[str, str]]:
    """(file, test) of each row: | what holds | `file`: test<br>`file`: test |"""
    rows = re.findall(r"^\|(?! ---)[^|]+\|([^|]+)\|$", (ROOT / "docs/guarantees.md").read_text(), re.M)
    return {(file, name.strip()) for row in rows for file, name in re.findall(r"`([\w/]+)`: (.+?)(?:<br>|$)", row.strip())}


def promised() -> set[tuple[str, str]]:
    return {(file, name) for file, name in named() if "/" not in file}


def written() -> set[tuple[str, str]]:
    found = set()
    for path in (ROOT / "tests/browser").glob("*.test.js"):
        for name in re.findall(r'^(?:  )?test\("((?:[^"\\]|\\.)+)"', path.read_text(), re.M):
            found.add((path.name.removesuffix(".test.js"), name.replace('\\"', '"')))
    return found


def test_every_promise_has_the_test_that_it_names():
    assert promised() - written() == set()


def test_every_browser_test_is_a_promise():
    assert written() - promised() == set()


def test_every_other_promise_has_the_test_that_it_names():
    missing = []
    for place, name in named() - promised():
        sources = [path.read_text() for path in (ROOT / "tests").glob(f"{place}_test.*")]
        function = rf"\b(test_)?{name.replace(' ', '_')}\("
        if not any(re.search(function, source) for source in sources):
            missing.append((place, name))
    assert missing == []


def test_there_are_promises():
    assert len(promised()) > 20 and len(named()) > len(promised())
