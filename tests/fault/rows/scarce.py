# SPDX-License-Identifier: MIT
"""scarce.py - what a process may use is used up: memory, descriptors, connections to the server, ports."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import time
from pathlib import Path

from resp import Connection

from kit.members import BUILD, Member
from kit.stage import Stage

MIB = 1 << 20
PATIENCE_SECONDS = 10.0


def memory_limit(stage: Stage) -> None:
    """Consumers, one after the other, may hardly use more memory than they have. The library takes less at a time, or
    fails with an error; the program may give up, and never crashes."""
    stage.consumers("python", "node")
    # Memory comes from the kernel when it is asked for and goes back when it is free, not from what was put by.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "32768"}
    for spare in (MIB, 2 * MIB, 4 * MIB, 8 * MIB):
        (poor,) = stage.consumers("c", environment=environment)
        _limit_memory(stage, poor, spare)
        stage.publish(100, pad=200_000)
        _see_it_through(stage, poor)
        if poor.is_running:
            poor.stop()
            continue
        stage.promise.repeats += len(stage.store.pending_of(poor.name))
        stage.promise.overlaps += len(stage.store.pending_of(poor.name))
        assert poor.process.returncode == 1, f"it ended with {poor.process.returncode}: {poor.said()}"
        stage.prove(f"{poor.name} gave up: {poor.said().strip().splitlines()[-1]}")


def _see_it_through(stage: Stage, poor: Member) -> None:
    """It works, or gives up, or stands still and goes on once there is memory."""
    began = time.monotonic()

    def is_over() -> bool:
        return not poor.is_running or stage.store.is_drained()

    while not is_over() and time.monotonic() < began + PATIENCE_SECONDS:
        time.sleep(0.05)
    if not is_over():
        _, most = resource.prlimit(poor.pid, resource.RLIMIT_AS)
        resource.prlimit(poor.pid, resource.RLIMIT_AS, (most, most))
        stage.prove(f"{poor.name} stood still until it was given memory")
        stage.until(is_over, "it goes on once there is memory")


def _limit_memory(stage: Stage, poor: Member, spare: int) -> None:
    limit = _status(poor, "VmSize") + spare
    _, most = resource.prlimit(poor.pid, resource.RLIMIT_AS)
    resource.prlimit(poor.pid, resource.RLIMIT_AS, (limit, most))  # only the soft one may be raised again
    stage.prove(f"RLIMIT_AS of {poor.name}: {limit // 1024} kB, {spare // 1024} kB more than it had")


def _status(member: Member, name: str) -> int:
    lines = Path(f"/proc/{member.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024


def descriptors_used_up(stage: Stage) -> None:
    """Members may open no more descriptors just when their connections break: they try again, and not without end."""
    members = stage.consumers()
    publisher = stage.publisher(100_000, batch=20, pause=20, again=True)
    stage.until(lambda: stage.completed() > 200, "events flow")
    limits = {member: resource.prlimit(member.pid, resource.RLIMIT_NOFILE) for member in members}
    for member, (_, hard) in limits.items():
        resource.prlimit(member.pid, resource.RLIMIT_NOFILE, (3, hard))
    stage.promise.repeats += len(stage.store.pending())
    stage.store.ask("CLIENT", "KILL", "TYPE", "normal")
    before = int(stage.store.info("clients")["connected_clients"])
    with stage.calm("without descriptors"):
        time.sleep(3.0)  # for how long it is watched
    stage.prove(f"RLIMIT_NOFILE of 3 and CLIENT KILL: {before} connections were left, of the publisher and this one")
    for member, limit in limits.items():
        resource.prlimit(member.pid, resource.RLIMIT_NOFILE, limit)
    handled = stage.completed()
    stage.until(lambda: stage.completed() > handled + 200, "events flow again")
    stage.enough(publisher)


def no_more_clients(stage: Stage) -> None:
    """The server takes no more connections just when those of the members break."""
    stage.consumers()
    stage.publish(300)
    stage.until(stage.store.is_drained, "all is handled")
    with Connection(stage.server.url) as own:
        own.ask("CONFIG", "SET", "maxclients", 1)
        own.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with stage.calm("while it takes no clients"):
            time.sleep(3.0)  # for how long it is watched
        refused = int(_info(own, "stats")["rejected_connections"])
        own.ask("CONFIG", "SET", "maxclients", 1000)
    assert refused, "nobody was refused"
    stage.prove(f"{refused} connections were refused with 'max number of clients reached'")
    stage.publish(300)
    stage.until(stage.store.is_drained, "all is handled")


def _info(connection: Connection, section: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in connection.ask("INFO", section).splitlines() if ":" in line)


def port_in_use(stage: Stage) -> None:
    """The dashboard is to listen on a port that is taken: a clear error, and everything else works."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([str(BUILD / "bin/events"), "--redis", stage.server.url, "serve", "--port", str(port)],
                              capture_output=True, text=True, timeout=60)
    assert done.returncode not in (0, None) and str(port) in done.stderr, (done.returncode, done.stderr)
    stage.prove(f"events serve: {done.stderr.strip().splitlines()[0]}")
    stage.consumers()
    stage.publish(100)

