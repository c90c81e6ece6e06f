# SPDX-License-Identifier: MIT
"""rows_test.py - plays the rows of the table: those for every run, with EVS_LONG=1 (`--long`) all."""

from __future__ import annotations

import os

import pytest
from kit import row as rows
from table import ROWS

IS_LONG = "EVS_LONG" in os.environ
CHOSEN = [row for row in ROWS if IS_LONG or row.in_every_run]


@pytest.mark.parametrize("row", CHOSEN, ids=lambda row: row.name)
def test_row(row, tmp_path):
    rows.play(row, tmp_path / "stage", IS_LONG)
