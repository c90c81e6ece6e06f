# SPDX-License-Identifier: MIT
"""The package is clean under mypy --strict."""

import subprocess
import sys

import pytest
from conftest import ROOT

pytest.importorskip("mypy")


def test_mypy_strict_finds_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
