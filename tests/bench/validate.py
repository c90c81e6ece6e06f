# SPDX-License-Identifier: MIT
"""validate.py - from the text of a body to its verdict, by a schema of ten fields: libevents in C, Node and Python beside
Ajv, Zod and python-jsonschema. Each on one thread, in turns, nine rounds of each, medians; a verdict that is not the
right one is an error, not a fast one."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/support"))

import libevents  # noqa: E402
import pip_package  # noqa: E402

ROUNDS, SECONDS = 9, 1.0  # many and short: the machine itself is faster and slower by turns
LEAST = 1.0  # of C, measured by Ajv
TEXTS, WRONG_EVERY = 1000, 20
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "number", "total", "currency", "paid", "customer", "lines", "placedAt"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "number": {"type": "string", "minLength": 1, "maxLength": 20},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "paid": {"type": "boolean"},
        "note": {"type": ["string", "null"], "maxLength": 200},
        "tags": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 20}},
        "customer": {
            "type": "object",
            "required": ["id", "country"],
            "properties": {"id": {"type": "string", "minLength": 1}, "country": {"type": "string", "pattern": "^[A-Z]{2}$"}},
        },
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["sku", "count"],
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z]{2}-\\d+$"},
                    "count": {"type": "integer", "minimum": 1, "maximum": 99},
                },
            },
        },
        "placedAt": {"type": "string", "minLength": 20, "maxLength": 40},
    },
}


def body(number: int) -> dict[str, Any]:
    """About 256 bytes of JSON; every so many a wrong one."""
    order = {
        "id": number + 1, "number": f"2026-{number:06}", "total": number * 1.25, "currency": ("EUR", "USD", "GBP")[number % 3],
        "paid": number % 2 == 0, "note": None, "tags": ["new", "web"], "customer": {"id": f"c{number}", "country": "DE"},
        "lines": [{"sku": f"AB-{number}", "count": number % 99 + 1}, {"sku": "CD-7", "count": 2}],
        "placedAt": "2026-11-26T10:00:00.000Z",
    }
    if number % WRONG_EVERY == 0:
        order["lines"][1]["count"] = 100
    return order


def in_c(folder: Path) -> list[str]:
    program = folder / "validate"
    subprocess.run(["cc", "-O2", "-std=gnu11", "-o", str(program), str(Path(__file__).with_name("validate.c")),
                    f"-I{ROOT}/libevents/include", f"-L{BUILD}", "-levents", f"-Wl,-rpath,{BUILD}"], check=True)
    return [str(program)]


def in_node(name: str) -> list[str]:
    return ["node", str(Path(__file__).with_name("validate.mjs")), name]


def loop(is_valid: Callable[[str], bool], texts: list[str]) -> dict[str, float]:
    rounds = valid = 0
    begun = time.monotonic()
    while (seconds := time.monotonic() - begun) < SECONDS:
        valid += sum(map(is_valid, texts))
        rounds += 1
    return {"rounds": rounds, "texts": len(texts), "valid": valid, "seconds": seconds}


def in_python(texts: list[str]) -> dict[str, float]:
    return loop(libevents.Schema(SCHEMA).is_valid_text, texts)


def by_jsonschema(texts: list[str]) -> dict[str, float]:
    pip_package.need("jsonschema", "4.26.0")
    import jsonschema

    validator = jsonschema.Draft202012Validator(SCHEMA)
    return loop(lambda text: validator.is_valid(json.loads(text)), texts)


def rate(found: dict[str, float]) -> float:
    """Texts a second; the verdicts have to be right."""
    right = found["rounds"] * (TEXTS - TEXTS // WRONG_EVERY)
    if found["texts"] != TEXTS or found["valid"] != right:
        raise AssertionError(f"{found['valid']} of {found['rounds']} x {found['texts']} texts are valid, expected {right}")
    return found["rounds"] * TEXTS / found["seconds"]


def rounds() -> dict[str, list[float]]:
    """Texts a second by each, round by round."""
    texts = [json.dumps(body(number), separators=(",", ":")) for number in range(TEXTS)]
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / "schema.json", folder / "texts.jsonl"]
        files[0].write_text(json.dumps(SCHEMA))
        files[1].write_text("".join(text + "\n" for text in texts))
        programs = {"libevents, C": in_c(folder), "libevents, Node": in_node("libevents"),
                    "Ajv + JSON.parse": in_node("ajv"), "Zod + JSON.parse": in_node("zod")}
        for _ in range(ROUNDS):
            for who, program in programs.items():
                done = subprocess.run([*program, *map(str, files), str(SECONDS)], stdout=subprocess.PIPE, text=True,
                                      check=True, timeout=300)
                found.setdefault(who, []).append(rate(json.loads(done.stdout)))
            found.setdefault("libevents, Python", []).append(rate(in_python(texts)))
            found.setdefault("python-jsonschema + json.loads", []).append(rate(by_jsonschema(texts)))
    return found


def measure() -> dict[str, float]:
    """Texts a second by each, the median of all rounds."""
    return {who: statistics.median(rates) for who, rates in rounds().items()}


def by_ajv(rates: dict[str, float]) -> float:
    """How often as fast as Ajv C is."""
    return rates["libevents, C"] / rates["Ajv + JSON.parse"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rates = measure()
    print(f"{'from text to verdict':35} {'texts/s':>12} {'of Ajv':>8}")
    for who, texts in sorted(rates.items(), key=lambda item: -item[1]):
        print(f"{who:35} {texts:>12,.0f} {texts / rates['Ajv + JSON.parse']:>8.2f}")
    met = by_ajv(rates) >= LEAST
    print(f"C is to be at least {LEAST} of Ajv: {'yes' if met else 'NO'}")
    if args.json:
        args.json.write_text(json.dumps({"texts_per_second": rates, "met": met}, indent=2) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
