# SPDX-License-Identifier: MIT
"""large.py - what gate.py measures of stores with a million pending entries or dead letters, of replays, and of a
system in which nothing happens: memory, times and commands must not grow with what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from redis_server import RedisServer

import stores

MILLION = 1_000_000
IDLE_TOPICS = 100
REQUEUED = 100_000  # of the million letters: enough to tell a rate
HANDLED = 200_000  # of the million pending entries
REPLAY_RATE = 2000
KEPT = 100_000  # of a million, by retention
SLOW_MICROSECONDS = 5000  # what the server notes down, and so the least that can be told

Measured = Iterator[tuple[str, float, str, float]]  # what, measured, unit, limit


def client(role: str, server: RedisServer, count: int) -> dict[str, float]:
    program = str(Path(__file__).with_name("client.py"))
    done = subprocess.run([sys.executable, program, role, server.url, str(count)], stdout=subprocess.PIPE, text=True,
                          check=True, timeout=900)
    return json.loads(done.stdout)


def watch(server: RedisServer) -> None:
    """From here on the server notes down what takes long."""
    server.cli("CONFIG", "SET", "slowlog-log-slower-than", str(SLOW_MICROSECONDS))
    server.cli("CONFIG", "SET", "slowlog-max-len", "10000")
    server.cli("SLOWLOG", "RESET")


def slowest_ms(server: RedisServer) -> float:
    """The longest that one command kept the server from serving others since then."""
    found = server.cli("EVAL", "local most = 0 for _, each in ipairs(redis.call('SLOWLOG', 'GET', '-1')) do "
                               "most = math.max(most, each[3]) end return most", "0")
    return int(found) / 1000


def idle() -> Measured:
    with RedisServer() as server:
        found = client("idle", server, IDLE_TOPICS)
    yield "idle, 100 topics: commands", found["commands"], "/s", 5
    yield "idle, 100 topics: processor", found["cpu"], "%", 0.5


def in_a_full_store(entries: Iterator[bytes], role: str, count: int) -> tuple[dict[str, float], float]:
    """What the client found, and the slowest command meanwhile."""
    with RedisServer() as server:
        stores.fill(server.url, entries)
        watch(server)
        return client(role, server, count), slowest_ms(server)


def letters() -> Measured:
    found, slowest = in_a_full_store(stores.letters(MILLION), "letters", REQUEUED)
    yield "1,000,000 dead letters: slowest page", found["page"], "ms", 50
    yield "1,000,000 dead letters: bulk requeue", found["rate"], "/s at least", 5000
    yield "1,000,000 dead letters: memory of a client", found["mib"], "MiB", 64
    yield "1,000,000 dead letters: slowest command", slowest, "ms", 50


def pending() -> Measured:
    found, slowest = in_a_full_store(stores.pending(MILLION), "pending", HANDLED)
    yield "1,000,000 pending: taken over and handled", found["rate"], "/s at least", 1000
    yield "1,000,000 pending: handled more than once", found["again"], "events", 0
    yield "1,000,000 pending: slowest view", found["page"], "ms", 50
    yield "1,000,000 pending: memory of a client", found["mib"], "MiB", 64
    yield "1,000,000 pending: slowest command", slowest, "ms", 50


def replays() -> Measured:
    found, slowest = in_a_full_store(stores.events(MILLION, ("odd", "even")), "replay", REPLAY_RATE)
    yield "replay of 1,000,000 at 2,000/s: off by", found["off"], "%", 10
    yield "replay of 1,000,000: events after its end", found["late"], "s", 1
    yield "replay of 1,000,000: slowest command", slowest, "ms", 50


def keeping() -> Measured:
    found, slowest = in_a_full_store(stores.unread(MILLION), "keep", KEPT)
    yield "audit of 1,000,000 unread entries", found["audited"], "s", 10
    yield "audit of 1,000,000: groups that do not add up", found["wrong"], "events", 0
    yield "audit and trimming of 1,000,000: slowest command", slowest, "ms", 50


def all_of_it() -> Measured:
    for part in (idle, letters, pending, replays, keeping):
        yield from part()
