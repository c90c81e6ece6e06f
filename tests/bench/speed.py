# SPDX-License-Identifier: MIT
"""speed.py - how fast events go, side by side in one run with what people use for it: rounds in turns, medians, ratios,
and the goal of each line. Client and server are kept on processors of their own; what arrived is counted by the store.

  speed.py [--json FILE] [--scale SHARE] [LINE…]      the numbers of lines, e.g. 1 5; --scale 0.1 for a tenth of the events
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
HERE = ROOT / "tests/bench/speed"
sys.path.insert(0, str(ROOT / "tests/support"))

from redis_server import RedisServer  # noqa: E402

ROUNDS = 3
STREAM, ENTRY = "stream:{bench-events}", "entry"
BODY = json.dumps({"at": "0" * 20, "text": "x" * 211}, separators=(",", ":"))  # 256 bytes, envelope aside
SERVER_CPU, CLIENT_CPU = ("1", "0") if (os.cpu_count() or 1) > 1 else ("0", "0")
SAME_BYTES = 0.05  # entries of a line may differ by this share: the nodes that hold them are never full alike


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
        return self.program.startswith("ours")


@dataclasses.dataclass(frozen=True)
class Goal:
    """`ours` is to have at least `least` times (or, of latencies, at most `most` times) what `peer` has; without a
    peer, that many events a second."""

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
    stores: bool = True  # each run leaves its events in the store


def contenders(*names: str) -> tuple[Contender, ...]:
    """"PROGRAM ROLE" or "PROGRAM ROLE SHARE"."""
    split = (name.split() for name in names)
    return tuple(Contender(parts[0], parts[1], float(parts[2]) if len(parts) > 2 else 1.0) for parts in split)


LINES = (
    Line(1, "publish to Redis, C", 400_000,
         contenders("ours.c publish", "peers.c resp-publish", "peers.c publish"),
         (Goal("ours.c publish", "peers.c resp-publish", 0.95),)),
    Line(2, "publish to Redis, Node", 200_000,
         contenders("ours.mjs publish", "peers.mjs ioredis-publish", "peers.mjs node-redis-publish"),
         (Goal("ours.mjs publish", "peers.mjs ioredis-publish", 2.2),)),
    Line(3, "publish to Redis, Python", 100_000, contenders("ours.py publish", "peers.py publish"),
         (Goal("ours.py publish", "peers.py publish", 4.0),)),
    Line(4, "publish one, await one", 20_000,
         contenders("ours.c one-by-one", "peers.c one-by-one", "ours.mjs one-by-one", "peers.mjs ioredis-one-by-one",
                    "ours.py one-by-one", "peers.py one-by-one"),
         (Goal("ours.c one-by-one", "peers.c one-by-one", 0.9),
          Goal("ours.mjs one-by-one", "peers.mjs ioredis-one-by-one", 1.0),
          Goal("ours.py one-by-one", "peers.py one-by-one", 1.0))),
    Line(5, "consume with a group and acknowledge, C", 400_000, contenders("ours.c consume", "peers.c consume"),
         (Goal("ours.c consume", "peers.c consume", 0.8),), fills=True, stores=False),
    Line(6, "consume, Node", 200_000, contenders("ours.mjs consume", "peers.mjs ioredis-consume"),
         (Goal("ours.mjs consume", "peers.mjs ioredis-consume", 1.5),), fills=True, stores=False),
    Line(7, "consume, Python", 100_000, contenders("ours.py consume", "peers.py consume"),
         (Goal("ours.py consume", "peers.py consume", 4.0),), fills=True, stores=False),
    Line(8, "end to end at 5,000 events/s", 50_000,
         contenders("ours.c latency", "peers.c latency", "ours.mjs latency", "peers.mjs ioredis-latency", "ours.py latency",
                    "peers.py latency"),
         (Goal("ours.c latency", "peers.c latency", most=1.2, of="p99_ms"),
          Goal("ours.mjs latency", "peers.mjs ioredis-latency", most=0.5, of="p99_ms"),
          Goal("ours.py latency", "peers.mjs ioredis-latency", most=0.5, of="p99_ms"))),
    Line(10, "through memory, one subscription", 400_000,
         contenders("ours.c memory", "ours.c memory-threads", "ours.mjs memory 0.5", "ours.py memory 0.25", "peers.py blinker"),
         (Goal("ours.c memory", least=5_000_000), Goal("ours.c memory-threads", least=2_000_000),
          Goal("ours.mjs memory", least=500_000), Goal("ours.py memory", least=300_000)), stores=False),
    Line(13, "route and publish through memory with 1,000 routes", 400_000,
         contenders("ours.c memory-routes", "ours.c memory"),
         (Goal("ours.c memory-routes", "ours.c memory", 0.8),), stores=False),
)


def build(folder: Path) -> None:
    """The programs in C, as a user's compiler makes them, and the packages of the peers."""
    for name in ("ours", "peers"):
        subprocess.run(["cc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-o", str(folder / name), str(HERE / f"{name}.c"),
                        str(HERE / "program.c"), f"-I{ROOT}/libevents/include", f"-L{BUILD}", "-levents", "-lhiredis",
                        "-lpthread", f"-Wl,-rpath,{BUILD}"], check=True)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--prefer-offline", "--silent"], cwd=HERE, check=True)


