# SPDX-License-Identifier: MIT
"""What the asyncio face does in one turn of the loop: take records, run handlers, settle, all bounded.

The loop calls `on_wake` while records wait (the descriptor stays readable until they are taken). A turn
takes a bounded number of records and bounded time, then lets everything else on the loop run. Whatever a
turn settled goes to the core in one call. Runs on the loop's thread only.
"""

import asyncio
import inspect
import json
import logging
import time
import weakref
from collections import deque
from contextvars import Context
from types import CoroutineType, FunctionType, MethodType
from typing import Any, Awaitable, Callable, Coroutine, Deque, Dict, List, Optional, Set, Tuple

from . import _settle
from ._engine import Engine, Failure
from ._log import tell
from ._native import lib
from ._outbox import Outbox
from ._own import AsyncDriver
from ._reading import Reader, Unreadable
from ._step import step
from .errors import Closed, Error
from .message import Message, Metadata, Report

#: Gets a message and its metadata; with the option `batch` a list of each.
Handler = Callable[[Any, Any], Any]
PoisonHandler = Callable[[Message, BaseException, Metadata], Any]

RECORDS_PER_TURN = 512
_SECONDS_PER_TURN = 0.005
_RECOVERY_SECONDS = 0.1
_STRAY_CANCEL_DELAY_MS = 1000
_LAST_STEP_SECONDS = 1.0
_PUBLISHED: int = lib.EVS_REPORT_PUBLISH

logger = logging.getLogger("libevents")


class Consumer:
    """One subscription, as a turn needs it."""

    __slots__ = (
        *("token", "context", "max_retries", "is_active", "is_manual", "is_coroutine"),
        *("handler", "reader", "accept", "on_end", "ended"),
    )

    def __init__(self, handler: Optional[Handler], context: Context, max_retries: int, is_manual: bool) -> None:
        self.token = 0
        self.context = context
        self.max_retries = max_retries
        #: the program settles, not the handler's end
        self.is_manual = is_manual
        self.is_active = True
        self.handler = handler
        #: calling the handler runs nothing of it
        self.is_coroutine = _makes_coroutines(handler)
        #: prepares each record, where the subscription asks for a version or a model
        self.reader: Optional[Reader] = None
        #: takes records instead of a handler (async iteration)
        self.accept: Optional[Callable[[Message], None]] = None
        self.on_end: Optional[Callable[[], None]] = None
        self.ended: "List[asyncio.Future[None]]" = []


def _makes_coroutines(handler: Any) -> bool:
    """Is it an `async def`, by itself or of an object? Anything else may do something before it gives a coroutine."""
    function = handler.__func__ if isinstance(handler, MethodType) else handler
    return isinstance(function, FunctionType) and bool(function.__code__.co_flags & inspect.CO_COROUTINE)


class _Run:
    """A handler that did not end in its first step."""

    __slots__ = ("record", "consumer", "timer", "has_timed_out")

    def __init__(self, record: Message, consumer: Consumer) -> None:
        self.record = record
        self.consumer = consumer
        self.timer: Optional[asyncio.TimerHandle] = None
        self.has_timed_out = False


