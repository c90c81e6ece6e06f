# SPDX-License-Identifier: MIT
"""languages.py - the programs that play scenarios, one for each face of the library in a language."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("EVS_BUILD_DIR", HERE.parents[1] / "build"))
SCENARIOS = HERE / "scenarios"
TRANSPORTS = Path(os.environ.get("EVS_TRANSPORTS", HERE / "transports.json"))
PATIENCE_SECONDS = 600

_PYTHON = [sys.executable, str(HERE / "runners/python/scenarios.py")]
RUNNERS = {
    "c": [str(BUILD / "tests/conformance_scenarios_test")],
    "python": [*_PYTHON, "asyncio"],
    "python-sync": [*_PYTHON, "sync"],
    "node": ["node", str(HERE / "runners/node/scenarios.mjs")],
}


class Played:
    """What a runner said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        self.status = process.returncode
        self.lines = self.output.splitlines()

    def counts(self) -> list[str]:
        """How many ran, were skipped and failed: for each transport, then all."""
        return [line for line in self.lines if " ran, " in line]

    def failed(self) -> set[str]:
        """Names of the scenarios that failed on some transport."""
        return {line.split(": ", 1)[1] for line in self.lines if line.startswith("FAILED ")}


def start(language: str, folder: Path = SCENARIOS, transports: Path = TRANSPORTS, **environment: str) -> subprocess.Popen[str]:
    env = dict(os.environ, EVS_SCENARIOS=str(folder), EVS_TRANSPORTS=str(transports), **environment)
    return subprocess.Popen(RUNNERS[language], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def play(language: str, folder: Path, transports: Path) -> Played:
    return Played(start(language, folder, transports))


def play_in_all(folder: Path, transports: Path = TRANSPORTS, **environment: str) -> dict[str, Played]:
    """All at the same time."""
    processes = {language: start(language, folder, transports, **environment) for language in RUNNERS}
    return {language: Played(process) for language, process in processes.items()}
