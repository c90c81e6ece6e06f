# SPDX-License-Identifier: MIT
"""guarantees_test.py - docs/guarantees.md and the browser tests name each other: no promise without a test, no
test without its promise."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def promised() -> set[tuple[str, str]]:
    """(file, test) of each row: | what holds | `file`: test<br>`file`: test |"""
    rows = re.findall(r"^\|(?! ---)[^|]+\|([^|]+)\|$", (ROOT / "docs/guarantees.md").read_text(), re.M)
    return {(file, name.strip()) for row in rows for file, name in re.findall(r"`(\w+)`: (.+?)(?:<br>|$)", row.strip())}


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


def test_there_are_promises():
    assert len(promised()) > 20
