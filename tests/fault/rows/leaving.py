# SPDX-License-Identifier: MIT
"""leaving.py - members that are told to go under load, more than once, one after the other; and two of one name."""

from __future__ import annotations

import signal

from kit.members import LANGUAGES, Member
from kit.stage import LIVE_SECONDS, Stage

LONG_SESSION_MS = 60_000  # nobody is found dead: what comes to others was handed back


def told_to_go(stage: Stage) -> None:
    """SIGTERM under load: what a member has not begun goes to the others at once, what it has begun it ends."""
    stage.transport["sessionTimeout"] = LONG_SESSION_MS
    stage.publish(4000)
    leaving = stage.consumers(delay=20)
    stage.consumers("c")
    for member in leaving:
        stage.until(lambda: len(stage.store.pending_of(member.name)) > 10, f"{member.name} holds events")
        held = len(stage.store.pending_of(member.name))
        member.stop()
        left = len(stage.store.pending_of(member.name))
        assert left == 0, f"{left} entries are left in the name of {member.name}"
        stage.prove(f"SIGTERM of {member.name}, which held {held} entries")
    stage.until(stage.store.is_drained, "the others handle all", seconds=LONG_SESSION_MS / 1000 / 2)


def told_twice_then_killed(stage: Stage) -> None:
    """SIGTERM, SIGTERM again, and SIGKILL while handlers still run: others take over what was begun."""
    leaving = stage.consumers(delay=4000, options={"prefetch": 8})
    stage.publish(120)
    stage.until(lambda: all(_is_at_work(member) for member in leaving), "each is in a slow handler")
    for member in leaving:
        member.process.send_signal(signal.SIGTERM)
        member.process.send_signal(signal.SIGTERM)
    stage.consumers()
    for member in leaving:
        stage.promise.repeats += len(stage.store.pending_of(member.name))
        was_running = member.is_running
        member.kill()
        stage.prove(f"SIGTERM, SIGTERM, SIGKILL of {member.name}" + ("" if was_running else ", which had ended already"))


def _is_at_work(member: Member) -> bool:
    return any(run.end is None for run in member.ledger.read().runs)


def rolling_restart(stage: Stage) -> None:
    """Five consumers are replaced one by one, in order, while events flow."""
    stage.transport["sessionTimeout"] = LONG_SESSION_MS
    languages = [LANGUAGES[n % len(LANGUAGES)] for n in range(5)]
    working = stage.consumers(*languages)
    count = 100_000 if stage.is_long else 10_000
    publishers = [stage.publisher(count // 4, batch=100) for _ in range(4)]
    for member in working:
        before = stage.completed()
        stage.until(lambda: stage.completed() > before + count // 50 or stage.store.is_drained(), "events flow")
        stage.consumers(member.language)
        member.stop(LIVE_SECONDS)
        stage.prove(f"{member.name} was replaced by {stage.members[-1].name}")
    stage.done(*publishers)
    stage.until(stage.store.is_drained, "all is handled", seconds=5 * LIVE_SECONDS)


def one_name_for_two(stage: Stage) -> None:
    """Two living processes are configured with one consumer name: neither takes what the other has."""
    (first,) = stage.consumers("c", delay=10)
    stage.transport["consumerId"] = first.name
    publisher = stage.publisher(3000, batch=20, pause=10)
    stage.until(lambda: stage.completed(first) > 50, "the first one is at work")
    same = stage.consumers("python", "node", delay=10)
    stage.done(publisher)
    assert all(member.is_running for member in (first, *same))
    names = [name for name in stage.store.consumers() if name.startswith(first.name)]
    stage.prove(f"{len(same) + 1} processes with the consumer name {first.name}: {', '.join(sorted(names))}")
