# SPDX-License-Identifier: MIT
"""slow.py - a network that is slow, and a server that does nothing for a while."""

from __future__ import annotations

import threading
import time

from libevents.testing.faults import FaultProxy
from resp import RedisError

from kit.stage import Stage

SLEEP_SECONDS = 5


def slow_network(stage: Stage) -> None:
    """200 ms there and back, now more, now less, and 10 kB/s: slow, and nobody is taken for dead."""
    stage.transport["sessionTimeout"] = 3000
    proxy = stage.enter(FaultProxy(stage.server.url))
    stage.url = proxy.url
    stage.consumers()
    proxy.delay(0.1, jitter=0.05)
    proxy.throttle(10_000)
    began = time.monotonic()
    stage.publish(300, pad=100)
    stage.until(lambda: stage.completed() == 300, "all are handled", seconds=120)
    told = "; ".join(incident.detail for incident in proxy.record)
    stage.prove(f"{told}: 300 events took {time.monotonic() - began:.0f} s")
    proxy.heal()


def _in_flight_may_repeat(stage: Stage) -> None:
    stage.promise.repeats += len(stage.store.pending())
    stage.promise.overlaps += len(stage.store.pending())


def server_sleeps(stage: Stage) -> None:
    """The server stops answering for 5 s, far longer than a session, and goes on."""
    stage.transport |= {"idempotent": True, "commandTimeout": 1000}
    stage.consumers(delay=5)
    publisher = stage.publisher(100_000, batch=20, pause=20, again=True)
    stage.until(lambda: stage.completed() > 100, "events flow")
    _in_flight_may_repeat(stage)
    before, accepted = stage.completed(), int(stage.store.info("stats")["total_connections_received"])
    began = time.monotonic()
    stage.store.ask("DEBUG", "SLEEP", SLEEP_SECONDS)
    seconds = time.monotonic() - began
    stage.prove(f"DEBUG SLEEP was answered after {seconds:.1f} s")
    stage.until(lambda: stage.completed() > before + 500, "events flow again")
    connections = int(stage.store.info("stats")["total_connections_received"]) - accepted
    stage.measure("new connections", connections)
    stage.enough(publisher)


def server_is_busy(stage: Stage) -> None:
    """A script of somebody else keeps the server for 3 s; everybody is answered BUSY until it is killed."""
    stage.transport |= {"idempotent": True}
    stage.consumers(delay=5)
    publisher = stage.publisher(100_000, batch=20, pause=20, again=True)
    stage.until(lambda: stage.completed() > 100, "events flow")
    _in_flight_may_repeat(stage)
    before = stage.completed()
    stage.store.ask("CONFIG", "SET", "busy-reply-threshold", 100)
    script = threading.Thread(target=_endless, args=(stage,))
    script.start()
    refused = _busy_for(stage, 3.0)
    stage.store.ask("SCRIPT", "KILL")
    script.join()
    stage.prove(f"{refused} questions were answered BUSY")
    stage.until(lambda: stage.completed() > before + 500, "events flow again")
    stage.enough(publisher)


def _endless(stage: Stage) -> None:
    try:
        stage.store.ask("EVAL", "while true do end", 0)
    except RedisError:
        pass  # it was killed


def _busy_for(stage: Stage, seconds: float) -> int:
    refused, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            stage.store.ask("DBSIZE")
        except RedisError as error:
            assert str(error).startswith("BUSY"), error
            refused += 1
        time.sleep(0.05)
    assert refused
    return refused