class Turn:
    """Serves one system on one loop at a time."""

    def __init__(self, engine: Engine, outbox: Outbox, poison_handler: Optional[PoisonHandler]) -> None:
        self._engine = engine
        self._outbox = outbox
        self._poison_handler = poison_handler
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._fd = -1
        self._inbox: Deque[Message] = deque()
        self._acks: List[int] = []
        self._failures: List[Failure] = []
        self._poisoned: List[Tuple[Message, Failure, BaseException, Context]] = []
        self._runs: "Dict[asyncio.Task[Any], _Run]" = {}
        #: what only the program settles, by delivery
        self._manual: Dict[int, Message] = {}
        self._background: "Set[asyncio.Task[Any]]" = set()
        #: handlers that take lists of events
        self.batches: "Set[asyncio.Task[Any]]" = set()
        self._is_settling = False
        self._is_running_handler = False
        #: is told how each message ended: with None, or what went wrong (libevents.testing)
        self.observer: Optional[Callable[[Message, Optional[BaseException]], None]] = None
        #: raises what shall become of a message whose handler ended well (libevents.testing)
        self.mishap: Optional[Callable[[Message], None]] = None
        self.consumers: Dict[int, Consumer] = {}
        self.requests: "Dict[int, asyncio.Future[str]]" = {}
        #: of transports that the program wrote, by name
        self.drivers: Dict[str, AsyncDriver] = {}
        self.closed: "Optional[asyncio.Future[str]]" = None
        engine.held_at_exit = weakref.WeakMethod(self.held)

    # ---- the loop -----------------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    @property
    def has_poison_handler(self) -> bool:
        return self._poison_handler is not None

    @property
    def is_attached(self) -> bool:
        return self._loop is not None and not self._loop.is_closed()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to serve a loop. What an older, closed loop left half done is handed back."""
        self._loop = loop
        self._failures += self.held()
        self._runs.clear()
        self._manual.clear()
        self._inbox.clear()
        self._background.clear()
        self.requests.clear()
        self.closed = loop.create_future()
        self._outbox.attach(loop)
        self._fd = self._engine.wake_fd()
        loop.add_reader(self._fd, self.on_wake)
        self._is_settling = False
        self.settle_soon()

    def detach(self) -> None:
        if self._fd >= 0 and self.is_attached:
            self.loop.remove_reader(self._fd)
        self._fd = -1

    def held(self) -> List[Failure]:
        """What hands back all that handlers hold; for the end of the process, when none will finish."""
        records = {run.record._delivery: run.record for run in self._runs.values()}
        records.update(self._manual)
        return [_settle.released(record) for record in (*records.values(), *self._inbox)]

    def is_at_rest(self) -> bool:
        """Is nothing taken and not yet handed to its handler, or settled and not yet sent?"""
        return not (self._inbox or self._acks or self._failures or self._poisoned or self._background)

    def running(self) -> "Dict[asyncio.Task[Any], int]":
        """Handlers that have not ended, each with its time limit in milliseconds; 0: none."""
        return {task: run.record._handler_timeout for task, run in self._runs.items()}

    def time_out(self, task: "asyncio.Task[Any]") -> None:
        """Ends a handler whose time is up."""
        run = self._runs.get(task)
        if run is not None:
            run.has_timed_out = True
            task.cancel()

    def is_in_handler(self) -> bool:
        """Is the caller a handler of this system?"""
        task = asyncio.current_task()
        return self._is_running_handler or task in self._runs or task in self.batches

    def on_wake(self) -> None:
        """One turn."""
        end = time.monotonic() + _SECONDS_PER_TURN
        budget, is_all = RECORDS_PER_TURN, False
        try:
            while self._run_inbox(end) and budget > 0 and not is_all:
                self.settle()
                limit = min(budget, RECORDS_PER_TURN // 2)
                taken = self._take(limit)
                budget -= taken
                is_all = taken < limit  # whatever comes from now on makes the descriptor readable again
        finally:
            self.settle()
            if self._inbox and self.is_attached:
                self.loop.call_soon(self.on_wake)

    def _take(self, limit: int) -> int:
        """Polls once; gives how much was taken."""
        if self._fd < 0:
            return 0
        try:
            records, reports = self._engine.poll(limit, 0)
        except Closed:
            self._on_closed("{}")
            return 0
        except Error as error:
            self._pause(error)
            return 0
        self._inbox.extend(records)
        taken = len(records)
        for report in reports:
            self._on_report(report)
            taken += report.events
        if reports:
            self._outbox.reports_taken()
        return taken

    def _pause(self, error: Error) -> None:
        """Taking failed although records wait: try again a little later instead of spinning."""
        logger.error("records could not be taken: %s", error)
        fd = self._fd
        self.loop.remove_reader(fd)
        self.loop.call_later(_RECOVERY_SECONDS, self._resume, fd)

    def _resume(self, fd: int) -> None:
        if self._fd == fd:
            self.loop.add_reader(fd, self.on_wake)

    # ---- reports ------------------------------------------------------------------------------------

    def _on_report(self, report: Report) -> None:
        kind = report.columns[0]
        if kind == _PUBLISHED:
            self._outbox.on_report(report)
        elif kind == lib.EVS_REPORT_REQUEST:
            self._on_answer(report)
        elif kind == lib.EVS_REPORT_UNSUBSCRIBED:
            self._on_unsubscribed(report.token)
        elif kind == lib.EVS_REPORT_CLOSED:
            self._on_closed(report.detail())
        elif kind == lib.EVS_REPORT_LOG:
            tell(report)
        elif report.kind == lib.EVS_REPORT_TRANSPORT:
            self.drivers[report.transport()].on_call(json.loads(report.detail()))

    def _on_answer(self, report: Report) -> None:
        future = self.requests.pop(report.token, None)
        if future is None or future.done():
            return
        if report.status == lib.EVS_OK:
            future.set_result(report.detail())
        else:
            future.set_exception(report.error())

    def _on_unsubscribed(self, token: int) -> None:
        consumer = self.consumers.pop(token, None)
        if consumer is None:
            return
        consumer.is_active = False
        if consumer.on_end is not None:
            consumer.on_end()
        for future in consumer.ended:
            if not future.done():
                future.set_result(None)

    def _on_closed(self, detail: str) -> None:
        """The last record was taken; nobody must wait for another."""
        self.detach()
        error = Closed("the system was closed")
        self._outbox.fail_all(error)
        for future in self.requests.values():
            if not future.done():
                future.set_exception(error)
        self.requests.clear()
        for token in list(self.consumers):
            self._on_unsubscribed(token)
        for driver in self.drivers.values():
            driver.end(error)
        if self.closed is not None and not self.closed.done():
            self.closed.set_result(detail)

    # ---- handlers -----------------------------------------------------------------------------------

    def _run_inbox(self, end: float) -> bool:
        """Runs handlers until the inbox is empty (True) or the time is up (False)."""
        inbox, clock = self._inbox, time.monotonic
        self._is_running_handler = True
        try:
            while inbox:
                self._deliver(inbox.popleft())
                if inbox and clock() > end:
                    return False
        finally:
            self._is_running_handler = False
        return True

    def _deliver(self, record: Message) -> None:
        consumer = self.consumers.get(record._subscription)
        if consumer is None or not consumer.is_active:
            self._failures.append(_settle.released(record))
            return
        if consumer.is_manual:
            self._manual[record._delivery] = record
        if consumer.reader is not None and not self._can_read(consumer, consumer.reader, record):
            return
        if consumer.accept is not None:
            consumer.accept(record)
            return
        try:
            task = self._first_step(consumer, record)
        except (KeyboardInterrupt, SystemExit) as error:
            self._failed(record, consumer, error)
            raise
        except BaseException as error:
            self._failed(record, consumer, error)
        else:
            if task is None:
                self._handled(record, consumer)
            else:
                self._watch(task, record, consumer)

    def _can_read(self, consumer: Consumer, read: Reader, record: Message) -> bool:
        try:
            consumer.context.copy().run(read, record)
        except Unreadable as error:
            self._failed(record, consumer, error)
            self.settle_soon()
            return False
        return True

    def _first_step(self, consumer: Consumer, record: Message) -> "Optional[asyncio.Task[Any]]":
        context, handler, loop = consumer.context.copy(), consumer.handler, self._loop
        assert handler is not None and loop is not None
        metadata = Metadata(record, self._acknowledge_manual if consumer.is_manual else None)
        if consumer.is_coroutine:
            return step(loop, handler(record, metadata), context)
        result = context.run(handler, record, metadata)
        if result is None:
            return None
        if result.__class__ is CoroutineType:
            return step(loop, result, context)
        if inspect.isawaitable(result):
            return step(loop, _awaited(result), context)
        return None

    def _watch(self, task: "asyncio.Task[Any]", record: Message, consumer: Consumer) -> None:
        run = self._runs[task] = _Run(record, consumer)
        # When the loop is closed under it the message is handed back: nothing is lost, nothing to log.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        timeout_ms = record._handler_timeout
        if timeout_ms:
            run.timer = self.loop.call_later(timeout_ms / 1000, self.time_out, task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: "asyncio.Task[Any]") -> None:
        run = self._runs.pop(task, None)
        if run is None:
            return
        if run.timer is not None:
            run.timer.cancel()
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if run.has_timed_out:
            timeout_ms = run.record._handler_timeout
            failure = _settle.timed_out(run.record, timeout_ms)
            self._failed(run.record, run.consumer, TimeoutError(failure.message), failure)
        elif error is None:
            self._handled(run.record, run.consumer)
        else:
            self._failed(run.record, run.consumer, error)
        self.settle_soon()

    def _handled(self, record: Message, consumer: Consumer) -> None:
        if self.mishap is not None:
            try:
                self.mishap(record)
            except Exception as error:
                self._failed(record, consumer, error)
                return
        if not consumer.is_manual:
            self._acknowledge(record)

    def _acknowledge(self, record: Message) -> None:
        self._acks.append(record._delivery)
        if self.observer is not None:
            self.observer(record, None)

    def _acknowledge_manual(self, record: Message) -> None:
        if self._manual.pop(record._delivery, None) is not None:
            self.acknowledge(record)

    def _failed(
        self, record: Message, consumer: Consumer, error: BaseException, failure: Optional[Failure] = None
    ) -> None:
        if consumer.is_manual and self._manual.pop(record._delivery, None) is None:
            return  # it was acknowledged before
        if failure is None:
            failure = _settle.failure_of(record, error)
        if isinstance(error, asyncio.CancelledError) and not self._engine.is_closing:
            # Neither closing nor a timeout cancelled it. Not a failure, but handing it back at once would
            # run it again at once, without end.
            failure = failure._replace(kind=lib.EVS_FAIL_LATER, delay_ms=_STRAY_CANCEL_DELAY_MS)
        self._failures.append(failure)
        if self.observer is not None:
            self.observer(record, error)
        if _settle.is_last_attempt(record, failure, consumer.max_retries):
            logger.warning("%s failed in its last attempt: %s", record.id, failure.message)
            if self._poison_handler is not None:
                self._poisoned.append((record, failure, error, consumer.context.copy()))

    def cancel_handlers(self) -> None:
        """The deadline of closing has come."""
        for task in (*self._runs, *self.batches):
            task.cancel()

    async def finish_handlers(self) -> None:
        """After the last record: cancels what still runs, and waits a moment for its end."""
        self.cancel_handlers()
        tasks = {*self._runs, *self.batches, *self._background}
        tasks.discard(asyncio.current_task())  # type: ignore[arg-type]
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=_LAST_STEP_SECONDS)
        if pending:
            logger.warning("%d handlers go on although the system is closed and they were cancelled", len(pending))

    # ---- settling -----------------------------------------------------------------------------------

    def acknowledge(self, record: Message) -> None:
        self._acknowledge(record)
        self.settle_soon()

    def hand_back(self, record: Message) -> None:
        self._failures.append(_settle.released(record))
        self.settle_soon()

    def settle_soon(self) -> None:
        if not self._is_settling and self.is_attached:
            self._is_settling = True
            self.loop.call_soon(self.settle)

    def settle(self) -> None:
        """Sends everything that was settled since the last time."""
        self._is_settling = False
        if not (self._acks or self._failures or self._poisoned):
            return
        acks, self._acks = self._acks, []
        failures, self._failures = self._failures, []
        try:
            self._engine.ack(acks)
            self._engine.fail(failures)
        except Error as error:
            # Closed meanwhile: what is unsettled goes back to the store and will come again.
            logger.debug("%d messages could not be settled: %s", len(acks) + len(failures), error)
        poisoned, self._poisoned = self._poisoned, []
        for record, failure, poison_error, context in poisoned:
            self._tell_poison_handler(record, poison_error, context)

    def _tell_poison_handler(self, record: Message, error: BaseException, context: Context) -> None:
        assert self._poison_handler is not None
        try:
            result = context.run(self._poison_handler, Message(record), error, Metadata(record))
            if not inspect.isawaitable(result):
                return
            task = context.run(self.loop.create_task, _awaited(result))
        except Exception:
            logger.exception("the poison message handler failed")
            return
        self._background.add(task)
        task.add_done_callback(self._on_poison_done)

    def _on_poison_done(self, task: "asyncio.Task[Any]") -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("the poison message handler failed", exc_info=task.exception())


async def _await(result: Awaitable[Any]) -> Any:
    return await result


def _awaited(result: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    return result if inspect.iscoroutine(result) else _await(result)
