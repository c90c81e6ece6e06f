# SPDX-License-Identifier: MIT
"""sites.py - which allocations of the core no test ever made fail. shortage.c wrote from where each allocation was
asked for that failed; what the source asks for besides is listed, file by file, in unfailed.json, and may only get
less. --update writes the list."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CORE = ROOT / "libevents/src"
LIST = Path(__file__).with_name("unfailed.json")
ASKS = re.compile(r"\bevsi_(?:alloc|calloc|realloc|strdup|strndup|block)\(")
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def sites() -> dict[str, set[int]]:
    """The lines of each file that ask for memory; what hands requests on is none."""
    found: dict[str, set[int]] = {}
    for path in sorted(CORE.rglob("*.c")):
        code = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), path.read_text())
        lines = {number for number, line in enumerate(code.splitlines(), 1) if ASKS.search(line) and line[0] == " "}
        if lines and path != CORE / "base/alloc.c":
            found[path.relative_to(CORE).as_posix()] = lines
    return found


def failed(logs: Path, programs: Path) -> dict[str, set[int]]:
    """The lines of each file from where an allocation was asked for that failed."""
    found: dict[str, set[int]] = {}
    for log in sorted(logs.iterdir()):
        addresses = sorted(set(log.read_text().split()))
        output = subprocess.run(["addr2line", "-i", "-e", programs / log.name], input="\n".join(addresses), check=True,
                                capture_output=True, text=True).stdout
        for file, line in re.findall(rf"^{re.escape(str(CORE))}/(\S+):(\d+)", output, re.M):
            found.setdefault(file, set()).add(int(line))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="sites.py")
    parser.add_argument("logs", type=Path)
    parser.add_argument("programs", type=Path)
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    asked, did_fail = sites(), failed(args.logs, args.programs)
    left = Counter({file: len(lines - did_fail.get(file, set())) for file, lines in asked.items()})
    now = {file: count for file, count in sorted(left.items()) if count}
    if args.update:
        LIST.write_text(json.dumps(now, indent=2) + "\n")
    listed = json.loads(LIST.read_text())
    more = {file: count for file, count in now.items() if count > listed.get(file, 0)}
    for file, count in more.items():
        lines = ", ".join(map(str, sorted(asked[file] - did_fail.get(file, set()))))
        print(f"{file}: {count} places never failed (lines {lines}), {listed.get(file, 0)} are listed")
    total = sum(map(len, asked.values()))
    print(f"{total - sum(now.values())} of {total} places that ask for memory failed once; {len(now)} files have others")
    return 1 if more else 0


if __name__ == "__main__":
    sys.exit(main())
