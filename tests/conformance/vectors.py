#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs every conformance vector through the public Python API.

    vectors.py [FOLDER]      (without an argument: the folder that EVS_VECTORS names, or vectors/ beside this)

Prints for each file how many of its entries ran and agreed; exits with 1 on any mismatch, and on a file that
no check is written for.
"""

import json
import os
import sys
from pathlib import Path

import libevents


def check_pattern(entry):
    return libevents.matches_pattern(
        entry["pattern"], entry["type"], origin_prefix=entry["originPrefix"]
    ), entry["matches"]


def check_pattern_syntax(entry):
    try:
        found = libevents.normalize_pattern(entry["pattern"])
    except libevents.ValidationError:
        found = None
    return found, entry.get("normalized", "a text") if entry["valid"] else None


def check_type(entry):
    return libevents.validate_event_type(entry["type"]), entry["valid"]


def check_full_type(entry):
    return libevents.full_type(entry["type"], entry["originPrefix"]), entry["full"]


def check_topic(entry):
    system = libevents.SyncEventSystem(entry["config"])
    try:
        return system.router.explain(entry["type"])["topic"], entry["topic"]
    finally:
        system.close(deadline=0)


def check_origin(entry):
    delivered = libevents.origin_delivered(
        entry["pattern"],
        entry["type"],
        event_prefix=entry["event_prefix"],
        origin_prefix=entry["originPrefix"],
        origins=entry["origins"],
    )
    return delivered, entry["delivered"]


def check_backoff(entry):
    found = [
        libevents.retry_delay(entry["backoffStrategy"], entry["baseDelay"], entry["maxDelay"], retry)
        for retry in range(1, 9)
    ]
    return found, entry["delay_ms_before_retry_1_to_8"]


def check_hash(entry):
    text = entry.get("body_text")
    if text is None:
        text = json.dumps(entry["body"], ensure_ascii=False, separators=(",", ":"))
    return libevents.body_hash(text.encode()), entry["sha256"]


def check_partition(entry):
    return libevents.partition_for_key(entry["key"], entry["partitions"]), entry["partition"]


def check_schema(entry):
    schema = libevents.Schema(entry["schema"])
    errors = sorted(f"{problem.instance_path} {problem.schema_path}" for problem in schema.validate_text(entry["text"]))
    return (schema.is_valid_text(entry["text"]), errors), (entry["valid"], sorted(entry["errors"]))


def check_schema_compat(entry):
    older = libevents.Schema(entry["older"])
    found = older.compat(libevents.Schema(entry["newer"]), mode=entry["mode"], policy=entry["policy"])
    return found["verdict"], entry["verdict"]


def check_schema_faults(entry):
    try:
        libevents.Schema(entry["schema"])
        return [], entry["paths"]
    except libevents.ValidationError as error:
        return sorted(problem.path for problem in error.problems), sorted(entry["paths"])


def check_slot(entry):
    return libevents.key_slot(entry["key"]), entry["slot"]


CHECKS = {
    "backoff.json": check_backoff,
    "expressions.json": check_pattern,
    "full_types.json": check_full_type,
    "hashes.json": check_hash,
    "origins.json": check_origin,
    "partitions.json": check_partition,
    "pattern_syntax.json": check_pattern_syntax,
    "patterns.json": check_pattern,
    "schema_compat.json": check_schema_compat,
    "schema_faults.json": check_schema_faults,
    "schemas.json": check_schema,
    "slots.json": check_slot,
    "topics.json": check_topic,
    "types.json": check_type,
}


def run_file(path):
    """Gives (ran, agreed, entries); says on stderr what differs."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    check = CHECKS.get(path.name)
    if check is None:
        print(f"{path.name}: no check is written for this file", file=sys.stderr)
        return 0, 0, len(entries)
    ran = agreed = 0
    for index, entry in enumerate(entries):
        ran += 1
        try:
            found, expected = check(entry)
        except libevents.Error as error:
            found, expected = error, "no error"
        if found == expected:
            agreed += 1
        else:
            print(f"{path.name}[{index}]: found {found!r}, expected {expected!r}: {entry}", file=sys.stderr)
    return ran, agreed, len(entries)


def main(arguments):
    if len(arguments) > 1:
        print("usage: vectors.py [FOLDER]", file=sys.stderr)
        return 2
    beside = Path(__file__).resolve().parent / "vectors"
    folder = Path(arguments[0] if arguments else os.environ.get("EVS_VECTORS", beside))
    paths = sorted(folder.glob("*.json"))
    if not paths:
        print(f"{folder}: no .json files", file=sys.stderr)
        return 1
    totals = [0, 0, 0]
    for path in paths:
        counts = run_file(path)
        print(line(path.name, *counts))
        totals = [total + count for total, count in zip(totals, counts)]
    print(line("total", *totals))
    print(f"{totals[0]} vectors")
    return 0 if totals[0] == totals[1] == totals[2] else 1


def line(name, ran, agreed, entries):
    wrong = f", {ran - agreed} wrong" if ran != agreed else ""
    return f"{name}: ran {ran} of {entries}{wrong}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
