# SPDX-License-Identifier: MIT
"""server.py - the store is killed, stands still, takes no writes, or throws away what it was given."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.disk import Disk, refusal, small_disk
from kit.members import BUILD, LANGUAGES, Member
from kit.stage import Stage
from kit.store import GROUP, STREAM
from libevents.testing.faults import frozen
from redis_server import plain_environment

AWAY_SECONDS = 2.0
PREFETCH = 50  # the most that a member holds, and so the most that one fault repeats for each
BATCH = 20
CONNECTIONS = 3  # of a member: reading, all else, and one that is being made
MANY = 1000  # events for a server that gets full under them
BIG = "x" * 100_000
DISK_BYTES = 256 * 1024 * 1024


def at_work(stage: Stage) -> tuple[list[Member], list[Member]]:
    """Consumers and a publisher in each language, all busy; an id is stored once however often it is sent."""
    stage.transport |= {"idempotent": True, "commandTimeout": 1000}
    consumers = stage.consumers(delay=5, options={"prefetch": PREFETCH})
    publishers = [stage.publisher(50_000, language=each, batch=BATCH, pause=40, again=True) for each in LANGUAGES]
    goes_on(stage)
    return consumers, publishers


def goes_on(stage: Stage, seconds: float = 60.0) -> float:
    """New events are handled; gives how long that took."""
    before = stage.completed()
    return stage.until(lambda: stage.completed() > before + 200, "events are handled", seconds)


def kill_server(stage: Stage) -> None:
    """The server is killed under load and starts again 2 s later from its append-only file."""
    _, publishers = at_work(stage)
    away(stage)
    group = stage.store.group()
    assert group and group["last-delivered-id"] != "0-0", "the group is what it was"
    stage.measure("seconds until it went on", goes_on(stage))
    stage.enough(*publishers)


def away(stage: Stage) -> None:
    """SIGKILL, a while without a server, and it is back."""
    stage.promise.repeats += PREFETCH * len(LANGUAGES)
    pid = stage.server.process.pid
    stage.server.kill()
    with stage.calm("while the server is away"):
        time.sleep(AWAY_SECONDS)  # how long it is away
    stage.server.again()
    assert stage.server.process.pid != pid
    stage.prove(f"SIGKILL of redis-server under load, started again after {AWAY_SECONDS:.0f} s "
                f"(uptime then: {stage.store.info('server')['uptime_in_seconds']} s)")


def kill_server_that_keeps_nothing(stage: Stage) -> Callable[[], None]:
    """The same without persistence: what nobody had handled is gone, which is told, and new events flow."""
    consumers, publishers = at_work(stage)
    stage.server.kill()
    stage.server.again()
    stage.enough(*publishers)
    before = stage.published()
    stage.prove("SIGKILL of redis-server, which keeps nothing; started again at once")
    stage.measure("seconds until new events flow", flow_again(stage))
    stage.promise.forgiven |= stage.unhandled() & before.keys()
    stage.promise.repeats += len(publishers) * BATCH  # handled, never reported as stored, and sent again
    return lambda: groups_are_recreated(stage, consumers)


def flow_again(stage: Stage) -> float:
    """A new batch is handled."""
    before = stage.completed()
    stage.publish(100)
    return stage.until(lambda: stage.completed() >= before + 100, "new events are handled", seconds=20)


def groups_are_recreated(stage: Stage, consumers: list[Member]) -> None:
    told = sum(stage.told(member, "transport", "groupsRecreated") for member in consumers)
    assert told > 0, "nobody tells of the loss"


def freeze_server(stage: Stage) -> None:
    """The server stands still for much longer than any command may take: nothing is stored twice, and nobody
    storms it with connections."""
    _, publishers = at_work(stage)
    stage.promise.repeats += PREFETCH * len(LANGUAGES)
    connections = int(stage.store.info("stats")["total_connections_received"])
    seconds = 10.0 if stage.is_long else 4.0
    with frozen(stage.server.process.pid), stage.calm("while the server stands still"):
        time.sleep(seconds)  # how long it stands still
    goes_on(stage)
    made = int(stage.store.info("stats")["total_connections_received"]) - connections
    stage.prove(f"SIGSTOP of redis-server for {seconds:.0f} s; {made} connections were made anew")
    handles = sum(member.is_running for member in stage.members)
    assert made <= seconds * handles * CONNECTIONS, f"{made} connections by {handles} members in {seconds:.0f} s"
    stage.enough(*publishers)


# ---- no writes ------------------------------------------------------------------------------------------


def refuse_writes_after_a_failed_save(stage: Stage) -> None:
    """A folder has the name of the dump, so saving fails and the server takes no writes, acknowledgements included."""
    _, publishers = at_work(stage)
    folder = Path(stage.server.folder.name) / "dump.rdb"
    folder.mkdir()
    stage.store.ask("CONFIG", "SET", "save", "3600 1")
    stage.store.ask("BGSAVE")
    stage.until(lambda: stage.store.info("persistence")["rdb_last_bgsave_status"] == "err", "saving fails")
    stand_still(stage, "MISCONF")
    folder.rmdir()
    stage.until(lambda: saves(stage), "saving works")
    goes_on(stage)
    stage.enough(*publishers)


def fill_disk(stage: Stage) -> None:
    """The disk is full: the server takes no writes, acknowledgements included, until there is room again."""
    disk = give_disk(stage, "everysec")
    _, publishers = at_work(stage)
    taken = disk.fill()
    stand_still(stage, "MISCONF")
    disk.free()
    stage.prove(f"the server's disk was full: {taken} bytes were taken")
    goes_on(stage)
    stage.enough(*publishers)


def fill_disk_that_is_synced_always(stage: Stage) -> None:
    """The disk is full and each write has to be on it: the server ends, and is started when there is room again."""
    disk = give_disk(stage, "always")
    stage.promise.repeats += PREFETCH * len(LANGUAGES)
    _, publishers = at_work(stage)
    taken = disk.fill()
    stage.until(lambda: stage.server.process.poll() is not None, "the server ends")
    stage.prove(f"redis-server ended with {stage.server.process.poll()}: its disk was full, {taken} bytes were taken")
    with stage.calm("while the server is away"):
        time.sleep(AWAY_SECONDS)  # how long it is away
    disk.free()
    stage.server.again()
    goes_on(stage)
    stage.enough(*publishers)


def give_disk(stage: Stage, fsync: str) -> Disk:
    """The server, which nobody uses yet, gets a small disk for its append-only file."""
    folder = stage.folder / "disk"
    if reason := refusal(folder):
        pytest.skip(reason)
    disk = stage.enter(small_disk(folder, DISK_BYTES))
    stage.server.kill()
    stage.server.options += ("--dir", str(folder), "--appendonly", "yes", "--appendfsync", fsync)
    stage.server.again()
    return disk


def saves(stage: Stage) -> bool:
    if stage.store.info("persistence")["rdb_bgsave_in_progress"] == "0":
        stage.store.ask("BGSAVE")
    return stage.store.info("persistence")["rdb_last_bgsave_status"] == "ok"


def stand_still(stage: Stage, error: str) -> None:
    """The server refuses; nobody spins meanwhile."""
    stage.promise.repeats += PREFETCH * len(LANGUAGES)
    stage.until(lambda: refused(stage, error) > 0, f"{error} was answered")
    before = refused(stage, error)
    with stage.few_commands(f"while it answers {error}"), stage.calm(f"while it answers {error}"):
        time.sleep(3.0)  # for how long it is watched
    now = refused(stage, error)
    stage.prove(f"{now} commands were answered with {error}, {now - before} of them in 3 s")


def refused(stage: Stage, error: str) -> int:
    told = stage.store.info("errorstats").get(f"errorstat_{error}", "count=0")
    return int(told.partition("=")[2])


def fill_memory(stage: Stage) -> None:
    """The server is full: publishing waits, handling and acknowledging go on, retries and dead letters wait."""
    stage.transport["commandTimeout"] = 1000
    stage.consumers(delay=20)
    stage.publish(1)
    stage.until(stage.store.is_drained, "there is a group, which cannot come to be later")
    failing = range(MANY - 20, MANY)  # the last, so that they fail when memory is short
    stage.publish(MANY, batch=200, do={n: {"fail": 1 if n % 10 else -1} for n in failing})
    stage.store.ask("CONFIG", "SET", "maxmemory", 1)
    early = stage.completed()
    assert early < MANY / 2, "there is much to do when memory is short"
    publisher = stage.publisher(500)
    stage.until(lambda: stage.completed() == 1 + MANY - len(failing), "what needs no memory is handled")
    stage.until(lambda: len(stage.store.pending()) == len(failing), "and acknowledged")
    stand_still(stage, "OOM")
    assert stage.store.ask("XLEN", STREAM) == 1 + MANY, "nothing was stored meanwhile"
    stage.prove(f"{MANY - len(failing) - early} events were handled and acknowledged while the server was full")
    stage.store.ask("CONFIG", "SET", "maxmemory", 0)
    stage.done(publisher)
    assert {outcome for event in publisher.ledger.published.values() for outcome in event.outcomes} == {"stored"}


def evict_everything(stage: Stage) -> Callable[[], None]:
    """The server throws streams away when it is full: `doctor` says so, the loss is counted, all goes on."""
    stage.store.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    doctor = subprocess.run([str(BUILD / "bin/events"), "--redis", stage.server.url, "doctor"], capture_output=True,
                            text=True, env=plain_environment(), timeout=60)
    assert doctor.returncode == 1 and "allkeys-lru" in doctor.stdout, doctor.stdout
    consumers, publishers = at_work(stage)
    stage.enough(*publishers)
    lose_the_stream(stage)
    stage.promise.forgiven |= stage.unhandled()
    stage.store.ask("CONFIG", "SET", "maxmemory", 0)
    flow_again(stage)
    return lambda: groups_are_recreated(stage, consumers)


def lose_the_stream(stage: Stage) -> None:
    """Fills the server until the stream is gone."""
    stage.store.ask("CONFIG", "SET", "maxmemory", int(stage.store.info("memory")["used_memory"]) + len(BIG))
    for n in range(100_000):
        if not stage.store.ask("EXISTS", STREAM):
            break
        stage.store.ask("SET", f"filler:{n % 20}", BIG)
        for filler in range(20):
            stage.store.ask("GET", f"filler:{filler}")
    evicted = stage.store.info("stats")["evicted_keys"]
    assert not stage.store.ask("EXISTS", STREAM), "the server evicts the stream"
    stage.prove(f"{evicted} keys evicted, {STREAM} among them (group {GROUP})")
