#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scenarios.py - plays every scenario through the public Python API, against every transport that can.

    scenarios.py asyncio|sync

EVS_SCENARIOS names another folder, EVS_TRANSPORTS another file of transports, EVS_LOOK_SECONDS how long an
expectation is waited for. Says what failed, then for each transport how many ran; exits with 1 if one failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterator

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path.insert(0, str(TESTS.parent / "support"))

import form  # noqa: E402
import libevents  # noqa: E402
from ledger import Ledger, uneven  # noqa: E402
from match import difference, difference_in_any_order, repeated  # noqa: E402
from own import AsyncOwnTransport, OwnTransport  # noqa: E402
from redis_server import RedisServer  # noqa: E402
from stage import LOOK_AGAIN_SECONDS, Stage, error_of, show  # noqa: E402
from verbs import POLLED, WITHOUT_ORDER, play  # noqa: E402

FACES: dict[str, Callable[..., Any]] = {"asyncio": libevents.EventSystem, "sync": libevents.SyncEventSystem}
STATISTICS = libevents.Schema((TESTS.parents[1] / "docs/statistics.schema.json").read_text())
OWN = {"asyncio": AsyncOwnTransport, "sync": OwnTransport}
BUILD = Path(os.environ.get("EVS_BUILD_DIR", TESTS.parents[1] / "build"))
LOOK_SECONDS = float(os.environ.get("EVS_LOOK_SECONDS", "30"))


class Unexpected(Exception):
    """A scenario does not hold."""


class Transport:
    """A kind of transport; every scenario gets places of its own in it."""

    def __init__(self, name: str, entry: dict[str, Any], face: str) -> None:
        self.name = name
        self.capabilities = set(entry["capabilities"])
        self._template = json.dumps(entry["config"])
        self._server = entry.get("server")
        self._own = OWN[face] if entry.get("own") else None
        self._places = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """With the folder and the server that it needs."""
        with tempfile.TemporaryDirectory() as folder:
            self._template = self._template.replace("${folder}", folder).replace("${build}", str(BUILD))
            if self._server is None:
                yield
                return
            with RedisServer("--databases", "2000") as server:
                self._template = self._template.replace("${port}", str(server.port))
                yield

    def missing(self, scenario: form.Scenario) -> str | None:
        """Why it cannot play a scenario, or None."""
        for capability in scenario.needs:
            if capability not in self.capabilities:
                return capability
        return next((f"without {each}" for each in scenario.lacks if each in self.capabilities), None)

    def places(self) -> Callable[[str], dict[str, Any]]:
        """Configurations by the name of a transport, apart from those of other scenarios."""
        numbers: dict[str, int] = {}

        def config(name: str) -> dict[str, Any]:
            if name not in numbers:
                numbers[name] = self._places
                self._places += 1
            found = json.loads(self._template.replace("${place}", str(numbers[name])))
            if self._own is None:
                return found
            return {"transport": self._own(numbers[name]), "retry": found["retry"]}

        return config


def differs(step: dict[str, Any], found: Any) -> str | None:
    expected = step["gives"]
    if step["do"] not in WITHOUT_ORDER:
        return difference(expected, found)
    compare = difference if step.get("inOrder") else difference_in_any_order
    return compare(repeated(expected), found)


async def look(stage: Stage, step: dict[str, Any]) -> None:
    """Does a step, again and again where its result may still become what is expected."""
    until = time.monotonic() + LOOK_SECONDS
    while True:
        found = await play(stage, step)
        if "fails" in step:
            raise Unexpected(f"it did not fail but gave {show(found)}")
        wrong = differs(step, found) if "gives" in step else None
        if wrong is None:
            break
        if step["do"] not in POLLED or time.monotonic() > until:
            raise Unexpected(f"{wrong}\n    found: {show(found)}")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    if step["do"] == "handled":
        del stage.runs[: len(found)]


async def take(stage: Stage, step: dict[str, Any]) -> None:
    try:
        await look(stage, step)
    except libevents.Error as error:
        found = error_of(error)
        wrong = difference(step["fails"], found) if "fails" in step else "it failed"
        if wrong is not None:
            raise Unexpected(f"{wrong}\n    found: {show(found)}") from error


async def settle(stage: Stage) -> None:
    """Nothing is left to do, and nothing was handled that no step expected."""
    until = time.monotonic() + LOOK_SECONDS
    for name in list(stage.systems):
        with contextlib.suppress(libevents.Closed):
            while left := await stage.unsettled(name):
                if time.monotonic() > until:
                    raise Unexpected(f"{name} is not done: {show(left)}")
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    if stage.runs:
        raise Unexpected(f"handled beyond what was expected: {show(stage.runs)}")
    for name, system in stage.systems.items():
        with contextlib.suppress(libevents.Closed):
            while wrong := miscounted(system.stats(), stage.ledgers[name]):
                if time.monotonic() > until:
                    raise Unexpected(f"statistics of {name}: {wrong}")
                await asyncio.sleep(LOOK_AGAIN_SECONDS)


def miscounted(stats: dict[str, Any], ledger: Ledger) -> str | None:
    """Where statistics are not what was seen, do not add up, or are no such document, or None."""
    problems = STATISTICS.validate(stats)
    return difference(ledger.expected(), stats) or uneven(stats) or (str(problems[0]) if problems else None)


async def play_all(stage: Stage, scenario: form.Scenario) -> None:
    at = "the end"
    try:
        for index, step in enumerate(scenario.steps):
            at = f"step {index + 1} ({step['do']})"
            await take(stage, step)
        at = "the end"
        await settle(stage)
    except Unexpected as problem:
        raise Unexpected(f"{at}: {problem}") from None
    finally:
        await stage.close()


def run(transport: Transport, scenarios: list[form.Scenario], face: Callable[..., Any]) -> tuple[int, int, int]:
    """Gives how many ran, were skipped and failed."""
    skipped: Counter[str] = Counter()
    ran = failed = 0
    for scenario in scenarios:
        reason = transport.missing(scenario)
        if reason is not None:
            skipped[reason] += 1
            continue
        ran += 1
        try:
            asyncio.run(play_all(Stage(face, transport.places()), scenario))
        except Unexpected as problem:
            failed += 1
            print(f"FAILED {transport.name}, {scenario.file}: {scenario.name}\n    {problem}", flush=True)
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(skipped.items()))
    print(f"{transport.name}: {ran} ran, {sum(skipped.values())} skipped{f' ({reasons})' if reasons else ''}")
    return ran, sum(skipped.values()), failed


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[1] not in FACES:
        print(f"usage: scenarios.py {'|'.join(FACES)}", file=sys.stderr)
        return 2
    scenarios = form.load(Path(os.environ.get("EVS_SCENARIOS", TESTS / "scenarios")))
    transports = json.loads(Path(os.environ.get("EVS_TRANSPORTS", TESTS / "transports.json")).read_text())
    totals = [0, 0, 0]
    for name, entry in transports.items():
        transport = Transport(name, entry, arguments[1])
        with transport.running():
            counts = run(transport, scenarios, FACES[arguments[1]])
        totals = [total + count for total, count in zip(totals, counts)]
    print(f"{totals[0]} scenarios ran, {totals[1]} skipped, {totals[2]} failed")
    return 1 if totals[2] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
