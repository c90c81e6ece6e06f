# SPDX-License-Identifier: MIT
"""speed.py - how fast events go, side by side in one run with what people use for it: rounds in turns, medians, ratios,
and the goal of each line. Client and server are kept on processors of their own; what arrived is counted by the store.

  speed.py [--json FILE] [--scale SHARE] [LINE…]      the numbers of lines, e.g. 1 5; --scale 0.1 for a tenth of the events
  speed.py --page FILE                                writes docs/performance.md from what --json wrote; measures nothing
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
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
sys.path[:0] = [str(ROOT / "tests/support"), str(HERE)]

import page  # noqa: E402
import validate  # noqa: E402
from lines import LINES, ROUNDS, Contender, Line  # noqa: E402
from redis_server import RedisServer  # noqa: E402
from verdict import Found, check_bytes, held_up, judge, summary, tell  # noqa: E402

STREAM, ENTRY = "stream:{bench-events}", "entry"
TEXT = "x" * 211
BODY = json.dumps({"at": "0" * 20, "text": TEXT}, separators=(",", ":"))  # 256 bytes, envelope aside
SERVER_CPU, CLIENT_CPU = ("1", "0") if (os.cpu_count() or 1) > 1 else ("0", "0")
LEAST_COUNT, PATIENCE_SECONDS = 1000, 900
BENCHMARKED, AT_A_TIME = 300_000, 128


PROGRAMS = {  # in C: the files of each, and what it is linked with
    "ours": (("ours", "host", "program"), "-levents"),
    "shapes": (("shapes", "host", "program"), "-levents"),
    "peers": (("peers", "program"), "-lhiredis"),
    "match": (("match", "program"), f"{BUILD}/libevents/libevs_internal.a"),  # the trie is inside
}


def build(folder: Path) -> None:
    """The programs in C, as a user's compiler makes them, and the packages of the peers."""
    for name, (parts, library) in PROGRAMS.items():
        sources = [str(HERE / f"{part}.c") for part in parts]
        subprocess.run(["cc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-o", str(folder / name), *sources,
                        f"-I{ROOT}/libevents/include", f"-L{BUILD}", library, "-lpthread",
                        f"-Wl,-rpath,{BUILD}"], check=True)
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

    def command(self, contender: Contender) -> list[str]:
        """Up to the role. A client with a server stays away from its processor."""
        name, kind = contender.program.split(".")
        gc = ["--expose-gc"] if contender.role == "memory-kept" else []
        program = {"c": [str(self.folder / name)], "mjs": ["node", *gc, str(HERE / contender.program)],
                   "py": ["python3", str(HERE / contender.program)]}[kind]
        return [*(["taskset", "-c", CLIENT_CPU] if contender.has_server else []), *program]

    def client(self, contender: Contender, count: int) -> dict[str, Any]:
        url = self.server.url
        target = url.removeprefix("redis://") if contender.program == "peers.c" else url
        if contender.is_ours:
            target = json.dumps({"type": "redis-streams", "url": url})
        payload = self.body if contender.is_ours else self.entry
        command = [*self.command(contender), contender.role, target, str(count), str(payload)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{contender.name}: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        if found["count"] != count:
            raise RuntimeError(f"{contender.name}: {found['count']} events, not {count}")
        return found

    def server_seconds(self) -> float:
        rows = dict(row.split(":", 1) for row in self.server.cli("INFO", "cpu").splitlines() if ":" in row)
        return float(rows["used_cpu_user"]) + float(rows["used_cpu_sys"])

    def benchmark(self) -> float:
        """What redis-benchmark reaches with the same entries: how fast the machine is in this run."""
        rates = []
        for _ in range(ROUNDS):
            self.server.cli("FLUSHALL")
            done = subprocess.run(["taskset", "-c", CLIENT_CPU, "redis-benchmark", "-p", str(self.server.port), "-q", "-n",
                                   str(BENCHMARKED), "-P", str(AT_A_TIME), "XADD", STREAM, "*", "data",
                                   self.entry.read_text()], capture_output=True, text=True, check=True,
                                  timeout=PATIENCE_SECONDS)
            rates.append(float(re.findall(r"([\d.]+) requests per second", done.stdout)[-1]))
        return statistics.median(rates)

    def measure(self, line: Line, contender: Contender) -> dict[str, Any]:
        """One round: the store is emptied, filled if need be, and looked at afterwards."""
        count = max(LEAST_COUNT, int(line.count * contender.share * self.scale)) if line.is_scaled else line.count
        self.server.cli("FLUSHALL")
        if line.fills:
            self.client(Contender("peers.mjs", "bullmq-publish") if contender.is_queue
                        else Contender("peers.c", "resp-publish"), count)
        busy = self.server_seconds()
        found = self.client(contender, count)
        if "seconds" in found:
            found["rate"] = count / found["seconds"]
        if "seconds" in found and contender.has_server:
            found["server_share"] = (self.server_seconds() - busy) / found["seconds"]
        if line.stores and not contender.is_queue:
            if (stored := int(self.server.cli("XLEN", STREAM))) != count:
                raise RuntimeError(f"{contender.name}: {stored} events in the store, not {count}")
            if TEXT not in self.server.cli("XREVRANGE", STREAM, "+", "-", "COUNT", "1"):
                raise RuntimeError(f"{contender.name}: what is in the store is not what was published")
            found["bytes"] = int(self.server.cli("MEMORY", "USAGE", STREAM, "SAMPLES", "0")) / count
        return found

    def line(self, line: Line) -> Found:
        """The medians of all rounds, by contender; rounds of contenders alternate."""
        if not line.contenders:
            return {name: summary([{"rate": rate} for rate in rates]) for name, rates in validate.rounds().items()}
        rounds: dict[str, list[dict[str, Any]]] = {contender.name: [] for contender in line.contenders}
        for _ in range(line.rounds):
            for contender in line.contenders:
                rounds[contender.name].append(self.measure(line, contender))
        return {name: summary(results) for name, results in rounds.items()}


def machine(server: RedisServer) -> dict[str, str]:
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    redis = re.search(r"redis_version:(\S+)", server.cli("INFO", "server"))
    return {"date": datetime.date.today().isoformat(), "processors": f"{os.cpu_count()} x {model[1] if model else '?'}",
            "system": f"{platform.system()} {platform.release()}", "redis": redis[1] if redis else "?",
            "python": platform.python_version(),
            "node": subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()}


@contextmanager
def pinned_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        subprocess.run(["taskset", "-a", "-p", "-c", SERVER_CPU, str(server.process.pid)], check=True, capture_output=True)
        yield server


def run_table(chosen: list[Line], scale: float) -> dict[str, Any]:
    results, goals, void = {}, [], []
    with tempfile.TemporaryDirectory(prefix="events-speed-") as name, pinned_server() as server:
        build(Path(name))
        run = Run(server, Path(name), scale)
        benchmark = run.benchmark()
        print(f"redis-benchmark, {AT_A_TIME} at a time: {benchmark:,.0f}/s")
        for line in chosen:
            found = run.line(line)
            check_bytes(found)
            reached, held = [judge(line, goal, found) for goal in line.goals], held_up(found, benchmark)
            tell(line, found, reached, held)
            results[line.number] = {"what": line.what, "contenders": found, "void": held}
            goals += reached
            void += held
        about = machine(server)
    if void:
        print(f"\nThis run is void: {len(void)} of the peers were held up by something else.")
    return {"run": about | {"scale": scale, "benchmark": benchmark, "rounds": ROUNDS}, "void": void, "lines": results, "goals": goals}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("lines", nargs="*", type=int)
    args = parser.parse_args()
    if unknown := set(args.lines) - {line.number for line in LINES}:
        parser.error(f"no line {min(unknown)}")
    if args.scale <= 0:
        parser.error("--scale is a share of the events, more than 0")
    if args.page:
        page.write(json.loads(args.page.read_text()))
        return 0
    found = run_table([line for line in LINES if not args.lines or line.number in args.lines], args.scale)
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if not found["void"] and all(goal["met"] for goal in found["goals"]) else 1


if __name__ == "__main__":
    sys.exit(main())
