# SPDX-License-Identifier: MIT
"""schema_peers_test.py - random schemas and instances get the verdicts that python-jsonschema and Ajv give them. Where a
peer differs, the difference is one that PEERS_DIFFER explains, with a schema that shows it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import libevents  # noqa: E402
import schema_random  # noqa: E402

IS_LONG = bool(os.environ.get("EVS_LONG"))
PAIRS = json.loads((ROOT / "tests/support/counts.json").read_text())["schema_pairs"]["long" if IS_LONG else "short"]
SEED = int(os.environ.get("EVS_SCHEMA_SEED", "20201212"))


def instances(rng: random.Random, schema: Any) -> Any:
    return schema_random.near(rng, schema) if rng.random() < 0.6 else schema_random.random_value(rng)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Any, Any]]:
    rng = random.Random(SEED)
    schemas = [schema_random.random_schema(rng) for _ in range(PAIRS)]
    return [(schema, instances(rng, schema)) for schema in schemas]


@pytest.fixture(scope="module")
def ours(pairs: list[tuple[Any, Any]]) -> list[bool]:
    return [libevents.Schema(schema).is_valid(instance) for schema, instance in pairs]


def verdicts_of(peer: str, pairs: list[tuple[Any, Any]]) -> list[Any]:
    """One for each pair: true, false, or why there is none."""
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    done = subprocess.run(PEERS[peer], input=lines, capture_output=True, text=True, timeout=1800, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


PEERS = {
    "python-jsonschema": [sys.executable, str(ROOT / "tests/support/jsonschema_verdicts.py")],
    "Ajv": ["node", str(ROOT / "bindings/node/tests/support/ajv_verdicts.mjs")],
}

# What a peer decides otherwise than the specification: what it is about, who, a pair that shows it, and what is right.
PEERS_DIFFER: list[tuple[str, str, Callable[[Any], bool], tuple[Any, Any], bool]] = [
    ("items that `contains` has found are evaluated", "Ajv", lambda schema: has(schema, "contains", "unevaluatedItems"),
     ({"contains": {}, "unevaluatedItems": False}, [1]), True),
]


def has(schema: Any, *keywords: str) -> bool:
    text = json.dumps(schema)
    return all(f'"{keyword}"' in text for keyword in keywords)


def is_explained(peer: str, schema: Any) -> bool:
    return any(who == peer and applies(schema) for _, who, applies, _, _ in PEERS_DIFFER)


@pytest.mark.parametrize("peer", PEERS)
def test_random_pairs_get_the_verdicts_of(peer: str, pairs: list[tuple[Any, Any]], ours: list[bool]) -> None:
    theirs = verdicts_of(peer, pairs)
    assert len(theirs) == len(pairs) == PAIRS
    different = [(json.dumps(pair), own, other) for pair, own, other in zip(pairs, ours, theirs)
                 if own is not other and not is_explained(peer, pair[0])]
    assert different == [], f"seed {SEED}: {len(different)} of {PAIRS}"


@pytest.mark.parametrize("difference", PEERS_DIFFER, ids=[f"{row[1]}: {row[0]}" for row in PEERS_DIFFER])
def test_a_difference_to_a_peer_is_still_there(difference) -> None:
    _, peer, applies, (schema, instance), right = difference
    assert applies(schema)
    assert libevents.Schema(schema).is_valid(instance) is right
    assert verdicts_of(peer, [(schema, instance)]) != [right]


def test_the_pairs_are_worth_comparing(pairs: list[tuple[Any, Any]], ours: list[bool]) -> None:
    assert 0.25 < sum(ours) / len(ours) < 0.75
    text = json.dumps([schema for schema, _ in pairs])
    keywords = ("unevaluatedProperties", "unevaluatedItems", "dependentSchemas", "contains", "$ref", "oneOf", "not",
                "propertyNames", "multipleOf", "pattern")
    assert [keyword for keyword in keywords if text.count(f'"{keyword}"') < PAIRS / 200] == []
