# SPDX-License-Identifier: MIT
"""nemesis.py - for a long time something breaks every few seconds, chosen by the seed: processes, connections, the server
and what is in it. In the end every event is accounted for, and nobody has grown."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from libevents.testing.faults import FaultProxy, frozen

from kit.members import LANGUAGES, Member
from kit.stage import LIVE_SECONDS, SESSION_MS, Stage

from .processes import blame_no_event

MINUTES = {"short": 1, "long": 20}
MIB = 1 << 20
GROWTH_BYTES = 64 * MIB
PREFETCH = 50


class Nemesis:
    def __init__(self, stage: Stage, proxy: FaultProxy) -> None:
        self.stage = stage
        self.proxy = proxy
        self.working: list[Member] = []
        self.publishers: list[Member] = []
        self.faults: list[Callable[[], None]] = [
            self.kill, self.freeze, self.tell_to_go, self.kill_publisher, self.drop, self.half_open, self.pause, self.slow,
            self.cut, self.forget_scripts, self.server_sleeps, self.kill_server, self.fill_memory,
        ]

    def begin(self) -> None:
        blame_no_event(self.stage)
        self.working = self.stage.consumers(*LANGUAGES, "c", "python", delay=2, options={"prefetch": PREFETCH})
        for language in LANGUAGES:
            self.add_publisher(language)

    def strike(self) -> None:
        """One fault. Whatever is under way may come again."""
        fault = self.stage.random.choice(self.faults)
        held = len(self.stage.store.pending())
        self.stage.promise.repeats += held
        self.stage.promise.overlaps += held
        fault()
        self.stage.prove(fault.__name__)

    def replace(self, victim: Member) -> None:
        self.working.remove(victim)
        self.working += self.stage.consumers(victim.language, delay=2, options={"prefetch": PREFETCH})

    def add_publisher(self, language: str) -> None:
        poison = {n: {"fail": -1 if n % 500 == 0 else 1} for n in range(50, 100_000, 50)}
        self.publishers.append(self.stage.publisher(100_000, language=language, batch=10, pause=40, do=poison, again=True))

    def any_worker(self) -> Member:
        return self.stage.random.choice(self.working)

    # ---- processes ------------------------------------------------------------------------------------

    def kill(self) -> None:
        victim = self.any_worker()
        victim.kill()
        self.replace(victim)

    def freeze(self) -> None:
        with frozen(self.any_worker().pid):
            time.sleep(2 * SESSION_MS / 1000)  # how long it stands still

    def tell_to_go(self) -> None:
        victim = self.any_worker()
        victim.process.send_signal(signal.SIGTERM)
        self.replace(victim)

    def kill_publisher(self) -> None:
        victim = self.stage.random.choice(self.publishers)
        self.publishers.remove(victim)
        victim.kill()
        self.add_publisher(victim.language)

    # ---- connections ----------------------------------------------------------------------------------

    def drop(self) -> None:
        self.proxy.drop()

    def half_open(self) -> None:
        self.proxy.half_open()

    def pause(self) -> None:
        self.proxy.pause()
        time.sleep(SESSION_MS / 1000)  # how long nothing passes
        self.proxy.resume()

    def slow(self) -> None:
        self.proxy.delay(0.05, jitter=0.05)
        time.sleep(SESSION_MS / 1000)  # how long it is slow
        self.proxy.delay(0)

    def cut(self) -> None:
        fault = self.proxy.cut(after=self.stage.random.randrange(200), times=3)
        fault.wait(5)

    # ---- the server -----------------------------------------------------------------------------------

    def forget_scripts(self) -> None:
        self.stage.store.ask("SCRIPT", "FLUSH")

    def server_sleeps(self) -> None:
        self.stage.store.ask("DEBUG", "SLEEP", 2)

    def kill_server(self) -> None:
        self.stage.server.kill()
        time.sleep(0.5)  # how long it is away
        self.stage.server.again()

    def fill_memory(self) -> None:
        self.stage.store.ask("CONFIG", "SET", "maxmemory", 1)
        time.sleep(SESSION_MS / 1000)  # how long it is full
        self.stage.store.ask("CONFIG", "SET", "maxmemory", 0)


def everything_breaks(stage: Stage) -> None:
    """Every few seconds one of thirteen faults, for twenty minutes; three publishers, five consumers."""
    stage.transport |= {"idempotent": True, "commandTimeout": 1000}
    proxy = stage.enter(FaultProxy(stage.server.url))
    stage.url = proxy.url
    nemesis = Nemesis(stage, proxy)
    nemesis.begin()
    end = time.monotonic() + 60 * MINUTES["long" if stage.is_long else "short"]
    sizes: dict[Member, int] = {}
    while time.monotonic() < end:
        before = stage.completed()
        nemesis.strike()
        stage.until(lambda: stage.completed() > before + 50, "events flow again")
        for member in nemesis.working:
            sizes.setdefault(member, _resident(member))
    stage.enough(*nemesis.publishers)
    stage.until(stage.store.is_drained, "all is handled", seconds=3 * LIVE_SECONDS)
    grown = {member.name: _resident(member) - sizes[member] for member in nemesis.working if member in sizes}
    assert max(grown.values(), default=0) < GROWTH_BYTES, f"grown by bytes: {grown}"
    _sum_up(stage)


def _sum_up(stage: Stage) -> None:
    """How often each fault struck, in place of one line each."""
    names = sorted(set(stage.proofs))
    stage.proofs[:] = [f"{name.replace('_', ' ')} {stage.proofs.count(name)} times" for name in names]


def _resident(member: Member) -> int:
    pages = int(Path(f"/proc/{member.pid}/statm").read_text().split()[1])
    return pages * 4096
