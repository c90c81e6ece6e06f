# SPDX-License-Identifier: MIT
"""disk.py - a disk that is full when a test wants it: a small tmpfs, which needs the right to mount (root)."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

BLOCK = 4096


class Disk:
    """A folder of a bounded size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> int:
        """Takes what is free; returns how many bytes that were."""
        taken = 0
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                taken += file.write(b"\0" * BLOCK)
        return taken

    def free(self) -> None:
        """Gives that back."""
        self._ballast.unlink()


def refusal(folder: Path) -> str | None:
    """Why this machine cannot have such a disk, or None: it can."""
    try:
        with small_disk(folder, BLOCK):
            return None
    except subprocess.CalledProcessError as error:
        return f"a small file system cannot be mounted (needs root): {error.stderr.strip()}"


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Disk]:
    """A disk of so many bytes at `folder`, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)), check=True,
                   capture_output=True, text=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True, capture_output=True, text=True)
