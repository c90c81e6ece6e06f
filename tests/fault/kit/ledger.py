# SPDX-License-Identifier: MIT
"""ledger.py - what publishers and handlers wrote down, whatever became of them. The files are the only witnesses:
nothing here asks the library.

A program appends one JSON line for each thing that happens, in one write, so that a killed one leaves whole lines
(but perhaps the last). `t` is the kernel's monotonic clock, which all programs of a machine share.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path


@dataclasses.dataclass
class Published:
    """An event that somebody was about to publish."""

    id: str
    key: str
    seq: int
    body: str
    outcomes: list[str] = dataclasses.field(default_factory=list)
    sent: int = 0  # how often; a program that died left fewer outcomes than that

    @property
    def is_stored(self) -> bool:
        return "stored" in self.outcomes

    @property
    def is_refused(self) -> bool:
        """It is certainly not there: each time that it was sent, it was refused."""
        return set(self.outcomes) == {"refused"} and len(self.outcomes) == self.sent

    def joined(self, other: Published) -> Published:
        """What two programs did with the same event."""
        return dataclasses.replace(self, outcomes=self.outcomes + other.outcomes, sent=self.sent + other.sent)


@dataclasses.dataclass
class Run:
    """One run of a handler."""

    id: str
    member: str
    attempt: int
    body: str
    start: float
    end: float | None = None  # None: it never ended
    is_ok: bool = False
    is_skipped: bool = False  # the handler found in its own table that it had done it before

    @property
    def is_completed(self) -> bool:
        return self.is_ok and not self.is_skipped


class Ledger:
    """The file of one program. `read` takes in what was added."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.published: dict[str, Published] = {}
        self.runs: list[Run] = []
        self.facts: dict[str, dict] = {}  # "ready", "done", "stats", "closed"
        self.completed = 0
        self._open: dict[int, Run] = {}
        self._path = path
        self._at = 0

    def read(self) -> Ledger:
        if not self._path.exists():
            return self
        with self._path.open("rb") as file:
            file.seek(self._at)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            record = json.loads(line)
            getattr(self, f"_{record['what']}", self._fact)(record)
        return self

    def _sending(self, record: dict) -> None:
        fields = {name: record[name] for name in ("id", "key", "seq", "body")}
        self.published.setdefault(record["id"], Published(**fields)).sent += 1

    def _sent(self, record: dict) -> None:
        self.published[record["id"]].outcomes.append(record["outcome"])

    def _start(self, record: dict) -> None:
        run = Run(record["id"], self.name, record["attempt"], record["body"], record["t"])
        self._open[record["run"]] = run
        self.runs.append(run)

    def _end(self, record: dict) -> None:
        run = self._open.pop(record["run"])
        run.end, run.is_ok, run.is_skipped = record["t"], record["ok"], record.get("skipped", False)
        self.completed += run.is_completed

    def _fact(self, record: dict) -> None:
        self.facts[record["what"]] = record
