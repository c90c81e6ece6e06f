# SPDX-License-Identifier: MIT
"""lines.py - the lines of the table: which programs do the same job, how often, and what is asked of ours; and what
people's other choices reached on the machine that the goals were set on."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

ROUNDS = 5
ON_MANY_PROCESSORS = ("memory", "blinker", "eventemitter", "expressions", "patterns")  # roles without a server
KEPT_MIB = 2.0  # of ten million events, after the first tenth
NO_CLIFF = 0.5  # of the rate before, when there is ten times (or twice) as much of something


@dataclasses.dataclass(frozen=True)
class Contender:
    """A program in a role; `share` of the line's events, for those that would take too long."""

    program: str
    role: str
    share: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.program} {self.role}"

    @property
    def is_ours(self) -> bool:
        return self.program.startswith(("ours", "shapes"))

    @property
    def has_server(self) -> bool:
        return not self.role.startswith(ON_MANY_PROCESSORS)

    @property
    def is_queue(self) -> bool:
        """It keeps its jobs in a form of its own."""
        return self.role.startswith("bullmq")


@dataclasses.dataclass(frozen=True)
class Goal:
    """`ours` is to have at least `least`, or at most `most`, times what `peer` has; without a peer, of what was measured
    itself."""

    ours: str
    peer: str = ""
    least: float = 0.0
    most: float = 0.0
    of: str = "rate"


@dataclasses.dataclass(frozen=True)
class Line:
    number: int
    what: str
    count: int
    contenders: tuple[Contender, ...]
    goals: tuple[Goal, ...]
    fills: bool = False  # the store is filled before each run
    stores: bool = False  # each run leaves its events in the store, in one stream
    is_scaled: bool = True
    rounds: int = ROUNDS


def contenders(*names: str) -> tuple[Contender, ...]:
    """"PROGRAM ROLE" or "PROGRAM ROLE SHARE"."""
    split = (name.split() for name in names)
    return tuple(Contender(parts[0], parts[1], float(parts[2]) if len(parts) > 2 else 1.0) for parts in split)


def curve(role: str, numbers: tuple[int, ...], least: float = NO_CLIFF) -> tuple[Goal, ...]:
    """Each number is to have at least this share of the rate of the one before."""
    return tuple(Goal(f"shapes.c {role}/{more}", f"shapes.c {role}/{less}", least) for less, more in pairwise(numbers))


TOPICS, PUBLISHERS, BODIES = (1, 10, 100, 1000), (1, 2, 4, 8, 16), (100, 1000, 10_000, 100_000, 1_000_000)
TENTH_OF_CLIFF = NO_CLIFF / 10  # bodies ten times as long take ten times as long

