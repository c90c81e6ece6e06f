# SPDX-License-Identifier: MIT
"""begin.py - before coverage is measured: the tools are in the build's own Python, each process of which counts,
and counts of an earlier run are gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

BUILD = Path(os.environ["EVS_BUILD_DIR"])
TOOLS = Path(__file__).with_name("requirements.txt")


def main() -> None:
    # The environment of the build, not the system's.
    assert Path(sys.prefix) == BUILD / "venv", f"run with {BUILD}/venv/bin/python3"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement",
                    TOOLS], check=True)
    site = Path(sysconfig.get_path("purelib"))
    (site / "evs_coverage.pth").write_text("import coverage; coverage.process_startup()\n")
    shutil.rmtree(BUILD / "counts", ignore_errors=True)
    for name in ("python", "node", "shortages", "html-c"):
        (BUILD / "counts" / name).mkdir(parents=True)
    for counts in BUILD.rglob("*.gcda"):
        counts.unlink()


if __name__ == "__main__":
    main()
