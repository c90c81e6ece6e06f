# SPDX-License-Identifier: MIT
"""file_peers.py - the same job as the file transport's, by what people would use in its place: put so many small documents
into a file in transactions of 128, then take all of them and acknowledge each, in transactions of 128. Each function
gives (seconds to put, seconds to take and acknowledge, what it was set to)."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

BATCH = 128
Result = tuple[float, float, dict[str, Any]]


def body(number: int) -> str:
    return json.dumps({"number": number, "text": "a body of some bytes"})


def pragmas(made: sqlite3.Connection) -> dict[str, Any]:
    return {name: made.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}


def plain_sqlite(folder: Path, count: int) -> Result:
    """A table as a queue, by hand: what is taken is marked, what is acknowledged is deleted."""
    made = sqlite3.connect(folder / "plain.db", isolation_level=None)
    made.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                       "CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0)")
    begun = time.monotonic()
    for first in range(0, count, BATCH):
        made.execute("BEGIN IMMEDIATE")
        made.executemany("INSERT INTO entry (body) VALUES (?)",
                         [(body(number),) for number in range(first, min(first + BATCH, count))])
        made.execute("COMMIT")
    put = time.monotonic() - begun
    begun, taken = time.monotonic(), 0
    while taken < count:
        made.execute("BEGIN IMMEDIATE")
        rows = made.execute("SELECT id, body FROM entry WHERE taken = 0 ORDER BY id LIMIT ?", (BATCH,)).fetchall()
        made.executemany("UPDATE entry SET taken = 1 WHERE id = ?", [(row[0],) for row in rows])
        made.execute("COMMIT")
        for row in rows:
            json.loads(row[1])
        made.execute("BEGIN IMMEDIATE")
        made.executemany("DELETE FROM entry WHERE id = ?", [(row[0],) for row in rows])
        made.execute("COMMIT")
        taken += len(rows)
    return put, time.monotonic() - begun, pragmas(made)


def set_up(made: Any) -> Any:
    """As durable as the others are here."""
    for connection in (made._putter, made._getter):
        connection.execute("PRAGMA synchronous=NORMAL")
    return made


def persist_queue(folder: Path, count: int) -> Result:
    """persist-queue's queue with acknowledgement, which commits each step by itself."""
    import persistqueue

    made = set_up(persistqueue.SQLiteAckQueue(str(folder / "persist"), multithreading=True))
    begun = time.monotonic()
    for number in range(count):
        made.put(body(number))
    put = time.monotonic() - begun
    begun = time.monotonic()
    for _ in range(count):
        each = made.get()
        json.loads(each)
        made.ack(each)
    return put, time.monotonic() - begun, pragmas(made._getter)


def persist_queue_without_ack(folder: Path, count: int) -> Result:
    """Its plain queue, which commits batches: what is taken is gone with the commit, handled or not."""
    import persistqueue

    made = set_up(persistqueue.SQLiteQueue(str(folder / "plain-persist"), auto_commit=False, multithreading=True))
    begun = time.monotonic()
    for first in range(0, count, BATCH):
        for number in range(first, min(first + BATCH, count)):
            made.put(body(number))
        made.task_done()
    put = time.monotonic() - begun
    begun, taken = time.monotonic(), 0
    while taken < count:
        for _ in range(min(BATCH, count - taken)):
            json.loads(made.get())
            taken += 1
        made.task_done()
    return put, time.monotonic() - begun, pragmas(made._getter)
