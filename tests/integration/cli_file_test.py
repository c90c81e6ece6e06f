# SPDX-License-Identifier: MIT
"""The command `events` on a file: no server, no configuration."""

import json

import pytest

from cli_support import events, ok


@pytest.fixture
def file(tmp_path):
    return tmp_path / "events.db"


def test_what_is_published_is_there_for_the_next_call(file):
    receipt = json.loads(ok("publish", "order.placed", '{"id":7}', "--json", "--file", file))
    assert (receipt["outcome"], receipt["topic"], receipt["offset"]) == ("stored", "order-events", "1")
    entry = json.loads(ok("tail", "--from-start", "--count", "1", "--json", "--file", file))
    assert (entry["header"]["type"], entry["body"]) == ("order.placed", {"id": 7})


def test_check_vacuum_and_backup_care_for_it(file, tmp_path):
    ok("publish", "order.placed", "--file", file)
    assert "nothing is wrong" in ok("file", "check", "--file", file)
    copy = tmp_path / "copy.db"
    ok("file", "backup", copy, "--file", file)
    ok("file", "vacuum", "--file", file)
    assert json.loads(ok("file", "check", "--json", "--file", copy))["ok"] is True
    assert "order-events" in ok("stats", "--file", copy)


def test_a_backup_overwrites_nothing(file, tmp_path):
    ok("publish", "order.placed", "--file", file)
    kept = tmp_path / "kept"
    kept.write_text("mine")
    done = events("file", "backup", kept, "--file", file)
    assert done.returncode == 1 and "is there already" in done.stderr
    assert kept.read_text() == "mine"


def test_two_stores_at_once_are_wrong_usage(file):
    done = events("stats", "--file", file, "--redis", "redis://127.0.0.1:1")
    assert done.returncode == 2 and "--redis and --file" in done.stderr


def test_a_file_of_something_else_is_told(file):
    file.write_text("a letter to my aunt, long enough that nobody takes it for an empty database file. " * 3)
    done = events("stats", "--file", file)
    assert done.returncode == 4 and "no file of events" in done.stderr
