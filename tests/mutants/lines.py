# SPDX-License-Identifier: MIT
"""lines.py - which test programs run which lines of the core: each runs once in the coverage build and counts into a
folder of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import run_one

# What needs little time and no store but its own.
PROGRAMS = re.compile(r"unit_\w+_test|conformance_vectors_test|integration_(?:memory|file|store)_\w+_test")
SECONDS_MAX = 60.0


@dataclasses.dataclass(frozen=True)
class Runs:
    programs: dict[str, dict[int, list[str]]]  # file of the core, line: who runs it, the quickest first
    seconds: dict[str, float]  # how long each program takes


def programs(build: Path) -> list[str]:
    return sorted(path.name for path in (build / "tests").iterdir()
                  if PROGRAMS.fullmatch(path.name) and os.access(path, os.X_OK))


def _counted(root: Path, build: Path, work: Path, program: str) -> tuple[str, float, list[tuple[str, int]]]:
    """How long the program ran, and what."""
    counts = work / program
    begun = time.monotonic()
    ok = run_one.passes(build / "tests" / program, root, SECONDS_MAX, {"GCOV_PREFIX": str(counts)})
    seconds = time.monotonic() - begun
    lines = list(_lines_of(root, counts)) if ok else []
    shutil.rmtree(counts, ignore_errors=True)
    return program, seconds, lines


def _lines_of(root: Path, counts: Path) -> Iterator[tuple[str, int]]:
    core = str(root / "libevents/src") + "/"
    found = sorted(counts.rglob("*.gcda"))
    for data in found:
        notes = data.with_suffix(".gcno")
        notes.symlink_to("/" + str(notes.relative_to(counts)))
    if not found:
        return
    output = subprocess.run(["gcov", "--json-format", "--stdout", *found], check=True, capture_output=True, text=True,
                            cwd=counts).stdout
    for document in output.splitlines():
        for file in json.loads(document)["files"]:
            if not file["file"].startswith(core):
                continue
            for line in file["lines"]:
                if line["count"]:
                    yield file["file"].removeprefix(core), line["line_number"]


def measure(root: Path, build: Path, work: Path) -> Runs:
    work.mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = list(pool.map(lambda program: _counted(root, build, work, program), programs(build)))
    found: defaultdict[str, defaultdict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for program, _, ran in sorted(counted, key=lambda run: run[1]):
        for file, line in ran:
            found[file][line].append(program)
    return Runs(found, {program: seconds for program, seconds, _ in counted})
