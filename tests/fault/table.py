# SPDX-License-Identifier: MIT
"""table.py - all rows of the fault table. What is not here is not tested, and table_test.py says so."""

from __future__ import annotations

from kit.row import Row
from rows import processes

AOF = ("--appendonly", "yes", "--appendfsync", "everysec")

ROWS = [
    Row(1, "consumers are killed while their handlers run, 20 times", processes.kill_consumers_at_work,
        "what the killed one held, each time", in_every_run=True),
]

# Rows whose faults come with a part of the library that is not there yet.
COMES_WITH = {30: "cluster", 31: "cluster", 32: "cluster", 50: "schema registry"}
NUMBERS = range(1, 56)
EVERY_RUN = {*range(1, 11), 14, 16, 17, 18, 19, 23, 27, 35, 38, 39, 40, 41, 44, 45}
