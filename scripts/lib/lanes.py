# SPDX-License-Identifier: MIT
"""lanes.py - suites beside each other: each lane is a process that runs one suite after the other, and the runner
prints what each comes to. Used by suites.py."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection, wait
from typing import Any, Callable

FORK = multiprocessing.get_context("fork")


@dataclasses.dataclass(frozen=True)
class Result:
    text: str  # what is printed of it
    passed: int
    failed: int


def work(lane: list[Any], run: Callable[[Any], Result], results: Connection, mask) -> None:
    """The process of a lane."""
    os.setpgid(0, 0)  # Ctrl-C is for the runner, which ends each lane once
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is stopped then, too
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for suite in lane:
            results.send(run(suite))
    except KeyboardInterrupt:
        sys.exit(130)


def hear(reader: Connection, awaited: dict[Connection, list[str]]) -> list[Result]:
    """What a lane says next. When its process has ended, all that it has not told of has failed."""
    try:
        heard = [reader.recv()]
        awaited[reader].pop(0)
    except EOFError:
        heard = [Result(f"{name:12} failed: what ran it has ended\n", 0, 1) for name in awaited.pop(reader)]
    for result in heard:
        print(result.text, end="", flush=True)
    return heard


def run_lanes(lanes: list[list[Any]], run: Callable[[Any], Result]) -> list[Result]:
    """Runs each suite of each lane; an interruption ends them all, and waits for their end."""
    awaited: dict[Connection, list[str]] = {}
    processes: list[multiprocessing.process.BaseProcess] = []
    results: list[Result] = []
    # An interruption waits until each process is in the list, and so can be ended.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        for lane in lanes:
            reader, writer = FORK.Pipe(duplex=False)
            processes.append(FORK.Process(target=work, args=(lane, run, writer, mask)))
            processes[-1].start()
            writer.close()
            awaited[reader] = [suite.name for suite in lane]
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        while awaited:
            for reader in wait(list(awaited)):
                results += hear(reader, awaited)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()
    return results
