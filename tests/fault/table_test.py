# SPDX-License-Identifier: MIT
"""table_test.py - no row of the fault table is without a scenario, and those for every run are in every run."""

from __future__ import annotations

import collections

from table import COMES_WITH, EVERY_RUN, NUMBERS, ROWS


def test_every_row_has_a_scenario_or_says_what_it_comes_with():
    played = {row.number for row in ROWS}
    missing = [number for number in NUMBERS if number not in played and number not in COMES_WITH]
    assert missing == []


def test_no_row_that_is_played_has_an_excuse():
    assert [row.name for row in ROWS if row.number in COMES_WITH or row.number not in NUMBERS] == []


def test_the_rows_for_every_run_are_in_every_run():
    assert {row.number for row in ROWS if row.in_every_run} >= EVERY_RUN


def test_each_scenario_has_a_name_of_its_own_and_says_what_it_does():
    names = collections.Counter(row.name for row in ROWS)
    assert [name for name, count in names.items() if count > 1] == []
    assert [row.name for row in ROWS if not row.play.__doc__] == []
