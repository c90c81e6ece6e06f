# SPDX-License-Identifier: MIT
"""build.py - a test program of a build that exists, with one source file of the core replaced: one compilation, one
link, nothing written but into a folder of its own."""

from __future__ import annotations

import json
import shlex
import subprocess
from functools import cached_property
from pathlib import Path

CORE = "libevents/src"
ARCHIVE = "libevents/libevs_internal.a"


class Build:
    def __init__(self, root: Path, folder: Path):
        self.root, self.folder = root, folder

    @cached_property
    def _commands(self) -> dict[str, list[str]]:
        entries = json.loads((self.folder / "compile_commands.json").read_text())
        return {entry["file"]: shlex.split(entry["command"]) for entry in entries}

    def _link_command(self, program: str) -> list[str]:
        lines = subprocess.run(["ninja", "-C", self.folder, "-t", "commands", f"tests/{program}"], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        return shlex.split(lines[-1].removeprefix(": && ").removesuffix(" && :"))

    @cached_property
    def _libraries(self) -> tuple[list[str], list[str]]:
        """How a program with the core inside is linked: what stands before the objects, and behind the archive."""
        words = self._link_command("unit_base_buf_test")
        first = next(n for n, word in enumerate(words) if word.endswith(".o"))
        return words[:first], words[words.index(ARCHIVE) + 1:]

    def _compiled(self, file: str, text: str, made: Path, *options: str) -> bool:
        source = self.root / CORE / file
        command = self._commands[str(source)]
        changed = made.with_suffix("")
        changed.write_text(text)
        words = [{str(source): str(changed), command[command.index("-o") + 1]: str(made)}.get(word, word)
                 for word in command]
        return subprocess.run([*words, "-w", "-iquote", source.parent, *options], cwd=self.folder,
                              capture_output=True).returncode == 0

    def compile(self, file: str, text: str, work: Path) -> Path | None:
        """The object of the changed file; None when it is no C any more."""
        made = work / (Path(file).name + ".o")
        return made if self._compiled(file, text, made) else None

    def are_same(self, file: str, before: str, after: str, work: Path) -> bool:
        """Does the compiler make the same of both?"""
        folder = work / "same"
        folder.mkdir(exist_ok=True)
        made, codes = folder / (Path(file).name + ".o"), []
        for text in (before, after):
            self._compiled(file, text, made, "-O2", "-g0", "-fno-sanitize=all")
            codes.append(made.read_bytes())
        return codes[0] == codes[1]

    def link(self, program: str, made: Path, work: Path) -> Path:
        """The test program with this object in place of the one in the archive."""
        before, behind = self._libraries
        objects = [word for word in self._link_command(program) if word.endswith(".o")]
        path = work / program
        subprocess.run([*before, *objects, made, "-o", path, ARCHIVE, *behind], cwd=self.folder, check=True,
                       capture_output=True)
        return path
