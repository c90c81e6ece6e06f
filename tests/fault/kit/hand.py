# SPDX-License-Identifier: MIT
"""hand.py - entries that are written by hand, as a program that is not ours does, and events that the row itself
publishes; with a ledger as every publisher has it."""

from __future__ import annotations

import json
import time
import types
from collections.abc import Sequence
from pathlib import Path

from resp import Connection

from .ledger import Ledger
from .store import STREAM, Store


class Hand:
    """A publisher that is no process."""

    language = "by hand"
    is_running = False
    died = None
    process = types.SimpleNamespace(poll=lambda: 0, returncode=0)
    job: dict = {}

    def __init__(self, name: str, folder: Path, store: Store) -> None:
        self.name = name
        self._path = folder / f"{name}.ledger"
        self._store = store
        self._runs = 0
        self.ledger = Ledger(self._path, name)

    def said(self) -> str:
        return ""

    def sending(self, id: str, body: str) -> None:
        self._write("sending", id=id, key=id, seq=0, body=body)

    def sent(self, id: str, outcome: str) -> None:
        self._write("sent", id=id, outcome=outcome)

    def handled(self, id: str, body: str) -> None:
        """A handler of the row's own ended well."""
        self._runs += 1
        self._write("start", run=self._runs, id=id, attempt=1, deliveries=1, body=body)
        self._write("end", run=self._runs, ok=True)

    def add(self, id: str, fields: Sequence[bytes | str], body: str = "", key: str = STREAM) -> str:
        """XADD of these fields under a name of ours; gives the entry's id."""
        self.sending(id, body)
        with Connection(self._store.url) as connection:
            entry = connection.ask("XADD", key, "*", *fields)
        self._store.known[entry] = id
        self.sent(id, "stored")
        return entry

    def _write(self, what: str, **fields: object) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"what": what, **fields, "t": time.monotonic()}) + "\n")
