# SPDX-License-Identifier: MIT
"""order.py - a topic whose events come in order: whoever has it stands still or dies, and one event is poison."""

from __future__ import annotations

import subprocess
import time

from kit.members import BUILD
from kit.stage import Stage
from kit.store import DEAD, TOPIC
from libevents.testing.faults import frozen
from redis_server import plain_environment

from .processes import wait_for_takeover

EVENTS, POISON = 60, 20
ATTEMPTS = 4
FREEZES = 2  # fewer than maxCrashes: nobody can tell a process that stood still from one that crashed
WATCHED_SECONDS = 1.5


def freeze_the_owner(stage: Stage) -> None:
    """The member that has the topic stands still at work, again and again; another takes it over, and order is kept."""
    with_order(stage, "strict")
    members = stage.consumers(delay=20)
    publisher = stage.publisher(100_000, batch=5, pause=100, keys=1)
    for _ in range(FREEZES):
        done = stage.completed()
        stage.until(lambda: stage.completed() > done + 20, "events are handled")
        owner = max(members, key=lambda member: len(stage.store.pending_of(member.name)))
        with frozen(owner.pid):
            held = wait_for_takeover(stage, owner)
            stage.promise.repeats += held
            stage.promise.overlaps += held
            stage.prove(f"SIGSTOP of {owner.name}, which had the topic and {held} entries of it, until others had them")
    stage.enough(publisher)


def with_order(stage: Stage, ordering: str, policy: str = "skip") -> None:
    route = {"pattern": "order.*", "transport": "main", "ordering": ordering, "onDeadLetter": policy}
    stage.config["routing"] = {"routes": [route]}
    stage.promise.order = "strict"


def publish_poison(stage: Stage, ordering: str, policy: str, keys: int, action: dict) -> None:
    """Consumers on an ordered topic, and events of which one fails until it is a dead letter. The member that has the
    topic is killed meanwhile."""
    with_order(stage, ordering, policy)
    members = stage.consumers(delay=20)
    stage.publish(EVENTS, keys=keys, do={POISON: action})
    stage.until(lambda: stage.completed() > POISON / 2, "events are handled")
    owner = max(members, key=lambda member: len(stage.store.pending_of(member.name)))
    owner.kill()
    held = len(stage.store.pending_of(owner.name))
    stage.promise.repeats += held
    stage.prove(f"SIGKILL of {owner.name}, which had the topic and {held} entries of it")
    stage.until(lambda: stage.store.ask("XLEN", DEAD) == 1, "the poison is a dead letter")
    stage.prove(f"event {POISON} of {EVENTS} failed {ATTEMPTS} times and became a dead letter")


def poison_is_skipped(stage: Stage) -> None:
    """What comes behind a dead letter goes on."""
    publish_poison(stage, "strict", "skip", 1, {"fail": -1})


def poison_blocks(stage: Stage) -> None:
    """What comes behind a dead letter waits until it is requeued, and runs behind it."""
    publish_poison(stage, "strict", "block", 1, {"fail_in_all": ATTEMPTS})
    waits_for_operator(stage, POISON)


def poison_parks_its_key(stage: Stage) -> None:
    """What has the key of a dead letter waits until it is requeued, and runs behind it; other keys go on."""
    keys = 5
    publish_poison(stage, "per-key", "park-key", keys, {"fail_in_all": ATTEMPTS})
    waits_for_operator(stage, EVENTS - (EVENTS - POISON) // keys)


def waits_for_operator(stage: Stage, before: int) -> None:
    """So many events are handled, and no more until the letter is requeued."""
    stage.until(lambda: handled(stage) == before, "what does not wait is handled")
    end = time.monotonic() + WATCHED_SECONDS
    while time.monotonic() < end:
        assert handled(stage) == before, "something was handled that was to wait"
        time.sleep(0.05)
    subprocess.run([str(BUILD / "bin/events"), "--redis", stage.server.url, "dlq", "requeue", "--all", "--topic", TOPIC],
                   env=plain_environment(), check=True, capture_output=True, timeout=60)


def handled(stage: Stage) -> int:
    return len({run.id for run in stage.runs() if run.is_completed})
