# SPDX-License-Identifier: MIT
"""store.py - what the server itself says of the topic that rows use, over a connection of our own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from resp import Connection

TOPIC = "order-events"
GROUP = "workers"
STREAM = f"stream:{{{TOPIC}}}"
DEAD = f"dlq:{{{TOPIC}}}"
PAGE = 1000


class Store:
    def __init__(self, url: str) -> None:
        self.url = url
        # Of entries whose bodies went, or never were events: names for what becomes of them.
        self.known: dict[str, str] = {}

    def ask(self, *words: str | int):
        with Connection(self.url) as connection:
            return connection.ask(*words)

    def info(self, section: str) -> dict[str, str]:
        lines = self.ask("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def commands(self) -> int:
        """Commands processed since the server started, those within scripts included."""
        return int(self.info("stats")["total_commands_processed"])

    # ---- entries --------------------------------------------------------------------------------------

    def entries(self, key: str = STREAM) -> Iterator[tuple[str, dict[str, str]]]:
        """(id, fields) of all entries of a stream."""
        with Connection(self.url) as connection:
            start = "-"
            while page := connection.ask("XRANGE", key, start, "+", "COUNT", PAGE):
                for id, fields in page:
                    yield id, dict(zip(fields[::2], fields[1::2]))
                start = "(" + page[-1][0]

    def events(self, key: str = STREAM) -> list[str]:
        """Ids of the events in a stream, as often as they are there; an entry that is no event has its own id."""
        return [self.name(entry, fields) for entry, fields in self.entries(key)]

    def name(self, entry: str, fields: dict[str, str]) -> str:
        """Of an event, or of a dead letter."""
        return self.known.get(original_id(fields) or entry) or event_id(fields) or entry

    # ---- the group ------------------------------------------------------------------------------------

    def group(self) -> dict | None:
        """What XINFO says of the group, or None where there is none."""
        if not self.ask("EXISTS", STREAM):
            return None
        rows = [dict(zip(row[::2], row[1::2])) for row in self.ask("XINFO", "GROUPS", STREAM)]
        return next((row for row in rows if row["name"] == GROUP), None)

    def pending(self) -> list[tuple[str, str]]:
        """(id of the entry, consumer) of all that the group was given and did not settle."""
        found: list[tuple[str, str]] = []
        if self.group() is None:
            return found
        start = "-"
        with Connection(self.url) as connection:
            while page := connection.ask("XPENDING", STREAM, GROUP, start, "+", PAGE):
                found += [(row[0], row[1]) for row in page]
                start = "(" + page[-1][0]
        return found

    def pending_of(self, name: str) -> list[str]:
        """Entries that a member holds: its consumer's name is this and its incarnation."""
        return [id for id, consumer in self.pending() if consumer.startswith(f"{name}#")]

    def consumers(self) -> list[str]:
        """Names of the group's consumers, without those for parked entries."""
        if self.group() is None:
            return []
        rows = [dict(zip(row[::2], row[1::2])) for row in self.ask("XINFO", "CONSUMERS", STREAM, GROUP)]
        return [row["name"] for row in rows if not row["name"].startswith("@")]

    def is_drained(self) -> bool:
        """Nothing pending, nothing unread."""
        group = self.group()
        if group is None:
            return not self.ask("EXISTS", STREAM)
        last = self.ask("XREVRANGE", STREAM, "+", "-", "COUNT", 1)
        return group["pending"] == 0 and (not last or not is_behind(group["last-delivered-id"], last[0][0]))

    def left(self) -> list[str]:
        """Ids of the events that the group has pending or has still to read."""
        group = self.group()
        if group is None:
            return self.events()
        waiting = {id for id, _ in self.pending()}
        return [self.name(id, fields) for id, fields in self.entries()
                if id in waiting or is_behind(group["last-delivered-id"], id)]


def event_id(fields: dict[str, str]) -> str | None:
    try:
        return json.loads(fields["data"])["header"]["id"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def original_id(letter: dict[str, str]) -> str | None:
    """Which entry a dead letter was."""
    try:
        return json.loads(letter["dead"])["originalId"]
    except (KeyError, TypeError, ValueError):
        return None


def is_behind(one: str, other: str) -> bool:
    return [int(part) for part in one.split("-")] < [int(part) for part in other.split("-")]
