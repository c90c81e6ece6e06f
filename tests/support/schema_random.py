# SPDX-License-Identifier: MIT
"""schema_random.py - random JSON Schemas and instances that come close to them. By a seed, so that what was found
is found again."""

from __future__ import annotations

import random
from typing import Any

NAMES = ("a", "b", "ab", "x-1")
TEXTS = ("", "a", "b", "ab", "abc", "a1", "é", "x-1", "😀")
PATTERNS = ("^a", "b$", "^[a-c]+$", "\\d", "^.{2}$", "^x-")
NUMBERS = (0, 1, 2, 3, 5, 6, -1, 0.5, 1.5, 2.0, 100)
COUNTS = (0, 1, 2, 3)
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
SCALARS: tuple[Any, ...] = (None, True, False, *NUMBERS, *TEXTS)
DEPTH = 3


def _number(rng: random.Random, schema: dict) -> None:
    keyword = rng.choice(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
    schema[keyword] = rng.choice((0.5, 1, 2, 3)) if keyword == "multipleOf" else rng.choice(NUMBERS)


def _text(rng: random.Random, schema: dict) -> None:
    keyword = rng.choice(("minLength", "maxLength", "pattern"))
    schema[keyword] = rng.choice(PATTERNS) if keyword == "pattern" else rng.choice(COUNTS)


def _array(rng: random.Random, schema: dict, depth: int) -> None:
    keyword = rng.choice(("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "unevaluatedItems"))
    if keyword in ("items", "unevaluatedItems"):
        schema[keyword] = random_schema(rng, depth - 1)
    elif keyword == "prefixItems":
        schema[keyword] = [random_schema(rng, depth - 1) for _ in range(rng.choice((1, 2)))]
    elif keyword == "contains":
        schema[keyword] = random_schema(rng, depth - 1)
        schema[rng.choice(("minContains", "maxContains"))] = rng.choice(COUNTS)
    else:
        schema[keyword] = rng.random() < 0.7 if keyword == "uniqueItems" else rng.choice(COUNTS)


def _object(rng: random.Random, schema: dict, depth: int) -> None:
    keyword = rng.choice(("properties", "properties", "patternProperties", "additionalProperties", "required",
                          "propertyNames", "minProperties", "maxProperties", "dependentRequired", "dependentSchemas",
                          "unevaluatedProperties"))
    if keyword == "properties":
        schema[keyword] = {name: random_schema(rng, depth - 1) for name in rng.sample(NAMES, rng.choice((1, 2, 3)))}
    elif keyword == "patternProperties":
        schema[keyword] = {rng.choice(PATTERNS): random_schema(rng, depth - 1)}
    elif keyword in ("additionalProperties", "unevaluatedProperties"):
        schema[keyword] = rng.choice((False, random_schema(rng, depth - 1)))
    elif keyword == "required":
        schema[keyword] = rng.sample(NAMES, rng.choice((1, 2)))
    elif keyword == "propertyNames":
        schema[keyword] = rng.choice(({"maxLength": 2}, {"pattern": rng.choice(PATTERNS)}, {"enum": list(NAMES[:2])}))
    elif keyword == "dependentRequired":
        schema[keyword] = {rng.choice(NAMES): rng.sample(NAMES, 1)}
    elif keyword == "dependentSchemas":
        schema[keyword] = {rng.choice(NAMES): random_schema(rng, depth - 1)}
    else:
        schema[keyword] = rng.choice(COUNTS)


def _combination(rng: random.Random, schema: dict, depth: int) -> None:
    keyword = rng.choice(("allOf", "anyOf", "oneOf", "not", "if"))
    if keyword == "if":
        schema.update({"if": random_schema(rng, depth - 1), rng.choice(("then", "else")): random_schema(rng, depth - 1)})
    elif keyword == "not":
        schema[keyword] = random_schema(rng, depth - 1)
    else:
        schema[keyword] = [random_schema(rng, depth - 1) for _ in range(rng.choice((1, 2, 3)))]


def random_schema(rng: random.Random, depth: int = DEPTH) -> Any:
    """A schema; below `depth` only of what a value itself has to be."""
    if rng.random() < 0.08:
        return rng.random() < 0.7
    schema: dict = {}
    kind = rng.random()
    if kind < 0.10:
        return {"const": random_value(rng, 1)}
    if kind < 0.20:
        return {"enum": [random_value(rng, 1) for _ in range(rng.choice((1, 2, 3)))]}
    if kind < 0.65:
        schema["type"] = rng.choice((rng.choice(TYPES), rng.sample(TYPES, 2)))
    for _ in range(rng.choice((0, 1, 1, 2))):
        choice = rng.random()
        if choice < 0.2:
            _number(rng, schema)
        elif choice < 0.4:
            _text(rng, schema)
        elif depth > 0 and choice < 0.55:
            _array(rng, schema, depth)
        elif depth > 0 and choice < 0.8:
            _object(rng, schema, depth)
        elif depth > 0:
            _combination(rng, schema, depth)
    if depth == DEPTH and rng.random() < 0.15:
        schema["$defs"] = {"again": random_schema(rng, 1)}
        schema.setdefault("properties", {})["b"] = {"$ref": rng.choice(("#", "#/$defs/again"))}
    return schema


def random_value(rng: random.Random, depth: int = 2) -> Any:
    """Any value, made of the same few names, texts and numbers that schemas are made of."""
    kind = rng.random()
    if depth == 0 or kind < 0.5:
        return rng.choice(SCALARS)
    if kind < 0.7:
        return [random_value(rng, depth - 1) for _ in range(rng.choice(COUNTS))]
    return {name: random_value(rng, depth - 1) for name in rng.sample(NAMES, rng.choice(COUNTS))}


def near(rng: random.Random, schema: Any, depth: int = 4) -> Any:
    """A value that a schema may well take: random ones seldom get past the first keyword."""
    if not isinstance(schema, dict) or depth == 0 or rng.random() < 0.1:
        return random_value(rng)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    for keyword in ("allOf", "anyOf", "oneOf"):
        if keyword in schema and rng.random() < 0.6:
            return near(rng, rng.choice(schema[keyword]), depth - 1)
    kinds = schema.get("type")
    kind = rng.choice(kinds) if isinstance(kinds, list) else kinds
    if kind == "object" or (kind is None and _has(schema, "properties", "required", "patternProperties")):
        return _near_object(rng, schema, depth)
    if kind == "array" or (kind is None and _has(schema, "items", "prefixItems", "contains")):
        return _near_array(rng, schema, depth)
    return _scalar(rng, kind)


def _has(schema: dict, *keywords: str) -> bool:
    return any(keyword in schema for keyword in keywords)


def _near_object(rng: random.Random, schema: dict, depth: int) -> dict:
    value = {name: random_value(rng, 1) for name in schema.get("required", ()) if rng.random() < 0.9}
    for name, member in schema.get("properties", {}).items():
        if name in value or rng.random() < 0.6:
            value[name] = near(rng, member, depth - 1)
    if rng.random() < 0.3:
        value[rng.choice(NAMES)] = random_value(rng, 1)
    return value


def _near_array(rng: random.Random, schema: dict, depth: int) -> list:
    value = [near(rng, item, depth - 1) for item in schema.get("prefixItems", ())]
    rest = schema.get("items", schema.get("contains", True))
    return value + [near(rng, rest, depth - 1) for _ in range(rng.choice((0, 1, 2)))]


def _scalar(rng: random.Random, kind: Any) -> Any:
    choices = {"null": (None,), "boolean": (True, False), "string": TEXTS, "number": NUMBERS,
               "integer": tuple(number for number in NUMBERS if number == int(number))}
    return rng.choice(choices.get(kind, SCALARS))
