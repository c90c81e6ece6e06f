# SPDX-License-Identifier: MIT
"""members.py - starts and ends the programs that publish and handle events, in every language."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .ledger import Ledger

HERE = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", HERE.parents[1] / "build"))
PROGRAMS = {
    "c": [str(BUILD / "tests/evs_fault_member")],
    "python": [sys.executable, str(HERE / "members/member.py")],
    "node": ["node", str(HERE / "members/member.mjs")],
}
LANGUAGES = tuple(PROGRAMS)
SHOWN_BYTES = 2000  # of what a program said on stderr, when it failed
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Member:
    """One process with a job: {name, folder, config, closeDeadline, publish?, consume?}."""

    def __init__(self, language: str, job: dict, environment: dict[str, str] | None = None) -> None:
        self.language = language
        self.job = job
        self.name: str = job["name"]
        folder = Path(job["folder"])
        self.ledger = Ledger(folder / f"{self.name}.ledger", self.name)
        self.died: float | None = None  # when it was certainly dead, if it did not end by itself
        self.took: dict[str, int] = {}  # when it was ready
        self._errors = folder / f"{self.name}.err"
        path = folder / f"{self.name}.job"
        path.write_text(json.dumps(job))
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen([*PROGRAMS[language], str(path)], stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors, preexec_fn=die_with_parent, env=environment)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Also notes when it was first seen dead."""
        if self.died is None and self.process.poll() not in (None, 0):
            self.died = time.monotonic()
        return self.process.poll() is None

    def has(self, fact: str) -> bool:
        """Did it write so? Fails when it has ended without."""
        is_running = self.is_running
        if fact in self.ledger.read().facts:
            return True
        assert is_running, f"{self.name} ended with {self.process.returncode} before '{fact}':\n{self.said()}"
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.died = time.monotonic()

    def stop(self, seconds: float = 30.0) -> None:
        """SIGTERM; it closes and ends well."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=seconds)
        assert status == 0, f"{self.name} ended with {status}:\n{self.said()}"

    def said(self) -> str:
        return self._errors.read_text(errors="replace")[-SHOWN_BYTES:]

    # ---- what it takes --------------------------------------------------------------------------------

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def takes(self) -> dict[str, int]:
        """Of the machine, beside processor time."""
        folder = Path(f"/proc/{self.pid}")
        resident = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return {"descriptors": len(os.listdir(folder / "fd")), "threads": len(os.listdir(folder / "task")),
                "MiB": resident >> 20}


def die_with_parent() -> None:
    """In the new process: a test that dies takes its programs with it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
