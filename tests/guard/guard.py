# SPDX-License-Identifier: MIT
"""guard.py - how many instructions the hot path takes, held against record.json.

Time says little on a machine that does other things; instructions are the same in every run. Callgrind counts those of
`measured` in work.c, with all that it calls. What takes a tenth more than the record fails, until somebody writes down
why:  python3 tests/guard/guard.py --update NAME… --reason TEXT
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build")) / "tests/evs_guard_work"
RECORD = Path(__file__).with_name("record.json")
COUNT = 2560  # of each; the first few, which fill caches, weigh little
GROWTH = 0.10
# libc and OpenSSL choose their code by the processor; so every one of x86_64 runs the same.
PLAIN = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-ERMS", "OPENSSL_ia32cap": "0x0:0x0"}


def names() -> list[str]:
    return subprocess.run([WORK], check=True, capture_output=True, text=True).stdout.split()


def measure(name: str) -> tuple[int, str]:
    """Instructions for one of `name`, and by which compiler on which machine."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                               "--toggle-collect=measured", WORK, name, str(COUNT)],
                              env=os.environ | PLAIN, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr}")
        told = json.loads(done.stdout)
        total = int(re.search(r"^summary: (\d+)", out.read_text(), re.M)[1])
    return round(total / told["done"]), f"gcc {told['compiler']}, {platform.machine()}"


def read() -> dict:
    return json.loads(RECORD.read_text())


def verdict(name: str, instructions: int, record: dict) -> str | None:
    """What is wrong, or None."""
    history = record["counts"].get(name)
    if not history:
        return f"{name} has no record: tests/guard/guard.py --update {name} --reason TEXT"
    before = history[0]["instructions"]
    if instructions <= before * (1 + GROWTH):
        return None
    return (f"{name} takes {instructions} instructions, {instructions / before - 1:.0%} more than the {before} of the record. "
            f"Make it shorter, or say why: tests/guard/guard.py --update {name} --reason TEXT")


def update(chosen: list[str], reason: str) -> None:
    record = read() if RECORD.exists() else {"counts": {}}
    for name in chosen:
        instructions, record["by"] = measure(name)
        record["counts"].setdefault(name, []).insert(0, {"instructions": instructions, "reason": reason})
        print(f"{name:16} {instructions:8}")
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/guard/guard.py", description="Without --update it prints the counts.")
    parser.add_argument("--update", action="store_true", help="write what is measured into the record")
    parser.add_argument("--reason", help="why it takes more, or less")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of what is measured; all where none is named")
    args = parser.parse_args()
    chosen = args.names or names()
    if unknown := set(chosen) - set(names()):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(names())}")
    if args.update != bool(args.reason and args.reason.strip()):
        parser.error("an update needs its --reason, and a reason is for --update")
    if args.update:
        update(chosen, args.reason)
        return 0
    for name in chosen:
        history = read()["counts"].get(name, [{"instructions": 0}])
        print(f"{name:16} {measure(name)[0]:8}  record {history[0]['instructions']:8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
