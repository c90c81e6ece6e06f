# SPDX-License-Identifier: MIT
"""The command `events` on a file: no server, no configuration."""

import json
import subprocess
import threading

import pytest

from cli_support import events, ok, start


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


def test_what_a_killed_publisher_had_a_receipt_for_is_there(file):
    """Ten times, each time killed in the midst of it."""
    acknowledged = set()
    for turn in range(10):
        lines = "".join(json.dumps({"type": "order.placed", "id": f"{turn}-{n}", "body": n}) + "\n" for n in range(5000))
        publisher = start("publish", "--lines", "--json", "--file", file, stdin=subprocess.PIPE)
        feeder = threading.Thread(target=feed, args=(publisher.stdin, lines))
        feeder.start()
        receipts = [publisher.stdout.readline() for _ in range(100 + 50 * turn)]
        publisher.kill()
        receipts += publisher.stdout.readlines()
        publisher.wait()
        feeder.join()
        publisher.stdout.close()
        publisher.stderr.close()
        acknowledged |= {id for line in receipts if (id := stored_id(line))}
    assert len(acknowledged) >= 1000
    assert json.loads(ok("file", "check", "--json", "--file", file))["ok"] is True
    entries = json.loads(ok("stats", "--json", "--file", file))["topics"][0]["entries"]
    stored = [json.loads(line)["header"]["id"]
              for line in ok("tail", "--from-start", "--count", str(entries), "--json", "--file", file).splitlines()]
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))


def feed(stream, text):
    try:
        stream.write(text)
        stream.close()
    except BrokenPipeError:
        pass


def stored_id(line):
    """Of a whole receipt of a stored event."""
    try:
        receipt = json.loads(line)
    except ValueError:
        return None
    return receipt["id"] if receipt["outcome"] == "stored" else None
