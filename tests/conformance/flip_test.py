# SPDX-License-Identifier: MIT
"""flip_test.py - the runners of the shared vectors are run over copies: all of them ran, and one vector with a
wrong expectation makes each runner fail. A runner takes the folder from EVS_VECTORS and ends with a line
`N vectors`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
VECTORS = HERE / "vectors"
BUILD = Path(os.environ.get("EVS_BUILD_DIR", HERE.parents[1] / "build"))

RUNNERS = {
    "c": [str(BUILD / "tests/conformance_vectors_test")],
    "python": [sys.executable, str(HERE / "vectors.py")],
    "node": ["node", str(HERE / "vectors.mjs")],
}

# What a file's entries expect.
EXPECTATION = {
    "backoff.json": "delay_ms_before_retry_1_to_8",
    "expressions.json": "matches",
    "full_types.json": "full",
    "hashes.json": "sha256",
    "origins.json": "delivered",
    "partitions.json": "partition",
    "pattern_syntax.json": "valid",
    "patterns.json": "matches",
    "schema_compat.json": "verdict",
    "schema_faults.json": "paths",
    "schemas.json": "valid",
    "slots.json": "slot",
    "topics.json": "topic",
    "types.json": "valid",
}


def run(language: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(RUNNERS[language], env=dict(os.environ, EVS_VECTORS=str(folder)), capture_output=True,
                          text=True, timeout=120)


def copy_to(folder: Path) -> None:
    for path in VECTORS.glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())


def flipped(value):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    return value[:-1] + [flipped(value[-1])]


def test_every_file_is_known():
    assert {path.name for path in VECTORS.glob("*.json")} == set(EXPECTATION)


@pytest.mark.parametrize("language", RUNNERS)
def test_runner_runs_every_entry(language):
    done = run(language, VECTORS)
    assert done.returncode == 0, done.stdout + done.stderr
    entries = sum(len(json.loads(path.read_text())) for path in VECTORS.glob("*.json"))
    assert int(re.findall(r"^(\d+) vectors$", done.stdout, re.M)[-1]) == entries > 250


@pytest.mark.parametrize("file", EXPECTATION)
@pytest.mark.parametrize("language", RUNNERS)
def test_runner_fails_on_one_wrong_vector(language, file, tmp_path):
    copy_to(tmp_path)
    entries = json.loads((tmp_path / file).read_text())
    wrong = entries[len(entries) // 2]
    wrong[EXPECTATION[file]] = flipped(wrong[EXPECTATION[file]])
    (tmp_path / file).write_text(json.dumps(entries, ensure_ascii=False))
    done = run(language, tmp_path)
    assert done.returncode == 1, f"not seen: {wrong}\n{done.stdout}{done.stderr}"
