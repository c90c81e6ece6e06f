# SPDX-License-Identifier: MIT
"""clock.py - a wall clock of their own for servers and members: the shim (clock_shim.c) in their environment, and
the file by which it is set. The monotonic clock is not touched."""

from __future__ import annotations

import mmap
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock_shim.c")


class Clock:
    """clock = Clock(folder); start a process with clock.env; clock.set(3600.0)"""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(struct.pack("=q", 0))
        self.library = folder / "clock_shim.so"
        subprocess.run(("cc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC",
                        str(SOURCE), "-o", str(self.library), "-ldl"), check=True)

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to have this clock."""
        return {"LD_PRELOAD": str(self.library), "EVS_CLOCK_FILE": str(self._file)}

    def set(self, seconds: float) -> None:
        """From now on the clock is ahead by so many seconds; negative: behind."""
        with self._file.open("r+b") as file, mmap.mmap(file.fileno(), 8) as page:
            page[:] = struct.pack("=q", round(seconds * 1000))
