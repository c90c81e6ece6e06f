# SPDX-License-Identifier: MIT
"""memory.py - rows that mean something without a store: a program in each language that publishes to itself, over the
memory transport. What fails for good is told and dropped there, so such events are forgiven."""

from __future__ import annotations

from kit.members import LANGUAGES, Member
from kit.stage import SESSION_MS, Stage

from .handlers import RETRIES, check_attempts, id_of
from .input import COPIES, EDGES, file_of_bodies, outcomes_are_right

EVENTS = 120


def _program(stage: Stage, language: str, events: str, options: dict | None = None, **consume) -> Member:
    retry = {"maxRetries": RETRIES, "baseDelay": 50, "maxDelay": 200, "jitter": 0}
    config = {"transports": {"main": {"type": "memory"}}, "consumer": {"retry": retry}}
    job = {"config": config, "publish": {"events": events, "batch": 10, "pause": 0},
           "consume": {"pattern": "order.*", "threads": 4, "options": {"concurrency": 4, **(options or {})}, **consume}}
    return stage.start(language, job)


def _programs(stage: Stage, do: dict[int, dict], options: dict | None = None) -> list[Member]:
    """One in each language; ready, and all is published."""
    programs = [_program(stage, language, str(stage.file_of_events(EVENTS, 10, do, 0)), options) for language in LANGUAGES]
    stage.done(*programs)
    stage.promise.forgiven |= stage.promise.dying
    return programs


def _all_handled(stage: Stage, expected: int) -> None:
    stage.until(lambda: stage.completed() == expected, f"{expected} events are handled")


def slow_handlers(stage: Stage) -> None:
    """Handlers that take long: nothing runs twice."""
    _programs(stage, {n: {"sleep": 3 * SESSION_MS} for n in range(0, EVENTS, 30)})
    _all_handled(stage, EVENTS * len(LANGUAGES))
    took = max(run.end - run.start for run in stage.runs() if run.end is not None)
    stage.prove(f"the longest run took {took:.1f} s")


def hanging_handlers(stage: Stage) -> None:
    """Handlers that never end: a failure at their time limit, and the others go on."""
    _programs(stage, {60: {"hang": -1}}, {"handlerTimeout": 500, "maxRetries": 1})
    _all_handled(stage, (EVENTS - 1) * len(LANGUAGES))
    stage.promise.overlaps += len(LANGUAGES)
    stage.until(lambda: sum(run.end is None for run in stage.runs()) == 2 * len(LANGUAGES), "each was tried twice")
    stage.prove(f"{2 * len(LANGUAGES)} runs never ended")


def throwing_handlers(stage: Stage) -> None:
    """Handlers that throw whatever can be thrown: as many attempts as promised, not before their time."""
    once = {n: {"throw": 1 + n % RETRIES} for n in range(0, EVENTS, 5)}
    always = {n: {"throw": -1} for n in range(2, EVENTS, 20)}
    programs = _programs(stage, once | always)
    _all_handled(stage, (EVENTS - len(always)) * len(LANGUAGES))
    stage.until(lambda: all(len(stage.runs_of_each()[id]) == RETRIES + 1 for id in stage.promise.dying), "all were tried")
    runs = stage.runs_of_each()
    for program in programs:
        for n in range(EVENTS):
            failures = once.get(n, {"throw": RETRIES + 1} if n in always else {"throw": 0})["throw"]
            check_attempts(runs[id_of(program, n)], failures, [50, 100, 200])
    stage.prove(f"{sum(not run.is_ok for run in stage.runs())} handlers threw")


def told_to_go(stage: Stage) -> None:
    """SIGTERM while events wait: the report says how many were not handled, and no other is missing."""
    count = 200  # as many as a member holds
    programs = [_program(stage, "c", str(stage.file_of_events(count, 10, {}, 0)), delay=100) for _ in range(3)]
    stage.done(*programs)
    for program in programs:
        program.stop()
        report = program.ledger.read().facts["closed"]["report"]
        left = count - program.ledger.completed
        assert report["released"] + report["abandoned"] == left > 0, (report, left)
        stage.prove(f"SIGTERM of {program.name}: {program.ledger.completed} handled, {report}")
    stage.promise.forgiven |= stage.unhandled()


def edges_of_json(stage: Stage) -> None:
    """Bodies that a re-encoding would change arrive byte for byte; what is no JSON is refused."""
    programs = [_program(stage, language, str(file_of_bodies(stage, language))) for language in LANGUAGES]
    stage.done(*programs)
    _all_handled(stage, COPIES * len(EDGES) * len(LANGUAGES))
    outcomes_are_right(stage)
    stage.prove(f"{len(EDGES)} bodies in each language")
