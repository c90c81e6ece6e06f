# SPDX-License-Identifier: MIT
"""report.py - writes docs/fault-report.md from what the rows of the last runs left in the build folder."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parent / "fixtures")]

from table import CASES_COME_WITH, COMES_WITH, NUMBERS, ROWS  # noqa: E402

PROOFS_SHOWN = 4
HEAD = """# What was broken, and what came of it

<!-- Written by tests/fault/report.py (`scripts/test --long faults`) from the ledgers of the runs: do not edit. -->

Each row breaks something while publishers and consumers in several languages, all in one group, are at work. They
write what they do into ledgers of their own; the checker holds these against the store and asks no library
([how](../tests/fault/README.md)). *Lost*: stored, and neither handled, dead nor waiting. *Invented*: handled or dead,
and never published so. *Repeats*: handled to the end more than once; the bound is what the row allowed in this run.
*Calm*: commands per second that the server got when all was quiet. A seed shows a row again:
`EVS_FAULT_SEED=… python3 -m pytest tests/fault -k NAME`.
"""


def load() -> list[dict]:
    results = [json.loads(row.result.read_text()) for row in ROWS if row.result.exists()]
    return sorted(results, key=lambda result: (result["number"], result["variant"]))


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table_row(result: dict) -> str:
    verdict, allowed = result["verdict"], result["allowed"]
    title = result["title"]
    order = {None: "not promised", "key": "kept, per key", "strict": "kept, strictly"}[result["order"]]
    told = f", {result['forgiven']} told" if result["forgiven"] else ""
    members = ", ".join(result["members"])
    cells = (result["number"], title, members, result["seed"], verdict["stored"], verdict["handled"], verdict["dead"],
             f"{verdict['lost']}{told}", verdict["invented"], order,
             f"{verdict['repeats']} ≤ {allowed['repeats']}: {result['bound']}",
             round(result["measures"].get("commands/s when quiet", 0)))
    return "| " + " | ".join(map(cell, cells)) + " |"


def proofs(result: dict) -> str:
    listed = result["proofs"]
    if len(listed) > PROOFS_SHOWN:
        listed = [*listed[:PROOFS_SHOWN], f"… {len(listed)} in all"]
    name = f"{result['number']}{' ' + result['variant'].replace('_', ' ') if result['variant'] else ''}"
    return f"- **{name}**: " + "; ".join(listed) + "."


def document(results: list[dict], server: str) -> str:
    seen = {result["number"] for result in results}
    cases = "; ".join(f"of {number}, {what}" for number, what in CASES_COME_WITH.items())
    missing = [f"{number} (comes with: {COMES_WITH[number]})" if number in COMES_WITH else str(number)
               for number in NUMBERS if number not in seen]
    lines = [HEAD, f"{server}; {platform.system()} {platform.release().split('-')[0]}, {platform.machine()}.", "",
             "| row | fault | members | seed | stored | handled | dead | lost | invented | order | repeats | calm |",
             "| " + "--- | " * 12, *map(table_row, results), "", f"Not played: {', '.join(missing)}; {cases}.", "",
             "## Proof that the fault happened", "", *map(proofs, results), ""]
    return "\n".join(lines)


def main() -> None:
    server = subprocess.run(["redis-server", "--version"], check=True, capture_output=True, text=True).stdout.split()[2]
    (ROOT / "docs/fault-report.md").write_text(document(load(), f"redis-server {server.removeprefix('v=')}"))


if __name__ == "__main__":
    main()
