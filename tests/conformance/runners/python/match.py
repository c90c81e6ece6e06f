# SPDX-License-Identifier: MIT
"""match.py - does what was found agree with what a scenario expects? The same rules in every runner:

an object holds at least the expected members; `null` also stands for a member that is not there; a list has as
many entries, in order unless any order will do; a text that begins with `~` is found within; the rest is equal.
"""

from __future__ import annotations

from typing import Any


def difference(expected: Any, found: Any, path: str = "") -> str | None:
    """Says where the two differ, or None."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return _first(difference(value, found.get(name), f"{path}/{name}") for name, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return _length(expected, found, path) or _first(
            difference(value, found[index], f"{path}/{index}") for index, value in enumerate(expected)
        )
    if isinstance(expected, str) and expected.startswith("~"):
        is_same = isinstance(found, str) and expected[1:] in found
    else:
        is_same = expected == found and isinstance(expected, bool) == isinstance(found, bool)
    return None if is_same else f"{path or '/'}: found {found!r}, expected {expected!r}"


def difference_in_any_order(expected: list, found: list) -> str | None:
    """The same for lists without an order: each expected entry takes the first that agrees with it."""
    left = list(found)
    for index, entry in enumerate(expected):
        taken = next((each for each in left if difference(entry, each) is None), None)
        if taken is None:
            return f"/{index}: nothing found agrees with {entry!r}"
        left.remove(taken)
    return _length(expected, found, "")


def repeated(entries: list) -> list:
    """An entry with `times` stands for as many."""
    return [
        {name: value for name, value in entry.items() if name != "times"}
        for entry in entries
        for _ in range(entry.get("times", 1))
    ]


def _length(expected: list, found: list, path: str) -> str | None:
    return None if len(expected) == len(found) else f"{path or '/'}: found {len(found)} entries, expected {len(expected)}"


def _first(differences: Any) -> str | None:
    return next((each for each in differences if each is not None), None)
