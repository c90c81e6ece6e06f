# SPDX-License-Identifier: MIT
"""forking.py - a process forks while its system is at work: the child may do nothing with it, and harms nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import libevents

from kit.hand import Hand
from kit.stage import TYPE, Stage

CHILDREN = 20
CHILD_SECONDS = 30.0
REFUSED, ALLOWED, BROKE = 0, 1, 2  # how a child ends


def forks_under_load(stage: Stage) -> None:
    """A publisher forks 20 times while it publishes: in each child every call is refused at once."""
    stage.consumers()
    _fork_while_publishing(stage, {"main": {"type": "redis-streams", "url": stage.server.url}})


def forks_under_load_in_memory(stage: Stage) -> None:
    """The same with a handler in the same process."""
    _fork_while_publishing(stage, {"main": {"type": "memory"}})


def _fork_while_publishing(stage: Stage, transports: dict) -> None:
    parent = Hand("parent", stage.folder, stage.store)
    stage.members.append(parent)
    with libevents.SyncEventSystem({"service": "parent", "transports": transports}) as system:
        if "memory" in transports["main"].values():
            system.subscribe("order.*", lambda message, metadata: parent.handled(message.id, message.raw.decode()))
        is_over = threading.Event()
        publisher = threading.Thread(target=_publish, args=(system, parent, is_over))
        publisher.start()
        try:
            ends = [_end_of_child(system) for _ in range(CHILDREN)]
        finally:
            is_over.set()
            publisher.join()
        assert ends == [REFUSED] * CHILDREN, f"children ended with {ends}"
        system.drain()
    stage.prove(f"{CHILDREN} children of process {os.getpid()}, each refused")


def _publish(system: libevents.SyncEventSystem, parent: Hand, is_over: threading.Event) -> None:
    n = 0
    while not is_over.is_set():
        id, body = f"parent-{n}", json.dumps({"n": n})
        parent.sending(id, body)
        receipt = system.publish(TYPE, body.encode(), content_type="application/json", id=id)
        parent.sent(id, receipt.outcome)
        n += 1


def _end_of_child(system: libevents.SyncEventSystem) -> int:
    """Forks; gives how the child ended, and fails when it hangs."""
    pid = os.fork()
    if pid == 0:
        os._exit(_be_a_child(system))
    deadline = time.monotonic() + CHILD_SECONDS
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("the child hangs")
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])


def _be_a_child(system: libevents.SyncEventSystem) -> int:
    calls = (lambda: system.publish(TYPE, 1), lambda: system.subscribe("order.*", print), lambda: system.drain(),
             lambda: system.stats(), lambda: system.groups())
    try:
        for call in calls:
            try:
                call()
                return ALLOWED
            except libevents.Forked:
                pass
        system.close()
    except BaseException:
        return BROKE
    return REFUSED
