# SPDX-License-Identifier: MIT
"""Handlers that take a list of events: what they give is an outcome for each."""

import asyncio
import inspect
from typing import Any, Callable, List, Optional, Sequence, Set, Tuple

from .errors import ValidationError
from .message import Message, Metadata

#: Gets messages and their metadata, in lists of the same length. Gives None where all were handled, or a list: an
#: exception (also Reject, RetryLater) for each event that was not, anything else for those that were. When it
#: raises, all have failed.
BatchHandler = Callable[[List[Message], List[Metadata]], Any]


def outcomes_of(result: Any, count: int) -> List[Optional[BaseException]]:
    """The failure of each event, or None."""
    if result is None:
        return [None] * count
    if not isinstance(result, Sequence) or isinstance(result, (str, bytes)) or len(result) != count:
        raise ValidationError(f"a handler of {count} events gave no list of {count} outcomes")
    return [outcome if isinstance(outcome, BaseException) else None for outcome in result]


class Batches:
    """The handler of single events that collects what comes in one turn of the loop, up to `size`.

    Each event ends with the outcome that the list gave it, so that time limits, retries and dead letters are those
    of single events.
    """

    def __init__(self, handler: BatchHandler, size: int, concurrency: int, tasks: "Set[asyncio.Task[Any]]") -> None:
        self._handler = handler
        self._size = size
        self._concurrency = concurrency
        self._tasks = tasks  #: of all handlers of lists; the turn cancels them when the system closes
        self._waiting: "List[Tuple[Message, Metadata, asyncio.Future[None]]]" = []
        self._running = 0
        self._is_scheduled = False

    def __call__(self, message: Message, metadata: Metadata) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        future: "asyncio.Future[None]" = loop.create_future()
        self._waiting.append((message, metadata, future))
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._begin, loop)
        return future

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_scheduled = False
        while self._waiting and self._running < self._concurrency:
            items, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            task = loop.create_task(self._run(items))
            self._running += 1
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._running -= 1
        self._begin(task.get_loop())

    async def _run(self, items: "List[Tuple[Message, Metadata, asyncio.Future[None]]]") -> None:
        outcomes: List[Optional[BaseException]]
        try:
            result = self._handler([item[0] for item in items], [item[1] for item in items])
            if inspect.isawaitable(result):
                result = await result
            outcomes = outcomes_of(result, len(items))
        except BaseException as error:
            outcomes = [error] * len(items)
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
        finally:
            for (_, _, future), outcome in zip(items, outcomes):
                if not future.done():
                    _end(future, outcome)


def _end(future: "asyncio.Future[None]", outcome: Optional[BaseException]) -> None:
    if outcome is None:
        future.set_result(None)
    elif isinstance(outcome, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(outcome)
