# SPDX-License-Identifier: MIT
"""What the hot path takes in instructions has not grown by a tenth since the record; and a growth would be seen."""

import subprocess
import sys

import guard
import pytest

NAMES = guard.names()


@pytest.mark.parametrize("name", NAMES)
def test_it_takes_no_tenth_more_instructions_than_the_record(name):
    instructions, by = guard.measure(name)
    record = guard.read()
    if by != record["by"]:
        pytest.skip(f"the record is of {record['by']}, this is {by}")
    assert guard.verdict(name, instructions, record) is None


def test_the_record_is_of_what_is_measured_with_a_reason_for_each_count():
    counts = guard.read()["counts"]
    assert set(counts) == set(NAMES)
    assert all(each["instructions"] > 0 and each["reason"].strip() for history in counts.values() for each in history)


def test_a_growth_of_more_than_a_tenth_is_told_with_what_to_do():
    record = {"counts": {"hash": [{"instructions": 1000, "reason": "first"}, {"instructions": 9000, "reason": "old"}]}}
    assert guard.verdict("hash", 1100, record) is None
    assert guard.verdict("hash", 500, record) is None
    said = guard.verdict("hash", 1150, record)
    assert "15% more" in said and "--update hash --reason" in said
    assert "no record" in guard.verdict("match", 1, record)


def test_counting_is_the_same_in_every_run_and_sees_more_work():
    once, again = guard.measure("encode"), guard.measure("encode")
    assert once == again
    assert guard.measure("decode")[0] > 0 and guard.measure("hash")[0] != once[0]


@pytest.mark.parametrize("args", [("--update", "hash"), ("--update", "--reason", " ", "hash"), ("--reason", "x", "hash"), ("no-such",)])
def test_the_record_does_not_change_without_a_reason(args):
    before = guard.RECORD.read_text()
    done = subprocess.run([sys.executable, guard.__file__, *args], capture_output=True, text=True)
    assert done.returncode == 2 and guard.RECORD.read_text() == before
