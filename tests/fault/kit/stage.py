# SPDX-License-Identifier: MIT
"""stage.py - one row while it is played: its server, its processes, what proves that the fault happened, and the
end, which is the same for all: everything is handled, then nothing happens for a while, then the checker judges.
"""

from __future__ import annotations

import collections
import contextlib
import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from redis_server import RedisServer, plain_environment

from .checker import History, Promise, Verdict, check
from .ledger import Published, Run
from .members import BUILD, LANGUAGES, Member
from .store import DEAD, GROUP, STREAM, Store

T = TypeVar("T")
SESSION_MS = 2000  # long enough that nobody is taken for dead on a machine with much to do
QUIET_SECONDS = {"short": 3.0, "long": 5.0}
LIVE_SECONDS = 60.0  # until everything must be handled once the fault is over
# What a member and its share of scripts may ask of the server in a second when there is nothing to do. At this
# session time it beats three times in it; a loop without a pause makes thousands.
CALM_COMMANDS = 120
CPU_SHARE = 0.05  # of a processor, for a process whose server is away
MORE = {"descriptors": 3, "threads": 8, "MiB": 128}  # than when it was ready, once all is over
TYPE = "order.created"
DIES = {"fail": -1, "throw": -1, "hang": -1}  # actions that end as a dead letter


