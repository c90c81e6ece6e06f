# SPDX-License-Identifier: MIT
"""embed_assets.py - turns the built page into a C file: every file with its hash and a gzip twin.

Usage: embed_assets.py --output FILE.c --page FOLDER [EXTRA…]. The page's folder has index.html and assets/;
an EXTRA file is served under its own name. The same input gives the same output, byte for byte.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
PER_LINE = 24


def found(page: Path, extra: list[Path]) -> list[tuple[str, Path]]:
    """What is served, by its path below the base path; nothing but index.html and assets."""
    files = [("index.html", page / "index.html")]
    files += [(f"assets/{path.name}", path) for path in sorted((page / "assets").glob("*")) if path.suffix in TYPES]
    return files + [(path.name, path) for path in extra]


def array(name: str, data: bytes) -> str:
    rows = (",".join(str(byte) for byte in data[start:start + PER_LINE]) for start in range(0, len(data), PER_LINE))
    return f"static const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"


def source(files: list[tuple[str, Path]]) -> str:
    parts = ["/* Written by scripts/lib/embed_assets.py. */\n", '#include "assets.h"\n\n']
    rows = []
    for number, (name, path) in enumerate(files):
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        parts += [array(f"data_{number}", data), array(f"gzip_{number}", packed)]
        rows.append(f'    {{"{name}", "{TYPES[path.suffix]}", "{hashlib.sha256(data).hexdigest()}", data_{number}, '
                    f"gzip_{number}, sizeof data_{number}, sizeof gzip_{number}}},\n")
    parts += ["\nconst evsd_asset evsd_assets[] = {\n", *rows, "};\n",
              f"const size_t evsd_asset_count = {len(files)};\n"]
    return "".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the C source of the dashboard's assets.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("extra", type=Path, nargs="*")
    options = parser.parse_args()
    if not (options.page / "index.html").is_file():
        print(f"embed_assets.py: {options.page} has no index.html", file=sys.stderr)
        return 1
    options.output.write_text(source(found(options.page, options.extra)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
