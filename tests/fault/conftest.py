# SPDX-License-Identifier: MIT
"""conftest.py - rows can be shared out among processes: `--share 2/3` runs every third row, from the second on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parent / "fixtures")]


def pytest_addoption(parser):
    parser.addoption("--share", default="1/1", help="which share of the rows, as 2/3")


def pytest_collection_modifyitems(config, items):
    number, of = map(int, config.getoption("--share").split("/"))
    dropped = [item for at, item in enumerate(items) if at % of != number - 1]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]


@pytest.fixture(scope="session")
def is_long() -> bool:
    return "EVS_LONG" in os.environ