LINES = (
    Line(1, "publish to Redis, C", 400_000,
         contenders("ours.c publish", "peers.c resp-publish", "peers.c publish"),
         (Goal("ours.c publish", "peers.c resp-publish", 0.95),), stores=True),
    Line(2, "publish to Redis, Node", 200_000,
         contenders("ours.mjs publish", "peers.mjs ioredis-publish", "peers.mjs node-redis-publish",
                    "peers.mjs bullmq-publish 0.1"),
         (Goal("ours.mjs publish", "peers.mjs ioredis-publish", 2.2),), stores=True),
    Line(3, "publish to Redis, Python", 100_000, contenders("ours.py publish", "peers.py publish"),
         (Goal("ours.py publish", "peers.py publish", 4.0),), stores=True),
    Line(4, "publish one, await one", 20_000,
         contenders("ours.c one-by-one", "peers.c one-by-one", "ours.mjs one-by-one", "peers.mjs ioredis-one-by-one",
                    "ours.py one-by-one", "peers.py one-by-one"),
         (Goal("ours.c one-by-one", "peers.c one-by-one", 0.9),
          Goal("ours.mjs one-by-one", "peers.mjs ioredis-one-by-one", 1.0),
          Goal("ours.py one-by-one", "peers.py one-by-one", 1.0)), stores=True),
    Line(5, "consume with a group and acknowledge, C", 400_000, contenders("ours.c consume", "peers.c consume"),
         (Goal("ours.c consume", "peers.c consume", 0.8),), fills=True),
    Line(6, "consume, Node", 200_000,
         contenders("ours.mjs consume", "peers.mjs ioredis-consume", "peers.mjs bullmq-consume 0.1"),
         (Goal("ours.mjs consume", "peers.mjs ioredis-consume", 1.5),), fills=True),
    Line(7, "consume, Python", 100_000, contenders("ours.py consume", "peers.py consume"),
         (Goal("ours.py consume", "peers.py consume", 4.0),), fills=True),
    Line(8, "end to end at 5,000 events/s, from when each was due", 50_000,
         contenders("ours.c latency", "peers.c latency", "ours.mjs latency", "peers.mjs ioredis-latency", "ours.py latency",
                    "peers.py latency"),
         (Goal("ours.c latency", "peers.c latency", most=1.2, of="p99_ms"),
          Goal("ours.mjs latency", "peers.mjs ioredis-latency", most=0.5, of="p99_ms"),
          Goal("ours.py latency", "peers.mjs ioredis-latency", most=0.5, of="p99_ms")), stores=True),
    Line(10, "through memory, one subscription", 400_000,
         contenders("ours.c memory", "ours.c memory-threads", "ours.mjs memory 0.5", "ours.py memory 0.25",
                    "peers.mjs eventemitter3 50", "peers.py blinker"),
         (Goal("ours.c memory", least=5_000_000), Goal("ours.c memory-threads", least=2_000_000),
          Goal("ours.mjs memory", least=500_000), Goal("ours.py memory", least=300_000))),
    Line(11, "match a type against many patterns", 10_000_000,
         contenders("match.c patterns/100", "match.c patterns/10000", "match.c patterns/100000",
                    "peers.mjs eventemitter2/10000 0.1", "peers.mjs expressions/10000 0.0001"),
         (Goal("match.c patterns/10000", least=5_000_000), Goal("match.c patterns/100000", "match.c patterns/100", 0.7),
          Goal("match.c patterns/10000", "match.c patterns/100", 0.7))),
    Line(12, "validate an event's text against a schema of ten fields, in nine rounds", 0, (),
         (Goal("libevents, C", "Ajv + JSON.parse", 1.0),)),
    Line(13, "route and publish through memory with 1,000 routes", 400_000,
         contenders("ours.c memory-routes", "ours.c memory"), (Goal("ours.c memory-routes", "ours.c memory", 0.8),)),
    Line(14, "100 subscriptions connected, nothing happens", 100, contenders("shapes.c idle"),
         (Goal("shapes.c idle", most=0.5, of="cpu_percent"), Goal("shapes.c idle", most=5, of="commands"),
          Goal("shapes.c idle", most=20, of="rss_mib")), is_scaled=False, rounds=1),
    Line(15, "ten times as much offered as is handled, for 60 s", 600_000,
         contenders("shapes.c overload", "shapes.c memory-overload"),
         (Goal("shapes.c overload", most=KEPT_MIB, of="growth_mib"),
          Goal("shapes.c memory-overload", most=KEPT_MIB, of="growth_mib")), is_scaled=False, rounds=1),
    Line(17, "as topics, publishing threads and bodies grow", 200_000,
         contenders(*(f"shapes.c topics/{number}" for number in TOPICS),
                    *(f"shapes.c memory-topics/{number}" for number in TOPICS),
                    *(f"shapes.c memory-publishers/{number}" for number in PUBLISHERS),
                    *(f"shapes.c bodies/{number} {min(1.0, 1000 / number)}" for number in BODIES)),
         (*curve("topics", TOPICS), *curve("memory-topics", TOPICS), *curve("memory-publishers", PUBLISHERS),
          *curve("bodies", BODIES, TENTH_OF_CLIFF))),
    Line(18, "memory kept of ten million events, after the first tenth", 10_000_000,
         contenders("ours.c memory-kept", "ours.mjs memory-kept", "ours.py memory-kept"),
         tuple(Goal(f"ours.{kind} memory-kept", most=KEPT_MIB, of="growth_mib") for kind in ("c", "mjs", "py")), rounds=1),
)

# Events a second that peers reached where redis-benchmark, 128 commands at a time, reached BENCHMARK_FIGURE. A run in
# which one of them stays below LEAST_OF_FIGURE, by the redis-benchmark of the run, compares with a peer that was held up.
# Of peers that ask no server redis-benchmark says nothing: LONE_FIGURES count as they are.
BENCHMARK_FIGURE, LEAST_OF_FIGURE = 254_000, 0.8
FIGURES = {
    "peers.c resp-publish": 222_000, "peers.c publish": 188_000, "peers.c one-by-one": 7_000, "peers.c consume": 237_000,
    "peers.mjs ioredis-publish": 84_000, "peers.mjs node-redis-publish": 38_000, "peers.mjs bullmq-publish": 13_000,
    "peers.mjs ioredis-one-by-one": 4_900, "peers.mjs ioredis-consume": 98_000, "peers.mjs bullmq-consume": 7_500,
    "peers.py publish": 38_000, "peers.py one-by-one": 4_400, "peers.py consume": 27_000,
}
LONE_FIGURES = {
    "peers.py blinker": 530_000, "peers.mjs eventemitter3": 69_000_000, "peers.mjs eventemitter2/10000": 946_000,
    "peers.mjs expressions/10000": 308, "Ajv + JSON.parse": 350_000, "Zod + JSON.parse": 195_000,
    "python-jsonschema + json.loads": 7_300,
}
