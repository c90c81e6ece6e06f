# SPDX-License-Identifier: MIT
"""operating.py - operators at work under load: dead letters sent again while their cause is still there, replays beside
live traffic, retention while a group is far behind."""

from __future__ import annotations

import collections
import json
import subprocess
import threading

import libevents
from redis_server import plain_environment

from kit.clock import Clock
from kit.members import BUILD
from kit.stage import Stage
from kit.store import DEAD, GROUP, STREAM

ATTEMPTS = 4  # of a subscription: maxRetries is 3
POISON = 30


def _start(stage: Stage, *words: str) -> subprocess.Popen:
    return subprocess.Popen([str(BUILD / "bin/events"), "--redis", stage.server.url, *words, "--json"], text=True,
                            env=plain_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _answer(process: subprocess.Popen) -> dict:
    out, errors = process.communicate(timeout=60)
    assert out, f"exit status {process.returncode}: {errors}"
    return json.loads(out)


def redrive_while_it_still_fails(stage: Stage) -> None:
    """Dead letters are sent again by two commands at once, and fail again: each is sent once a time, and what came
    back too often is refused."""
    stage.consumers()
    stage.publish(300, do={n * 10: {"fail": -1} for n in range(POISON)})
    rounds = 3
    stage.promise.copies += rounds * POISON  # a requeued event is a new entry
    for number in range(rounds):
        stage.until(lambda: stage.store.ask("XLEN", DEAD) == POISON and stage.store.is_drained(), "all are dead")
        answers = [_answer(each) for each in [_start(stage, "dlq", "requeue", "--all") for _ in range(2)]]
        sent = [answer["requeued"] for answer in answers]
        assert sum(sent) == POISON, sent
        stage.prove(f"round {number + 1}: two commands sent {sent[0]} and {sent[1]} of {POISON}")
    stage.until(lambda: stage.store.ask("XLEN", DEAD) == POISON and stage.store.is_drained(), "all are dead again")
    refused = _answer(_start(stage, "dlq", "requeue", "--all", "--max-redrives", str(rounds)))
    outcomes = collections.Counter(result["outcome"] for result in refused["results"])
    assert outcomes == {"too_often": POISON}, outcomes
    stage.prove(f"with --max-redrives {rounds}, {POISON} are refused as too_often")
    begun = collections.Counter(run.id for run in stage.runs() if run.id in stage.promise.dying)
    assert set(begun.values()) == {ATTEMPTS * (1 + rounds)}, begun


def replay_beside_live_traffic(stage: Stage) -> None:
    """All that is stored is replayed while events flow: to its own handler and nobody else, and the live group does not
    notice."""
    stage.consumers()
    stage.publish(1000)
    publisher = stage.publisher(100_000, batch=20, pause=20)
    handled = stage.completed()
    stage.until(lambda: stage.completed() > handled + 200, "events flow")
    seen: list[tuple[str, str]] = []
    lock = threading.Lock()

    def note(message: libevents.Message, metadata: libevents.Metadata) -> None:
        with lock:
            seen.append((message.id, metadata.group))

    config = {"service": "replayer", "transports": {"main": {"type": "redis-streams", "url": stage.server.url}}}
    with libevents.SyncEventSystem(config) as system:
        before = set(stage.store.events())
        replay = system.replays.start({"topic": "order-events"})
        after = set(stage.store.events())
        system.subscribe("order.*", note, replay=replay["id"], concurrency=16)
        stage.until(lambda: system.replays.get(replay["id"])["state"] == "done" and len(seen) >= len(before), "it is replayed")
        stage.until(lambda: system.replays.get(replay["id"])["unhandled"] == 0, "all of it is handled")
    ids = [id for id, _ in seen]
    assert len(ids) == len(set(ids)) and before <= set(ids) <= after, (len(ids), len(set(ids)), len(before), len(after))
    assert {group for _, group in seen} != {GROUP}
    stage.prove(f"{len(ids)} events were replayed to {seen[0][1]} while others were published")
    stage.enough(publisher)


def retention_while_a_group_is_behind(stage: Stage) -> None:
    """The stream is far beyond all its limits, and a group is an hour behind: nothing goes that it has not handled, and
    the store says who holds it."""
    clock = Clock(stage.folder)
    stage.server.kill()
    stage.server.environment = clock.env
    stage.server.again()
    limits = {"retention": {"maxMessages": 100, "maxAge": 60_000, "maxSize": 65_536}}
    limits |= {"retentionInterval": 200, "discoverInterval": 200}
    stage.transport |= limits
    stage.consumers()
    stage.publish(100)
    stage.until(stage.store.is_drained, "all is handled")
    transport = {"type": "redis-streams", "url": stage.server.url, **limits}
    with libevents.SyncEventSystem({"service": "watcher", "transports": {"main": transport}}) as system:
        system.pause_group(GROUP)
        stage.publish(5000)
        clock.set(3600)
        stage.publish(100)
        stage.until(lambda: _look_at(system)["state"] == "held", "it says that it is held")
        row = _look_at(system)
        kept = set(stage.store.events())  # first: a member may not have seen the pause yet
        gone = stage.unhandled() - kept
        assert not gone, f"{len(gone)} events went that nobody has handled"
        stage.prove(f"an hour later, limit 100, {row['beyond']} beyond it: held by {row['heldBy']['group']} ({row['heldBy']['why']})")
        system.resume_group(GROUP)
    stage.until(lambda: stage.completed() == 5200, "the group handles all")
    stage.until(lambda: stage.store.ask("XLEN", STREAM) < 1000, "what is handled goes")


def _look_at(system: libevents.SyncEventSystem) -> dict:
    return next(row for row in system.retention() if row["topic"] == "order-events")
