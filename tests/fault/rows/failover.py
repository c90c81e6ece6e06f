# SPDX-License-Identifier: MIT
"""failover.py - a replica takes over that has not got the last of what the primary had: the link between them was cut
a while before. Members reach whoever serves under one address, that of a proxy."""

from __future__ import annotations

from libevents.testing.faults import FaultProxy
from redis_server import RedisServer

from kit.stage import Stage


def _replica(stage: Stage, link: FaultProxy) -> RedisServer:
    following = ("--replicaof", f"127.0.0.1 {link.port}", "--repl-ping-replica-period", "1")
    replica = stage.enter(RedisServer(*following))
    stage.until(lambda: "state=online" in stage.store.info("replication").get("slave0", ""), "the replica follows")
    return replica


def _take_over(stage: Stage, replica: RedisServer, front: FaultProxy) -> None:
    """The primary dies, and the replica serves under its address."""
    primary = stage.server
    at = int(stage.store.info("replication")["master_repl_offset"])
    primary.kill()
    primary.__exit__()
    replica.cli("REPLICAOF", "NO", "ONE")
    stage.server = replica
    stage.store.url = replica.url
    front.redirect(replica.url)
    has = int(stage.store.info("replication")["master_repl_offset"])
    assert has < at, "the replica has all that the primary had"
    stage.prove(f"the primary was killed at {at}, the replica that took over had {has} ({at - has} bytes less)")


def _fail_over(stage: Stage, inbox: bool) -> None:
    front, link = (stage.enter(FaultProxy(stage.server.url)) for _ in range(2))
    replica = _replica(stage, link)
    stage.url = front.url
    stage.consumers(delay=5, inbox=inbox)
    publisher = stage.publisher(100_000, batch=20, pause=20)
    stage.until(lambda: stage.completed() > 200, "events flow")
    held, handled = len(stage.store.pending()), stage.completed()
    known = frozenset(id for id, event in stage.published().items() if event.is_stored)
    link.refuse()
    link.drop()
    stage.until(lambda: stage.completed() > handled + 200, "events flow without a replica")
    _take_over(stage, replica, front)
    if not inbox:
        stage.promise.repeats += stage.completed() - handled + held
        stage.promise.overlaps += held
        stage.promise.forgiven |= frozenset(stage.published()) - known
    before = stage.completed()
    stage.until(lambda: stage.completed() > before + 500, "events flow again")
    stage.enough(publisher)


def stored_by_the_primary(stage: Stage) -> None:
    """Events count as stored when the primary has them: those since the cut may be lost or come again, no others."""
    _fail_over(stage, inbox=False)


def stored_by_a_replica(stage: Stage) -> None:
    """Events count as stored when a replica has them too: none is lost; handlers that remember ids do each once."""
    stage.transport["acknowledgement"] = {"replicated": 1, "timeout": 500}
    _fail_over(stage, inbox=True)
