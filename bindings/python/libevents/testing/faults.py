# SPDX-License-Identifier: MIT
"""libevents.testing.faults: what goes wrong between a program and its store, on demand.

`FaultProxy` breaks connections, `frozen` stops a process for a while, `crash_after` ends it between a handler
and its acknowledgement, `delivered_twice` brings events again that were handled. See docs/testing.md.
"""

import contextlib
import functools
import inspect
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any, Awaitable, Callable, Iterator

from ..errors import RetryLater
from ..message import Message, Metadata
from ._proxy import Cut, FaultProxy, Incident

__all__ = ["Cut", "FaultProxy", "Incident", "crash_after", "delivered_twice", "frozen"]

Handler = Callable[[Message, Metadata], Any]
Condition = Callable[[Message, Metadata], bool]

_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.001


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Within the block the process stands still, as one does that is swapped out; then it goes on."""
    os.kill(pid, signal.SIGSTOP)
    try:
        _wait_stopped(pid)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _wait_stopped(pid: int) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while not all(_is_stopped(task) for task in Path(f"/proc/{pid}/task").iterdir()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} did not stop within {_STOP_SECONDS:g} s of SIGSTOP")
        time.sleep(_LOOK_SECONDS)


def _is_stopped(task: Path) -> bool:
    state = (task / "stat").read_text().rpartition(")")[2].split()[0]
    return state in ("T", "t")


def crash_after(handler: Handler, *, when: Condition = lambda _, metadata: metadata.deliveries <= 1) -> Handler:
    """The handler, but the process is killed when it has ended well and before that is acknowledged.

    `when(message, metadata)` says after which events; by default, after any that is delivered for the first time.
    """

    def crash(message: Message, metadata: Metadata) -> None:
        if when(message, metadata):
            os.kill(os.getpid(), signal.SIGKILL)

    return _followed_by(handler, crash)


def delivered_twice(handler: Handler, *, times: int = 2) -> Handler:
    """The handler, but each event that it has handled comes again, as after an acknowledgement that was lost.

    An event is delivered `times` times in all, however often it fails besides.
    """
    handled: "Counter[str]" = Counter()

    def come_again(message: Message, metadata: Metadata) -> None:
        handled[message.id] += 1
        if handled[message.id] < times:
            raise RetryLater(0)

    return _followed_by(handler, come_again)


def _followed_by(handler: Handler, fault: Callable[[Message, Metadata], None]) -> Handler:
    """The handler, and when it has ended well, the fault."""

    @functools.wraps(handler)
    def handle(message: Message, metadata: Metadata) -> Any:
        result = handler(message, metadata)
        if inspect.isawaitable(result):
            return _await_then(result, lambda: fault(message, metadata))
        fault(message, metadata)
        return result

    return handle


async def _await_then(result: Awaitable[Any], fault: Callable[[], None]) -> None:
    await result
    fault()
