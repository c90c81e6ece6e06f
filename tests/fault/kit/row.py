# SPDX-License-Identifier: MIT
"""row.py - what a row of the fault table is, how it is played, and what is kept of it for the report."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from .members import BUILD
from .stage import Stage

RESULTS = BUILD / "fault"


@dataclasses.dataclass(frozen=True)
class Row:
    """One scenario. A row of the table may have several, each with a `variant` of its own."""

    number: int
    title: str
    play: Callable[[Stage], Callable[[], None] | None]  # what it gives is called when all members have ended
    bound: str  # of repeats, in words: `play` sets the number
    variant: str = ""
    in_every_run: bool = False  # else with --long only
    server: tuple[str, ...] = ()  # more words for the command line of redis-server

    @property
    def name(self) -> str:
        return f"{self.number:02}-{self.variant or self.play.__name__}"

    @property
    def result(self) -> Path:
        """What is kept of its last run, where that went well."""
        return RESULTS / f"{self.name}.json"


def play(row: Row, folder: Path, is_long: bool) -> None:
    """Plays a row; what fails says how to see it again."""
    seed = int(os.environ.get("EVS_FAULT_SEED") or secrets.randbelow(1 << 31))
    began = time.monotonic()
    row.result.unlink(missing_ok=True)
    with Stage(folder, seed, row.server, is_long) as stage:
        try:
            last_look = row.play(stage)
            stage.settle()
            if last_look:
                last_look()
        except BaseException:
            print(f"row {row.name}, again with: {'EVS_LONG=1 ' if is_long else ''}EVS_FAULT_SEED={seed} "
                  f"python3 -m pytest tests/fault -k {row.name}")
            print(*(f"{member.name} said: {member.said()}" for member in stage.members if member.said()), sep="\n")
            raise
    keep(row, stage, time.monotonic() - began)


def keep(row: Row, stage: Stage, seconds: float) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {
        "number": row.number, "variant": row.variant, "title": row.title, "bound": row.bound, "seed": stage.seed,
        "seconds": round(seconds, 1), "members": sorted({member.language for member in stage.members}),
        "proofs": stage.proofs, "measures": stage.measures, "order": stage.promise.order,
        "allowed": {name: getattr(stage.promise, name) for name in ("repeats", "overlaps", "copies")},
        "forgiven": len(stage.promise.forgiven), "verdict": dataclasses.asdict(stage.verdict),
    }
    row.result.write_text(json.dumps(result, indent=1))