class Run:
    """One run of the table."""

    def __init__(self, server: RedisServer, folder: Path, scale: float) -> None:
        self.server, self.folder, self.scale = server, folder, scale
        self.body, self.entry = folder / "body", folder / ENTRY
        self.body.write_text(BODY)
        # What peers store is what the library stores: its own entry.
        self.client(Contender("ours.c", "publish"), 1)
        self.entry.write_text(server.cli("--raw", "XRANGE", STREAM, "-", "+").splitlines()[-1])

    def client(self, contender: Contender, count: int) -> dict[str, Any]:
        url, kind = self.server.url, contender.program.split(".")[1]
        target = url.removeprefix("redis://") if contender.program == "peers.c" else url
        if contender.is_ours:
            target = json.dumps({"type": "redis-streams", "url": url})
        program = {"c": [str(self.folder / contender.program.removesuffix(".c"))],
                   "mjs": ["node", str(HERE / contender.program)], "py": ["python3", str(HERE / contender.program)]}[kind]
        payload = self.body if contender.is_ours else self.entry
        command = ["taskset", "-c", CLIENT_CPU, *program, contender.role, target, str(count), str(payload)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"{contender.name}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        if found["count"] != count:
            raise RuntimeError(f"{contender.name}: {found['count']} events, not {count}")
        return found

    def server_seconds(self) -> float:
        rows = dict(row.split(":", 1) for row in self.server.cli("INFO", "cpu").splitlines() if ":" in row)
        return float(rows["used_cpu_user"]) + float(rows["used_cpu_sys"])

    def measure(self, line: Line, contender: Contender) -> dict[str, Any]:
        """One round: the store is emptied, filled if need be, and looked at afterwards."""
        count = max(1000, int(line.count * contender.share * self.scale))
        self.server.cli("FLUSHALL")
        if line.fills:
            self.client(Contender("peers.c", "resp-publish"), count)
        busy = self.server_seconds()
        found = self.client(contender, count)
        found["rate"] = count / found["seconds"] if "seconds" in found else 0.0
        if "seconds" in found:
            found["server_share"] = (self.server_seconds() - busy) / found["seconds"]
        if line.stores and not contender.program.startswith("peers.mjs bull"):
            if (stored := int(self.server.cli("XLEN", STREAM))) != count:
                raise RuntimeError(f"{contender.name}: {stored} events in the store, not {count}")
            found["bytes"] = int(self.server.cli("MEMORY", "USAGE", STREAM, "SAMPLES", "0")) / count
        return found

    def line(self, line: Line) -> dict[str, dict[str, Any]]:
        """The medians of all rounds, by contender; rounds of contenders alternate."""
        rounds: dict[str, list[dict[str, Any]]] = {contender.name: [] for contender in line.contenders}
        for _ in range(ROUNDS):
            for contender in line.contenders:
                rounds[contender.name].append(self.measure(line, contender))
        return {name: summary(results) for name, results in rounds.items()}


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    medians = {key: statistics.median(result[key] for result in results) for key in results[0]}
    key = "rate" if medians["rate"] else "p99_ms"
    values = [result[key] for result in results]
    return medians | {"spread": (max(values) - min(values)) / medians[key]}


def judge(goal: Goal, found: dict[str, dict[str, Any]]) -> tuple[str, float, float, bool]:
    """What was compared, the ratio (or the rate), the goal, whether it is met."""
    value = found[goal.ours][goal.of]
    if not goal.peer:
        return f"{goal.ours}, a second", value, goal.least, value >= goal.least
    ratio = value / found[goal.peer][goal.of]
    if goal.most:
        return f"{goal.ours}, {goal.of} by {goal.peer}", ratio, goal.most, ratio <= goal.most
    return f"{goal.ours} by {goal.peer}", ratio, goal.least, ratio >= goal.least


def check_bytes(found: dict[str, dict[str, Any]]) -> None:
    sizes = [result["bytes"] for result in found.values() if "bytes" in result]
    if sizes and max(sizes) > min(sizes) * (1 + SAME_BYTES):
        raise RuntimeError(f"the contenders do not store the same: {sizes} bytes an entry")


def tell(line: Line, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    print(f"\n{line.number}. {line.what}")
    for name, result in found.items():
        speed = f"{result['rate']:>12,.0f}/s" if result["rate"] else f"p50 {result['p50_ms']:.2f} p99 {result['p99_ms']:.2f} ms"
        share = f"server {100 * result['server_share']:3.0f} %" if "server_share" in result and line.stores | line.fills else ""
        print(f"   {name:32} {speed:>24}  ± {50 * result['spread']:2.0f} %  {share:12} {result['peak_kib'] / 1024:5.0f} MiB")
    rows = []
    for goal in line.goals:
        what, value, limit, met = judge(goal, found)
        print(f"   {what}: {value:,.2f}, goal {'at most' if goal.most else 'at least'} {limit:,.2f}: {'met' if met else 'NOT MET'}")
        rows.append({"line": line.number, "what": what, "value": value, "goal": limit, "met": met})
    return rows


@contextmanager
def pinned_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        subprocess.run(["taskset", "-a", "-p", "-c", SERVER_CPU, str(server.process.pid)], check=True, capture_output=True)
        yield server


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("lines", nargs="*", type=int)
    args = parser.parse_args()
    chosen = [line for line in LINES if not args.lines or line.number in args.lines]
    results, rows = {}, []
    with tempfile.TemporaryDirectory(prefix="events-speed-") as name, pinned_server() as server:
        build(Path(name))
        run = Run(server, Path(name), args.scale)
        for line in chosen:
            found = run.line(line)
            check_bytes(found)
            results[line.number] = {"what": line.what, "contenders": found}
            rows += tell(line, found)
    if args.json:
        args.json.write_text(json.dumps({"lines": results, "goals": rows}, indent=2) + "\n")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
