# SPDX-License-Identifier: MIT
"""schema_oracle_test.py - the compatibility check against brute force: pairs of small random schemas are held against
every value of a small world. Under the strict policy a schema that is called compatible refuses nothing that the other
one took; what is called incompatible has, where an example is given, one that shows it."""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import libevents  # noqa: E402
import schema_random  # noqa: E402

IS_LONG = bool(os.environ.get("EVS_LONG"))
PAIRS = json.loads((ROOT / "tests/support/counts.json").read_text())["compared_schemas"]["long" if IS_LONG else "short"]
SEED = int(os.environ.get("EVS_SCHEMA_SEED", "20201212"))
SMALL: tuple[Any, ...] = (None, True, 0, 1, 2, -1, 0.5, 3, 7, "", "a", "b", "ab", "a1", "abcd", [], {})


def world() -> list[str]:
    """Every scalar that the schemas speak of and some that they do not, and containers of a few of these."""
    scalars = [None, True, False, *schema_random.NUMBERS, 4, 7, -2, 0.25, *schema_random.TEXTS, "abcd", "zz", "1"]
    lists = [list(items) for size in (1, 2) for items in itertools.product(SMALL, repeat=size)]
    longer = [[1, 2, 3], [1, 1, 1, 1], ["a", "b", 1], [1.5, 2.5, 3.5, 4.5, 5.5]]
    few = (None, 1, 5, 0.5, "a", "abc", [1], {"a": 1})
    objects: list[Any] = [{name: value} for name in (*schema_random.NAMES, "other") for value in (*SMALL, 5, "abc", [1])]
    objects += [{one: x, two: y} for one, two in itertools.combinations(schema_random.NAMES, 2) for x in few for y in few]
    objects += [dict.fromkeys((*schema_random.NAMES, "other"), value) for value in few]
    objects += [dict.fromkeys(schema_random.NAMES[:3], value) for value in few]
    return [json.dumps(value) for value in (*scalars, [], {}, *lists, *longer, *objects)]


WORLD = world()


def accepted(schema: libevents.Schema) -> set[str]:
    return {text for text in WORLD if schema.is_valid_text(text)}


def changed(rng: random.Random, schema: Any) -> Any:
    """A schema that differs from another one in a few places: unrelated ones are seldom compatible."""
    if not isinstance(schema, dict) or not schema or rng.random() < 0.15:
        return schema_random.random_schema(rng, 1)
    copy = dict(schema)
    name = rng.choice(list(copy))
    value = copy[name]
    choice = rng.random()
    if choice < 0.3:
        del copy[name]
    elif isinstance(value, dict) and name not in ("const", "dependentRequired"):
        copy[name] = changed(rng, value) if name in SCHEMA_KEYWORDS else {key: changed(rng, member) if rng.random() < 0.5
                                                                         else member for key, member in value.items()}
    elif isinstance(value, int) and not isinstance(value, bool):
        copy[name] = max(value + rng.choice((-1, 1)), 1 if name == "multipleOf" else 0)
    elif name == "enum":
        copy[name] = [*value, schema_random.random_value(rng, 1)] if rng.random() < 0.5 or len(value) == 1 else value[1:]
    elif name in ("allOf", "anyOf", "oneOf", "prefixItems"):
        copy[name] = [changed(rng, value[0]), *value[1:]]
    else:
        more = schema_random.random_schema(rng, 0)
        copy.update(more if isinstance(more, dict) else {"title": "the same"})
    return copy


SCHEMA_KEYWORDS = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else",
                   "unevaluatedProperties", "unevaluatedItems")


def pair(rng: random.Random) -> tuple[Any, Any]:
    older = schema_random.random_schema(rng, 2)
    return (older, changed(rng, older)) if rng.random() < 0.8 else (older, schema_random.random_schema(rng, 2))


@pytest.fixture(scope="module")
def verdicts() -> list[tuple[Any, Any, dict[str, Any], set[str]]]:
    """Older, newer, the answer, and what of the world only the older one took."""
    rng = random.Random(SEED)
    found = []
    for _ in range(PAIRS):
        older, newer = pair(rng)
        first, second = libevents.Schema(older), libevents.Schema(newer)
        answer = first.compat(second, mode="backward", policy="strict")
        found.append((older, newer, answer, accepted(first) - accepted(second)))
    return found


def test_what_is_called_compatible_refuses_nothing_that_was_taken(verdicts) -> None:
    wrong = [(older, newer, sorted(lost)[:3]) for older, newer, answer, lost in verdicts
             if answer["verdict"] == "compatible" and lost]
    assert wrong == [], f"seed {SEED}"


def test_every_example_shows_what_it_is_given_for(verdicts) -> None:
    shown = 0
    for older, newer, answer, _ in verdicts:
        for example in [reason["example"] for reason in answer["reasons"] if "example" in reason]:
            shown += 1
            assert libevents.Schema(older).is_valid_text(example), (older, newer, example)
            assert not libevents.Schema(newer).is_valid_text(example), (older, newer, example)
    assert shown > PAIRS / 10


def test_hardly_anything_is_refused_for_nothing(verdicts) -> None:
    """A refusal is shown by the world or by its own example. A few are not: a schema may accept less than it seems to
    (`{"type": "boolean", "exclusiveMinimum": 5}`), which the check may take for more, never for less."""
    refused = [(older, newer, bool(lost) or any("example" in reason for reason in answer["reasons"]))
               for older, newer, answer, lost in verdicts if answer["verdict"] == "incompatible"]
    unfounded = [(older, newer) for older, newer, is_shown in refused if not is_shown]
    assert len(refused) > PAIRS / 10
    assert len(unfounded) <= len(refused) / 20, unfounded


def test_the_pairs_are_worth_comparing(verdicts) -> None:
    counts = {verdict: sum(answer["verdict"] == verdict for _, _, answer, _ in verdicts)
              for verdict in ("compatible", "incompatible", "unknown")}
    print(counts, len(WORLD), "values")
    assert min(counts["compatible"], counts["incompatible"]) > PAIRS / 10
