# SPDX-License-Identifier: MIT
"""file.py - the transport `file`, side by side in one run with what people would use in its place, and its limits:
measured, limit, met. Exit status 1 if one is not met.

persist-queue and better-sqlite3 are installed into a folder of their own; where they cannot be had, what they stand for is
left out, and said so."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import libevents

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
COUNT = 200_000
PEER_COUNT = 2_000  # the slow ones
BATCH = 128
AT_A_TIME = 8  # batches under way, where a program can have more than one
RATE, RATE_SECONDS = 1000, 15
IDLE_SETTLE_SECONDS, IDLE_SECONDS = 5.0, 30.0

Row = tuple[str, float, str, float]


def config(path: Path | str) -> dict[str, Any]:
    return {"service": "bench", "transports": {"main": {"type": "file", "path": str(path)}}}


def system(path: Path | str) -> libevents.SyncEventSystem:
    return libevents.SyncEventSystem(config(path))


# ---- side by side ----


def in_c(folder: Path) -> tuple[float, float]:
    program = str(folder / "file_bench")
    subprocess.run(["cc", "-O2", "-std=gnu11", "-o", program, str(Path(__file__).with_name("file_bench.c")),
                    f"-I{ROOT}/libevents/include", f"-L{BUILD}", "-levents", f"-Wl,-rpath,{BUILD}"], check=True)
    done = subprocess.run([program, str(folder / "c.db"), str(COUNT)], stdout=subprocess.PIPE, check=True, timeout=600)
    found = json.loads(done.stdout)
    return COUNT / found["publish"], COUNT / found["handle"]


def batch(first: int, count: int) -> list[tuple[str, dict[str, Any]]]:
    return [("bench.tick", {"number": number, "text": "a body of some bytes"})
            for number in range(first, min(first + BATCH, count))]


def check(receipts: list[libevents.Receipt]) -> None:
    assert all(receipt.outcome == "stored" for receipt in receipts)


def in_threads(folder: Path, count: int) -> tuple[float, float]:
    """Batches of 128 published one after the other, then handled by a handler that does nothing."""
    seen = 0
    made = system(folder / "threads.db")
    with made:
        begun = time.monotonic()
        for first in range(0, count, BATCH):
            check(made.publish_batch(batch(first, count)))
        put = time.monotonic() - begun

        def handle(message: libevents.Message, metadata: libevents.Metadata) -> None:
            nonlocal seen
            seen += 1

        begun = time.monotonic()
        made.subscribe("bench.*", handle, concurrency=1024, group="bench")
        while seen < count:
            time.sleep(0.005)
        made.drain()
        return count / put, count / (time.monotonic() - begun)


async def in_asyncio(folder: Path, count: int) -> tuple[float, float]:
    """The same with asyncio, where the next batches are made while one is being stored."""
    seen, all_seen = 0, asyncio.Event()
    async with libevents.EventSystem(config(folder / "python.db")) as made:
        async def publish(part: int) -> None:
            for first in range(part * BATCH, count, AT_A_TIME * BATCH):
                check(await made.publish_batch(batch(first, count)))

        begun = time.monotonic()
        await asyncio.gather(*(publish(part) for part in range(AT_A_TIME)))
        put = time.monotonic() - begun

        async def handle(message: libevents.Message, metadata: libevents.Metadata) -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                all_seen.set()

        begun = time.monotonic()
        await made.subscribe("bench.*", handle, concurrency=1024, group="bench")
        await all_seen.wait()
        await made.drain()
        return count / put, count / (time.monotonic() - begun)


def package(folder: Path) -> Path | None:
    """persist-queue, for this run."""
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "persist-queue"],
                          capture_output=True)
    return folder if done.returncode == 0 else None


def node_package(folder: Path) -> Path | None:
    (folder / "package.json").write_text("{}")
    done = subprocess.run(["npm", "install", "--prefix", str(folder), "--silent", "better-sqlite3"], capture_output=True)
    built = (folder / "node_modules/better-sqlite3/build/Release/better_sqlite3.node").exists()
    return folder if done.returncode == 0 and built else None


def in_node(folder: Path, packages: Path | None) -> dict[str, list[Any]]:
    program = [str(ROOT / "tests/bench/file_peers.mjs"), str(folder), str(COUNT)]
    done = subprocess.run(["node", *program, *([str(packages)] if packages else [])], stdout=subprocess.PIPE, check=True,
                          timeout=600)
    return json.loads(done.stdout)


def peers(folder: Path) -> dict[str, tuple[float, float, dict[str, Any]]]:
    import file_peers

    found = {"plain SQLite (Python)": file_peers.plain_sqlite(folder, COUNT)}
    rates = {name: (COUNT / put, COUNT / took, set_to) for name, (put, took, set_to) in found.items()}
    packages = package(folder / "packages")
    if packages:
        sys.path.insert(0, str(packages))
        put, took, set_to = file_peers.persist_queue(folder, PEER_COUNT)
        rates["persist-queue (Python)"] = (PEER_COUNT / put, PEER_COUNT / took, set_to)
        put, took, set_to = file_peers.persist_queue_without_ack(folder, COUNT)
        rates["the same without ack"] = (COUNT / put, COUNT / took, set_to)
    return rates


def pragmas(path: Path) -> dict[str, Any]:
    """As a connection of the library has them."""
    done = subprocess.run([str(BUILD / "bin" / "events"), "file", "check", "--json", "--file", str(path)],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["pragmas"]


def side_by_side(folder: Path) -> list[Row]:
    c, python, threads = in_c(folder), asyncio.run(in_asyncio(folder, COUNT)), in_threads(folder, COUNT)
    others = peers(folder)
    (folder / "npm").mkdir()
    node = in_node(folder, node_package(folder / "npm"))
    ours = pragmas(folder / "python.db")
    table = {"libevents (C)": (*c, ours), "libevents (Python, asyncio)": (*python, ours),
             "libevents (Python, threads)": (*threads, ours), "libevents (Node)": (COUNT / node["ours"][0], COUNT / node["ours"][1], ours)} | others
    if "plain" in node:
        table["plain SQLite (Node)"] = (COUNT / node["plain"][0], COUNT / node["plain"][1], node["plain"][2])
    print(f"{'batches of 128':28} {'put a second':>14} {'take and ack':>14}  journal, synchronous")
    for name, (put, took, set_to) in table.items():
        print(f"{name:28} {put:>14,.0f} {took:>14,.0f}  {set_to['journal_mode']}, {set_to['synchronous']}")
    rows: list[Row] = [("File, C: published a second", c[0], "at least", 100_000),
                       ("File, C: handled a second", c[1], "at least", 100_000)]
    peer = others.get("persist-queue (Python)")
    if peer:
        rows += [("File, Python: publishing, persist-queues", python[0] / peer[0], "times, at least", 5),
                 ("File, Python: handling, persist-queues", python[1] / peer[1], "times, at least", 5)]
    else:
        print("persist-queue cannot be installed here: not compared")
    return rows


# ---- two processes ----


def reader(path: str, count: int) -> None:
    """Prints how long each event was under way, in ms, by the clock that processes of a machine share."""
    under_way: list[float] = []
    with system(path) as made:
        made.subscribe("bench.*", lambda message, metadata: under_way.append(1000 * (time.monotonic() - message.body["at"])),
                       concurrency=64, group="reader")
        made.ready()
        print("ready", flush=True)
        while len(under_way) < count:
            time.sleep(0.01)
    print(json.dumps(under_way))


def idle(path: str, _: int) -> None:
    """Prints which share of a core one process with ten subscriptions uses while nothing happens, in percent."""
    def seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    made = system(path)
    for number in range(10):
        made.on(f"idle{number}.happened", topics=[f"idle{number}-events"], group="idle")(lambda message: None)
    with made:
        made.ready()
        time.sleep(IDLE_SETTLE_SECONDS)
        begun, used = time.monotonic(), seconds()
        time.sleep(IDLE_SECONDS)
        print(json.dumps(100 * (seconds() - used) / (time.monotonic() - begun)))


def start(role: str, path: Path, count: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, __file__, "--role", role, str(path), str(count)], stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> Any:
    output = process.communicate(timeout=300)[0]
    return json.loads(output.splitlines()[-1])


def latency(folder: Path) -> list[Row]:
    path, count = folder / "latency.db", RATE * RATE_SECONDS
    other = start("reader", path, count)
    with system(path) as made:
        assert other.stdout and other.stdout.readline().strip() == "ready"
        begun = time.monotonic()
        for number in range(count):
            due = begun + number / RATE
            if (left := due - time.monotonic()) > 0:
                time.sleep(left)
            made.publish("bench.tick", {"at": time.monotonic()})
        found = sorted(answer(other))
    return [("File: p99 between two processes, 1,000/s", found[int(len(found) * 0.99)], "ms", 20)]


def all_of_it() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="events-bench-") as name:
        folder = Path(name)
        rows = side_by_side(folder)
        rows += latency(folder)
        rows.append(("File: an idle process, of a core", answer(start("idle", folder / "idle.db")), "%", 0.5))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--role", choices=("reader", "idle"))
    parser.add_argument("rest", nargs="*")
    args = parser.parse_args()
    if args.role:
        {"reader": reader, "idle": idle}[args.role](args.rest[0], int(args.rest[1]))
        return 0
    rows = [(what, round(measured, 2), limit, unit, measured >= limit if "at least" in unit else measured < limit)
            for what, measured, unit, limit in all_of_it()]
    print(f"{'file':45} {'measured':>12} {'limit':>10} {'':16}met")
    for what, measured, limit, unit, met in rows:
        print(f"{what:45} {measured:>12} {limit:>10} {unit:15} {'yes' if met else 'NO'}")
    if args.json:
        args.json.write_text(json.dumps([dict(zip(("name", "measured", "limit", "unit", "met"), row)) for row in rows],
                                        indent=2) + "\n")
    return 0 if all(row[-1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
