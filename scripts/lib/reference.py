# SPDX-License-Identifier: MIT
"""reference.py - writes the tables of the reference pages from the lists in the code, so that they cannot
disagree. A page marks where a table stands: <!-- table NAME --> … <!-- end -->. Called by scripts/docs.
docs/configuration.md is not written here: the library prints it itself (its test compares)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Iterator

import statistics_schema

ROOT = Path(__file__).resolve().parents[2]
TEXT = r'"((?:[^"\\]|\\.)*)"'


def rows_of(file: str, macro: str) -> list[tuple[str, ...]]:
    """The arguments of each use of a list macro; neighbouring texts are one text."""
    code = re.sub(r"/\*.*?\*/", "", (ROOT / file).read_text(), flags=re.S)
    code = re.sub(r'"\s*\n\s*"', "", code)
    return [split(use.group(1)) for use in re.finditer(rf"^{macro}\(((?:{TEXT}|[^()\"])*)\)", code, re.M)]


def split(arguments: str) -> tuple[str, ...]:
    return tuple(match.group(1) if match.group(1) is not None else match.group().strip()
                 for match in re.finditer(rf"{TEXT}|[^,\s\"][^,\"]*", arguments))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def errors() -> str:
    rows = rows_of("libevents/src/base/errors.def", r"EVS_STATUS(?:_FIRST)?")
    return table(("code", "name", "in Python and Node", "may pass by itself", "meaning"),
                 [(code, f"`{name}`", f"`{kind}`" if kind else "", "yes" if retriable == "true" else "", text)
                  for code, name, kind, retriable, text, _, _ in rows])


def cures() -> str:
    rows = rows_of("libevents/src/base/errors.def", r"EVS_STATUS(?:_FIRST)?")
    return table(("name", "comes from", "what to do"),
                 [(f"`{name}`", source.replace('\\"', '"'), cure.replace('\\"', '"'))
                  for _, name, _, _, _, source, cure in rows if source])


def counters(section: str) -> str:
    rows = rows_of("libevents/src/observe/counters.def", "X")
    return table(("JSON", "Prometheus", "what it counts"),
                 [(f"`{json}`", f"`{metric}`", text) for _, where, json, metric, text in rows if where == section])


def labels(side: str) -> str:
    rows = rows_of("libevents/src/observe/labels.def", "X")
    return table(("JSON", "Prometheus", "what it counts"),
                 [(f"`{json}`", f"`libevents_{metric}_by_…_total`", text)
                  for _, where, json, metric, text in rows if where == side])


TABLES = {
    "errors": errors,
    "cures": cures,
    "publisher": lambda: counters("publisher"),
    "consumer": lambda: counters("consumer"),
    "transport": lambda: counters("transport"),
    "publisher_labels": lambda: labels("PUBLISHER"),
    "consumer_labels": lambda: labels("CONSUMER"),
}

# Pages that are written as a whole.
PAGES = {"docs/statistics.schema.json": lambda: statistics_schema.schema(rows_of)}


def written(page: str) -> str:
    """The page with its tables as the code has them now."""
    return re.sub(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)",
                  lambda match: match.group(1) + TABLES[match.group(2)]() + match.group(3), page, flags=re.S)


def pages() -> Iterator[tuple[Path, str]]:
    """Each page as the code has it now."""
    for path in sorted((ROOT / "docs").rglob("*.md")):
        yield path, written(path.read_text())
    for name, write in PAGES.items():
        yield ROOT / name, write()


def main() -> int:
    stale = []
    for path, new in pages():
        if path.is_file() and path.read_text() == new:
            continue
        stale.append(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(new)
            print(f"written: {stale[-1]}")
    if stale and "--check" in sys.argv:
        print(f"not as the code has it: {', '.join(map(str, stale))}; run scripts/docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
