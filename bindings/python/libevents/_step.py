# SPDX-License-Identifier: MIT
"""Steps a coroutine once before a Task is made for it.

Most handlers end without waiting for anything; they need no Task and no turn of the loop. One that waits is
continued by an ordinary Task, which takes over at the future that the coroutine waits for.

During the first step `asyncio.current_task()` is a stand-in. Whoever asks it for anything gets a real Task
behind it, made at that moment, so that `asyncio.timeout()`, task groups and `cancel()` work from the first
line of a handler.
"""

import asyncio
import sys
from contextvars import Context
from typing import Any, Coroutine, Optional

from . import _border

_NOTHING: Any = object()
_HAS_TASK_CONTEXT = sys.version_info >= (3, 11)
_enter, _leave = asyncio.tasks._enter_task, asyncio.tasks._leave_task


class _Rest(Coroutine[Any, Any, Any]):
    """The coroutine from its first pause on, or its end where it came to one in the first step."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> None:
        self._coroutine = coroutine
        self._context = context
        self.waits_for: Any = _NOTHING
        self._is_blocking = False
        self.end: Optional[BaseException] = None

    def pause(self, waits_for: Any) -> None:
        """Before a Task finds what the coroutine waits for, others may wait for the same future."""
        self.waits_for = waits_for
        self._is_blocking = asyncio.isfuture(waits_for) and waits_for._asyncio_future_blocking
        if self._is_blocking:
            waits_for._asyncio_future_blocking = False

    def _for_task(self, waits_for: Any) -> Any:
        if self._is_blocking:
            waits_for._asyncio_future_blocking = True
        return waits_for

    def send(self, value: Any) -> Any:
        if self.end is not None:
            raise self.end
        if self.waits_for is not _NOTHING:
            first, self.waits_for = self.waits_for, _NOTHING
            return self._for_task(first)
        if _HAS_TASK_CONTEXT:
            return self._coroutine.send(value)
        return self._context.run(self._coroutine.send, value)

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        if self.end is not None:
            raise self.end
        error = value if value is not None else kind
        first, self.waits_for = self.waits_for, _NOTHING
        if asyncio.isfuture(first) and isinstance(error, asyncio.CancelledError) and first.cancel():
            # As Task.cancel() does: what is waited for is cancelled, and its end wakes the coroutine.
            return self._for_task(first)
        if _HAS_TASK_CONTEXT:
            return self._coroutine.throw(error)
        return self._context.run(self._coroutine.throw, error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        raise TypeError("only a Task drives this")

    def __getattr__(self, name: str) -> Any:
        # cr_frame, cr_code, __qualname__ …: what tracebacks and the repr of a Task ask for.
        return getattr(self._coroutine, name)


class _StandIn(_border.StandIn):
    """The current task of a first step; becomes a Task when somebody needs one."""

    __slots__ = ("__weakref__",)

    _rest: Optional[_Rest]
    _task: "Optional[asyncio.Task[Any]]"

    def rest(self) -> _Rest:
        """Made when it is asked for: most coroutines have none."""
        if self._rest is None:
            self._rest = _Rest(self._coroutine, self._context)
        return self._rest

    def real_task(self) -> "asyncio.Task[Any]":
        if self._task is None:
            # Task itself, not loop.create_task(): a task factory may step at once, and we are in a step.
            if sys.version_info >= (3, 11):
                self._task = asyncio.Task(self.rest(), loop=self._loop, context=self._context)
            else:
                self._task = self._context.copy().run(self._make_task)
        return self._task

    def _make_task(self) -> "asyncio.Task[Any]":
        return asyncio.Task(self.rest(), loop=self._loop)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return asyncio.Task

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real_task(), name)

    def __hash__(self) -> int:
        return hash(self.real_task())

    def __eq__(self, other: object) -> bool:
        return self is other or other is self.real_task()

    def __repr__(self) -> str:
        return repr(self.real_task())


def step(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], context: Context
) -> "Optional[asyncio.Task[Any]]":
    """Runs a coroutine up to its first pause: None when it ended, a Task when there is more to do.

    Raises what the coroutine raised. Must be called by a callback of the loop, not within a Task.
    """
    left = _border.step(_StandIn, _enter, _leave, loop, coroutine, context)
    if left is None:
        return None
    stand_in, waits_for, error = left
    if error is None:
        stand_in.rest().pause(waits_for)
    elif isinstance(error, (KeyboardInterrupt, SystemExit)):
        stand_in.rest().end = asyncio.CancelledError()
        raise error
    elif stand_in._task is None:
        raise error
    else:
        stand_in.rest().end = error
    return stand_in.real_task()
