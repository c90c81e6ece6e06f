# SPDX-License-Identifier: MIT
"""Append-only records (JSON Lines) of what each program saw, and the small files that tell its state.

A record is one write to a file opened with O_APPEND, so that it survives the end of the program in any
way and is never mixed with another. Nothing here knows of the library.
"""

import json
import os
import time


class Ledger:
    def __init__(self, path):
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, **record):
        """Appends a record; `t` is the wall clock's time for people, `mono` the clock to compare by."""
        record.setdefault("t", round(time.time(), 6))
        record.setdefault("mono", round(time.monotonic(), 6))
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        if os.write(self._fd, line) != len(line):
            raise OSError("a ledger record was written in part: is the disk full?")


def read(path):
    """All whole records of a ledger; none if it does not exist. A last line without its end is left out,
    since its program may still be writing."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines[:-1] if line]


def write_state(folder, name, **facts):
    """Publishes `facts` as the state of program `name`; a reader sees the old or the new, never half."""
    path = os.path.join(folder, "state", name + ".json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(facts, file)
    os.replace(path + ".new", path)


def read_state(folder, name):
    try:
        with open(os.path.join(folder, "state", name + ".json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}
