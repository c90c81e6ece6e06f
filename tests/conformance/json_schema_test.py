# SPDX-License-Identifier: MIT
"""json_schema_test.py - the official JSON Schema test suite: every required test passes, and those optional ones
that do not are the ones that docs/json-schema.md gives a reason for. The suite is in the folder
EVS_JSON_SCHEMA_SUITE; where that is not set, it is taken from the source distribution of jsonschema, which has it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
DISTRIBUTION = "jsonschema==4.26.0"
DRAFTS = {"2020-12": "draft2020-12", "07": "draft7"}


def download(folder: Path) -> None:
    """Unpacks the suite of the source distribution to `folder`, all or nothing."""
    work = folder.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                    "--no-binary", "jsonschema", "--dest", str(work), DISTRIBUTION], check=True, timeout=300)
    with tarfile.open(next(work.glob("*.tar.gz"))) as archive:
        archive.extractall(work, [member for member in archive.getmembers() if "/json/" in member.name])
    next(work.glob("*/json")).rename(folder)
    shutil.rmtree(work)


@pytest.fixture(scope="module")
def suite() -> Path:
    if given := os.environ.get("EVS_JSON_SCHEMA_SUITE"):
        return Path(given)
    folder = BUILD / "json-schema-test-suite"
    if not folder.is_dir():
        download(folder)
    return folder


def files(suite: Path, draft: str) -> list[str]:
    folder = suite / "tests" / DRAFTS[draft]
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))


def run(suite: Path, draft: str, names: list[str]) -> tuple[dict[str, tuple[int, int]], str]:
    """Passed and failed tests by file, and the whole output."""
    done = subprocess.run([str(BUILD / "tests/evs_schema_suite"), str(suite), draft, *names], capture_output=True,
                          text=True, timeout=120, check=True)
    counts = {name: (int(passed), int(failed))
              for passed, failed, name in re.findall(r"^(\d+) (\d+) (\S+)$", done.stdout, re.M)}
    return counts, done.stdout


def count_in(suite: Path, draft: str, name: str) -> int:
    groups = json.loads((suite / "tests" / DRAFTS[draft] / name).read_text())
    return sum(len(group["tests"]) for group in groups)


@pytest.mark.parametrize("draft", DRAFTS)
def test_every_required_test_passes(suite: Path, draft: str) -> None:
    names = [name for name in files(suite, draft) if not name.startswith("optional/")]
    counts, output = run(suite, draft, names)
    assert [line for line in output.splitlines() if line.startswith("FAILED")] == []
    assert counts == {name: (count_in(suite, draft, name), 0) for name in names}
    assert sum(passed for passed, _ in counts.values()) > 900


@pytest.mark.parametrize("draft", DRAFTS)
def test_optional_tests_that_fail_have_a_documented_reason(suite: Path, draft: str) -> None:
    names = [name for name in files(suite, draft) if name.startswith("optional/")]
    counts, output = run(suite, draft, names)
    rows = re.findall(r"^\| (\S+) \| `(optional/\S+)` \| (\d+) \| (\d+) \| \S", (ROOT / "docs/json-schema.md").read_text(),
                      re.M)
    documented = {name: int(failed) for of, name, _, failed in rows if of == draft}
    failing = {name: failed for name, (_, failed) in counts.items() if failed}
    assert failing.keys() <= documented.keys(), output
    # An older suite has fewer of the tests, never other failures.
    assert all(failed <= documented[name] for name, failed in failing.items()), output
    assert {name: sum(count) for name, count in counts.items()} == {name: count_in(suite, draft, name) for name in names}


def test_a_wrong_expectation_is_seen(suite: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tests/draft2020-12"
    folder.mkdir(parents=True)
    text = (suite / "tests/draft2020-12/type.json").read_text()
    (folder / "type.json").write_text(text.replace('"valid": true', '"valid": false', 1))
    counts, output = run(tmp_path, "2020-12", ["type.json"])
    assert counts["type.json"][1] == 1
    assert "is valid here" in output
