# SPDX-License-Identifier: MIT
"""What the end of a handler means for its message. Shared by both faces; calls nothing of the library."""

import asyncio
import logging
import os
import traceback
from types import TracebackType
from typing import Optional

from ._engine import Failure
from ._native import lib
from ._reading import Unreadable
from .errors import Reject, RetryLater
from .message import Message

logger = logging.getLogger("libevents")

_STACK_BYTES = 16 * 1024
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def failure_of(record: Message, error: BaseException) -> Failure:
    """The failure that a handler's exception stands for."""
    delivery = record._delivery
    if isinstance(error, RetryLater):
        return Failure(delivery, lib.EVS_FAIL_LATER, int(error.delay * 1000))
    if isinstance(error, asyncio.CancelledError):
        return released(record)
    if isinstance(error, Unreadable):
        return Failure(delivery, lib.EVS_FAIL_REJECT, 0, error.class_name, str(error))
    kind = lib.EVS_FAIL_REJECT if isinstance(error, Reject) else lib.EVS_FAIL_RETRY
    return Failure(delivery, kind, 0, _class_name(error), _message(error), _stack(error))


def timed_out(record: Message, timeout_ms: int) -> Failure:
    """The failure of a handler that did not end in time."""
    message = f"the handler did not end within {timeout_ms} ms and was cancelled"
    return Failure(record._delivery, lib.EVS_FAIL_RETRY, 0, "TimeoutError", message)


def released(record: Message) -> Failure:
    """Hands a message back as if it had not been delivered."""
    return Failure(record._delivery, lib.EVS_FAIL_RELEASE)


def is_last_attempt(record: Message, failure: Failure, max_retries: int) -> bool:
    """Will the message not be tried again after this failure?"""
    if failure.kind == lib.EVS_FAIL_REJECT:
        return True
    return bool(failure.kind == lib.EVS_FAIL_RETRY and record._attempt > max_retries)


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:
        return f"(its text could not be made: {type(problem).__name__})"


def _stack(error: BaseException) -> str:
    """The traceback from the handler's own frames on; where it is too long, its end."""
    try:
        lines = traceback.format_exception(type(error), error, _own_frames(error.__traceback__))
    except Exception as problem:
        return f"(the traceback could not be made: {type(problem).__name__})"
    stack = "".join(lines).encode("utf-8", "replace")
    return stack[-_STACK_BYTES:].decode("utf-8", "ignore")


def _own_frames(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        trace = trace.tb_next
    return trace
