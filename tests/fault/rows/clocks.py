# SPDX-License-Identifier: MIT
"""clocks.py - wall clocks that jump by an hour and back: of the server, then of members. The shim is clock_shim.c."""

from __future__ import annotations

import json
import os
import time

from kit.clock import Clock
from kit.members import LANGUAGES
from kit.stage import SESSION_MS, Stage

HOUR = 3600.0
TAKEN_OVER_SECONDS = 20 * SESSION_MS / 1000  # far from an hour, and bearable for a busy machine


def server_clock(stage: Stage) -> None:
    """The server's clock jumps an hour ahead and back, while members read: nobody is taken for dead, nobody waits for
    an hour, and who is really dead is found as ever."""
    clock = Clock(stage.folder)
    stage.server.kill()
    stage.server.environment = clock.env
    stage.server.again()
    victim, *_ = stage.consumers(delay=20)
    publisher = stage.publisher(100_000, batch=10, pause=20)
    for ahead in (HOUR, 0.0, -HOUR, 0.0):
        _flows(stage)
        _jump(stage, clock, ahead)
    _flows(stage)
    stage.until(lambda: stage.store.pending_of(victim.name), f"{victim.name} holds events")
    victim.kill()
    stage.promise.repeats += len(stage.store.pending_of(victim.name))
    took = stage.until(lambda: not stage.store.pending_of(victim.name), "its events are taken over", TAKEN_OVER_SECONDS)
    stage.measure("seconds until the dead one's events were taken over", took)
    stage.enough(publisher)


def _flows(stage: Stage) -> None:
    before = stage.completed()
    stage.until(lambda: stage.completed() > before + 300, "events flow")


def _jump(stage: Stage, clock: Clock, ahead: float) -> None:
    before = int(stage.store.ask("TIME")[0])
    clock.set(ahead)
    after = int(stage.store.ask("TIME")[0])
    stage.prove(f"TIME jumped by {after - before:+d} s")


def server_clock_while_idle(stage: Stage) -> None:
    """The server's clock goes back two hours while members wait in a blocking read: what comes then is read soon."""
    clock = Clock(stage.folder)
    stage.server.kill()
    stage.server.environment = clock.env
    stage.server.again()
    stage.consumers()
    stage.publish(30)
    stage.until(stage.store.is_drained, "all is handled")
    for ahead in (-2 * HOUR, 2 * HOUR, 0.0):
        stage.until(lambda: _is_reading(stage), "members wait in their reads")
        _jump(stage, clock, ahead)
        stage.publish(30)
        stage.until(stage.store.is_drained, "all is handled", TAKEN_OVER_SECONDS)


def _is_reading(stage: Stage) -> bool:
    return int(stage.store.info("clients")["blocked_clients"]) == len(LANGUAGES)


def member_clocks(stage: Stage) -> None:
    """The clock of one member of each language is an hour ahead, then behind; of publishers, too."""
    clock = Clock(stage.folder)
    shim = {**os.environ, **clock.env}
    stage.consumers()
    clock.set(HOUR)
    wrong = stage.consumers(delay=5, environment=shim)
    publisher = stage.publisher(3000, batch=20, pause=20, environment=shim)
    for ahead in (HOUR, -HOUR, 0.0):
        clock.set(ahead)
        before = stage.completed(*wrong)
        stage.until(lambda: stage.completed(*wrong) > before + 100, "events flow")
        stage.prove(f"clocks of {', '.join(member.name for member in wrong)} were set to {ahead:+.0f} s")
    stage.done(publisher)
    _see_the_shim_at_work(stage, publisher.name)


def _see_the_shim_at_work(stage: Stage, name: str) -> None:
    """Events have the time of their publisher's clock: some are an hour away from now."""
    stamps = [json.loads(fields["data"])["header"]["timestamp"] for _, fields in stage.store.entries()]
    now = time.strftime("%Y-%m-%dT%H", time.gmtime())
    away = sum(not stamp.startswith(now) for stamp in stamps)
    assert away, f"{name} had the right time"
    stage.prove(f"{away} of {len(stamps)} events have a time that was not now")
