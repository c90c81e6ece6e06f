# SPDX-License-Identifier: MIT
"""processes.py - publishers and consumers that are killed, frozen, or told to stop."""

from __future__ import annotations

from kit.members import LANGUAGES
from kit.stage import Stage


def kill_consumers_at_work(stage: Stage) -> None:
    """Again and again one of the consumers is killed while its handlers run, and another takes its place."""
    working = stage.consumers(delay=5)
    publisher = stage.publisher(100_000, batch=20, pause=20)
    for kill in range(20):
        victim = working.pop(stage.random.randrange(len(working)))
        stage.until(lambda: stage.store.pending_of(victim.name), f"{victim.name} holds events")
        victim.kill()
        held = len(stage.store.pending_of(victim.name))
        stage.promise.repeats += held
        stage.prove(f"SIGKILL of {victim.name}, {held} entries in its name")
        working += stage.consumers(LANGUAGES[kill % len(LANGUAGES)], delay=5)
    stage.enough(publisher)