class Stage:
    """with Stage(folder, seed) as stage: row(stage); stage.settle()"""

    def __init__(self, folder: Path, seed: int, options: Sequence[str] = (), is_long: bool = False) -> None:
        self.folder = folder
        self.seed = seed
        self.random = random.Random(seed)
        self.is_long = is_long
        self.quiet = QUIET_SECONDS["long" if is_long else "short"]
        self.promise = Promise()
        self.verdict = Verdict()
        self.members: list[Member] = []
        self.proofs: list[str] = []
        self.measures: dict[str, float] = {}
        self.config: dict = {}  # more members of everybody's configuration
        self.transport: dict = {}  # and of their transport
        self.server = RedisServer(*options)
        self._resources = contextlib.ExitStack()
        self._names = 0

    def __enter__(self) -> Stage:
        (self.folder / "marks").mkdir(parents=True)
        self.server.__enter__()
        self.url = self.server.url  # that members are given; a row may put a proxy in between
        self.store = Store(self.server.url)
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            if member.process.poll() is None:
                member.process.kill()
                member.process.wait()
        self.server.__exit__()
        self._resources.close()

    def enter(self, resource: contextlib.AbstractContextManager[T]) -> T:
        """A proxy, a disk: until the stage ends."""
        return self._resources.enter_context(resource)

    # ---- processes ------------------------------------------------------------------------------------

    def start(self, language: str, job: dict, environment: dict[str, str] | None = None) -> Member:
        """Starts a program with this job; its name, folder and configuration are filled in."""
        self._names += 1
        name = f"{language}-{self._names}"
        transport = {"type": "redis-streams", "url": self.url, "sessionTimeout": SESSION_MS, "discoverInterval": 500,
                     "blockTime": 1000, "consumerId": name, "groupId": GROUP,
                     "reconnect": {"baseDelay": 50, "maxDelay": 500},
                     "retry": {"maxRetries": 3, "baseDelay": 50, "maxDelay": 200}, **self.transport}
        config = {"service": name, "transports": {"main": transport}, **self.config, **job.pop("config", {})}
        job = {"closeDeadline": 5000, **job, "name": name, "folder": str(self.folder), "config": config}
        member = Member(language, job, environment)
        self.members.append(member)
        return member

    def consumer(self, language: str, *, environment: dict[str, str] | None = None, options: dict | None = None,
                 **more) -> Member:
        """A consumer of the group, not waited for. `more`: delay, inbox, cheat of the job's `consume`."""
        consume = {"pattern": "order.*", "threads": 4, **more}
        consume["options"] = {"concurrency": consume["threads"], **(options or {})}
        return self.start(language, {"consume": consume}, environment)

    def consumers(self, *languages: str, **more) -> list[Member]:
        """One consumer of each language (all unless named), ready."""
        members = [self.consumer(language, **more) for language in languages or LANGUAGES]
        self.until(lambda: all(member.has("ready") for member in members), "members are ready")
        for member in members:
            member.took = member.takes()
        return members

    def publisher(self, count: int, *, language: str = "", do: dict[int, dict] | None = None, keys: int = 10,
                  pad: int = 0, config: dict | None = None, environment: dict[str, str] | None = None,
                  **options) -> Member:
        """A publisher of `count` events, not waited for. do: what the handler of event n does; options: batch, pause,
        again of the job's `publish`."""
        language = language or self.random.choice(LANGUAGES)
        path = self.file_of_events(count, keys, do or {}, pad)
        publish = {"events": str(path), "batch": 50, "pause": 0, **options}
        return self.start(language, {"publish": publish, "config": config or {}}, environment)

    def file_of_events(self, count: int, keys: int, do: dict[int, dict], pad: int) -> Path:
        """The events of the next program that is started."""
        path = self.folder / f"{self._names + 1}.events"
        with path.open("w") as file:
            for n in range(count):
                file.write(json.dumps(self.event(n, keys, do.get(n), pad)) + "\n")
        return path

    def event(self, n: int, keys: int, action: dict | None, pad: int) -> dict:
        """A line of a file of events. An action that ends as a dead letter is promised to."""
        group = self._names + 1
        id, key = f"e{group}-{n}", f"k{group}-{n % keys}"
        body = {"n": n, **({"do": action} if action else {}), **({"pad": "x" * pad} if pad else {})}
        if action and any(action.get(name) == times for name, times in DIES.items()):
            self.promise.dying |= {id}
        return {"id": id, "key": key, "seq": n // keys, "type": TYPE, "body": json.dumps(body)}

    def publish(self, count: int, **options) -> Member:
        """Publishes and waits until all outcomes are known."""
        publisher = self.publisher(count, **options)
        self.done(publisher)
        return publisher

    def done(self, *publishers: Member) -> None:
        self.until(lambda: all(each.has("done") for each in publishers), "publishers are done")

    def enough(self, *publishers: Member) -> None:
        """Ends publishers after what they are sending."""
        for publisher in publishers:
            self.until(lambda: publisher.has("ready"), f"{publisher.name} is ready")
            publisher.stop(LIVE_SECONDS)

    # ---- looking --------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], object], what: str, seconds: float = LIVE_SECONDS) -> float:
        """Looks again and again; gives how long it took, and fails when it does not come in time."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}"
            time.sleep(0.02)
        return time.monotonic() - began

    def completed(self, *members: Member) -> int:
        """Handlers that ended well so far, of these members or of all."""
        return sum(member.ledger.read().completed for member in members or self.members)

    def published(self) -> dict[str, Published]:
        """By whomever, so far."""
        found: dict[str, Published] = {}
        for member in self.members:
            for id, event in member.ledger.read().published.items():
                found[id] = found[id].joined(event) if id in found else event
        return found

    def unhandled(self) -> frozenset[str]:
        """Ids of stored events whose handlers have not ended well so far."""
        handled = {run.id for run in self.runs() if run.is_completed}
        return frozenset(id for id, event in self.published().items() if event.is_stored and id not in handled)

    def repeated(self) -> collections.Counter[str]:
        """Ids of events whose handlers ended well more than once so far, and how often beyond the first."""
        counts = collections.Counter(run.id for run in self.runs() if run.is_completed)
        return collections.Counter({id: count - 1 for id, count in counts.items() if count > 1})

    def runs(self) -> list[Run]:
        return [run for member in self.members for run in member.ledger.read().runs]

    def runs_of_each(self) -> dict[str, list[Run]]:
        """By the id of the event, the earliest first."""
        found: dict[str, list[Run]] = collections.defaultdict(list)
        for run in sorted(self.runs(), key=lambda each: each.start):
            found[run.id].append(run)
        return found

    def told(self, member: Member, section: str, counter: str) -> int:
        """What a member that was closed counted."""
        return member.ledger.read().facts["stats"]["stats"][section][counter]

    def prove(self, what: str) -> None:
        """The fault happened, and this shows it: taken from the server, the kernel or the proxy."""
        self.proofs.append(what)

    def measure(self, what: str, value: float) -> None:
        self.measures[what] = round(value, 3)

    @contextlib.contextmanager
    def calm(self, what: str) -> Iterator[None]:
        """Within this nobody spins: processor time of each process, and commands where the server is there."""
        running = [member for member in self.members if member.is_running]
        began, cpu = time.monotonic(), {member: member.cpu_seconds() for member in running}
        yield
        seconds = time.monotonic() - began
        for member in running:
            share = (member.cpu_seconds() - cpu[member]) / seconds
            assert share < CPU_SHARE + 0.1 / seconds, f"{member.name} spins {what}: {share:.0%} of a processor"
        self.measure(f"seconds {what}", seconds)

    @contextlib.contextmanager
    def few_commands(self, what: str) -> Iterator[None]:
        """Within this nobody asks the server without end."""
        began, before = time.monotonic(), self.store.commands()
        yield
        self._look_at_rate(before, began, what)

    def _look_at_rate(self, before: int, began: float, what: str) -> None:
        running = max(1, sum(member.is_running for member in self.members))
        rate = (self.store.commands() - before) / (time.monotonic() - began)
        self.measure(f"commands/s {what}", rate)
        assert rate < CALM_COMMANDS * running, f"{rate:.0f} commands/s {what}, of {running} members"

    # ---- the end --------------------------------------------------------------------------------------

    def settle(self) -> Verdict:
        """The fault is over: everything gets through, then it is quiet, then the checker judges."""
        assert self.proofs, "nothing proves that the fault happened"
        self.measure("seconds until drained", self.until(self.store.is_drained, "everything is handled"))
        self._be_quiet()
        self._look_at_resources()
        if self.promise.is_conserved:
            self._audit()
        for member in self.members:
            if member.is_running:
                member.stop()
        self.verdict = check(self.history(), self.promise)
        assert not self.verdict.findings, "\n".join(self.verdict.findings)
        assert self.verdict.handled, "nothing was stored and handled, so nothing was shown"
        self._look_at_counters()
        return self.verdict

    def history(self) -> History:
        return History(
            published=self.published(),
            runs=self.runs(),
            stored=self.store.events(STREAM),
            dead=self.store.events(DEAD),
            left=self.store.left(),
            deaths={member.name: member.died for member in self.members if member.died is not None},
        )

    def _be_quiet(self) -> None:
        """Waits until nothing is written for a while; counts what the server is asked meanwhile."""
        deadline = time.monotonic() + LIVE_SECONDS
        while True:
            written, before, began = self._written(), self.store.commands(), time.monotonic()
            while self._written() == written and time.monotonic() < began + self.quiet:
                time.sleep(0.05)
            if self._written() == written:
                break
            assert time.monotonic() < deadline, "handlers go on and on"
        self._look_at_rate(before, began, "when quiet")

    def _written(self) -> int:
        return sum(len(member.ledger.read().runs) for member in self.members)

    def _look_at_resources(self) -> None:
        alive = {member.name: member for member in self.members if member.is_running}
        for name, member in alive.items():
            now = member.takes()
            for what, before in member.took.items():
                assert now[what] <= before + MORE[what], f"{name} took {before} {what} and takes {now[what]}"
        self.until(lambda: not alive or all(name.partition("#")[0] in alive for name in self.store.consumers()),
                   "the group has no consumers of dead members")

    def _audit(self) -> None:
        """The counters that the library keeps in the store agree with what is there."""
        done = subprocess.run([str(BUILD / "bin/events"), "--redis", self.server.url, "audit", "--json"],
                              env=plain_environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"events audit: {done.stdout}{done.stderr}"

    def _look_at_counters(self) -> None:
        """What members counted agrees with what their handlers wrote down; one that was told to go at work may have had
        messages in its hands."""
        for member in self.members:
            facts = member.ledger.read().facts
            if "stats" in facts:
                told, runs = self.told(member, "consumer", "totalMessagesReceived"), member.ledger.runs
                begun = sum(run.start < facts["stats"]["asked"] for run in runs)
                assert begun <= told <= len(runs), f"{member.name} counts {told} messages, its handlers {len(runs)}"
