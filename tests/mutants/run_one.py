# SPDX-License-Identifier: MIT
"""run_one.py - runs one test program, and ends it with all that it started when its time is over."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path


def passes(program: Path, cwd: Path, seconds: float, env: dict[str, str]) -> bool:
    process = subprocess.Popen([program], cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # servers too, where the program left any
        except ProcessLookupError:
            pass
        process.wait()
