# SPDX-License-Identifier: MIT
"""access.py - the server takes rights away from its user, or the password changes, while members work."""

from __future__ import annotations

import logging
import time

import libevents

from kit.stage import Stage

USER = "shop"
ALL = ("on", "~*", "&*", "+@all", "-@dangerous", "+info")
WATCHED_SECONDS = 3.0


class Told(logging.Handler):
    """What the library says in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _become_a_user(stage: Stage) -> None:
    stage.store.ask("ACL", "SETUSER", USER, "reset", ">one", *ALL)
    stage.url = f"redis://{USER}:one@127.0.0.1:{stage.server.port}"


def _denied(stage: Stage, reason: str) -> int:
    rows = [dict(zip(row[::2], row[1::2])) for row in stage.store.ask("ACL", "LOG")]
    return sum(row["count"] for row in rows if row["reason"] == reason and row["username"] == USER)


def right_taken_away(stage: Stage) -> None:
    """XREADGROUP is forbidden under way: the library says which command, waits without end, and goes on when it is
    allowed again."""
    _become_a_user(stage)
    stage.consumers(delay=5)
    publisher = stage.publisher(100_000, batch=20, pause=20)
    stage.until(lambda: stage.completed() > 200, "events flow")
    told = Told()
    logging.getLogger("libevents").addHandler(told)
    config = {"service": "watcher", "transports": {"main": {"type": "redis-streams", "url": stage.url}}}
    try:
        with libevents.SyncEventSystem(config) as system:
            system.subscribe("parcel.*", lambda message, metadata: None, topics=["parcel-events"])
            stage.store.ask("ACL", "SETUSER", USER, "-xreadgroup")
            stage.until(lambda: any("xreadgroup" in line.lower() for line in told.lines), "the command is named")
            with stage.calm("without the right"):
                time.sleep(WATCHED_SECONDS)  # for how long it is watched
            stage.prove(f"{_denied(stage, 'command')} commands were refused; told: {told.lines[0]}")
            stage.store.ask("ACL", "SETUSER", USER, "+xreadgroup")
    finally:
        logging.getLogger("libevents").removeHandler(told)
    before = stage.completed()
    stage.until(lambda: stage.completed() > before + 200, "events flow again")
    stage.enough(publisher)


def password_rotated(stage: Stage) -> None:
    """The password changes and connections break: nobody can come back until it is what members know; then all do."""
    _become_a_user(stage)
    stage.consumers(delay=5)
    publisher = stage.publisher(100_000, batch=20, pause=20, again=True)
    stage.until(lambda: stage.completed() > 200, "events flow")
    stage.promise.repeats += len(stage.store.pending())
    stage.store.ask("ACL", "SETUSER", USER, "resetpass", ">two")
    stage.store.ask("CLIENT", "KILL", "USER", USER)
    stage.until(lambda: _denied(stage, "auth") > 0, "somebody is turned away")
    with stage.calm("with the wrong password"):
        time.sleep(WATCHED_SECONDS)  # for how long it is watched
    stage.prove(f"{_denied(stage, 'auth')} times turned away with the old password")
    stage.store.ask("ACL", "SETUSER", USER, ">one")
    before = stage.completed()
    stage.until(lambda: stage.completed() > before + 200, "events flow again")
    stage.enough(publisher)
