# SPDX-License-Identifier: MIT
"""pip_package.py - Python packages that only tests need and that the system has no version of: taken as they are
installed where they are new enough, else fetched once into the build folder."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

BUILD = Path(os.environ.get("EVS_BUILD_DIR", Path(__file__).resolve().parents[2] / "build"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def need(name: str, version: str) -> None:
    """From here on `import` finds that version of the package, or a newer one of the same major."""
    try:
        installed = _numbers(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        installed = (0, 0)
    if installed[0] == _numbers(version)[0] and installed >= _numbers(version):
        return
    folder = BUILD / "pip" / f"{name}-{version}-{platform.python_version()}"  # what it needs may differ
    if not folder.is_dir():
        _fetch(f"{name}=={version}", folder)
    sys.path.insert(0, str(folder))


def _fetch(requirement: str, folder: Path) -> None:
    """All or nothing."""
    work = folder.with_suffix(f".part{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target",
                    str(work), requirement], check=True, timeout=300)
    try:
        work.rename(folder)
    except OSError:  # another one was faster
        shutil.rmtree(work, ignore_errors=True)
