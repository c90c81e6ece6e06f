# SPDX-License-Identifier: MIT
"""The thread of the synchronous face that takes records and passes them on.

It never runs a handler: messages go to worker threads, outcomes to the threads that wait for them.
"""

import contextvars
import json
import logging
import threading
import time
from _thread import interrupt_main
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from . import _settle
from ._batches import outcomes_of
from ._encode import Outgoing
from ._engine import Engine
from ._log import tell
from ._native import lib
from ._outbox import refused
from ._own import SyncDriver
from ._reading import Reader
from ._workers import Worker, Workers
from .errors import Closed, Error, PublishTimeout, QueueFull, Timeout
from .message import Message, Metadata, Receipt, Report

#: Gets a message and its metadata; with the option `batch` a list of each.
SyncHandler = Callable[[Any, Any], Any]
SyncPoisonHandler = Callable[[Message, BaseException, Metadata], Any]

_POLL_LIMIT = 256
_POLL_MS = 1000
_RECOVERY_SECONDS = 0.1
_LAST_STEP_SECONDS = 1.0

logger = logging.getLogger("libevents")


class SyncConsumer:
    """One subscription, as the pump needs it."""

    def __init__(self, handler: SyncHandler, context: contextvars.Context, max_retries: int) -> None:
        self.handler = handler
        self.context = context
        self.max_retries = max_retries
        self.token = 0
        self.is_active = True
        self.ended = threading.Event()
        #: prepares each record, where the subscription asks for a version or a model
        self.reader: Optional[Reader] = None
        #: takes records instead of a handler (iteration)
        self.accept: Optional[Callable[[Message], None]] = None
        self.on_end: Optional[Callable[[], None]] = None
        #: a handler of lists: how many events it takes, and how many of it run at a time
        #: the program settles, not the handler's end
        self.is_manual = False
        self.batch_size = 0
        self.concurrency = 1
        self.waiting: List[Message] = []
        self.running = 0


class Waiter:
    """Waits for outcomes. Waiting on a lock is what Ctrl-C can interrupt."""

    __slots__ = ("receipts", "answer", "missing", "_done")

    def __init__(self, count: int) -> None:
        self.receipts: List[Optional[Receipt]] = [None] * count
        self.answer: Optional[Report] = None
        self.missing = count
        self._done = threading.Lock()
        self._done.acquire()

    def put(self, index: int, receipt: Receipt) -> None:
        self.receipts[index] = receipt
        self.missing -= 1
        if self.missing == 0:
            self._done.release()

    def finish(self, answer: Optional[Report]) -> None:
        self.answer = answer
        self._done.release()

    def wait(self, seconds: float) -> bool:
        return self._done.acquire(timeout=max(0.0, seconds))


class Pump:
    """Takes the records of one system, on a thread of its own."""

    def __init__(self, engine: Engine, poison_handler: Optional[SyncPoisonHandler]) -> None:
        self._engine = engine
        self._poison_handler = poison_handler
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._thread: Optional[threading.Thread] = None
        self._publishes: Dict[int, Tuple[Waiter, int]] = {}
        self._requests: Dict[int, Waiter] = {}
        self._consumers: Dict[int, SyncConsumer] = {}
        self._manual: Set[int] = set()  #: deliveries that only the program settles
        self._next_token = 1
        self._in_flight = 0  #: events that the core has, or is being offered
        self._ended = 0  #: events whose outcome was reported
        #: is told how each message ended: with None, or what went wrong (libevents.testing)
        self.observer: Optional[Callable[[Message, Optional[BaseException]], None]] = None
        #: raises what shall become of a message whose handler ended well (libevents.testing)
        self.mishap: Optional[Callable[[Message], None]] = None
        self.workers = Workers()
        #: of transports that the program wrote, by name
        self.drivers: Dict[str, SyncDriver] = {}
        self.closed = threading.Event()

    @property
    def has_poison_handler(self) -> bool:
        return self._poison_handler is not None

    def start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="libevents-pump", daemon=True)
                self._thread.start()

    def is_own_thread(self) -> bool:
        return threading.current_thread() is self._thread or self.workers.is_current_thread()

    def stop(self) -> None:
        """After the last record: ends the threads."""
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join(_LAST_STEP_SECONDS)
        running = self.workers.stop(_LAST_STEP_SECONDS)
        if running:
            logger.warning("%d handlers go on although the system is closed", running)

    # ---- what other threads call ----------------------------------------------------------------------

    def publish(self, events: List[Outgoing], timeout: float, grace: float) -> List[Receipt]:
        """Publishes and waits for every outcome."""
        self.start()
        end = time.monotonic() + timeout
        waiter = Waiter(len(events))
        with self._lock:
            first = self._next_token
            self._next_token += len(events)
            self._publishes.update((first + index, (waiter, index)) for index in range(len(events)))
        self._offer(events, first, waiter, end)
        if not waiter.wait(end + grace - time.monotonic()):
            self._give_up(first, waiter)
        return [receipt for receipt in waiter.receipts if receipt is not None]

    def ask(self, method: str, params: Dict[str, Any], timeout_ms: int, patience: float) -> str:
        """Makes a request and waits for its answer."""
        self.start()
        waiter = Waiter(1)
        with self._lock:
            token = self._next_token
            self._next_token += 1
            self._requests[token] = waiter
        try:
            self._engine.request(method, params, timeout_ms, token)
            if not waiter.wait(patience):
                raise Timeout(f"{method}: no answer within {patience:.0f} s")
        finally:
            with self._lock:
                self._requests.pop(token, None)
        if waiter.answer is None:
            raise Closed("the system was closed")
        if waiter.answer.status != lib.EVS_OK:
            raise waiter.answer.error()
        return waiter.answer.detail()

    def subscribe(self, consumer: SyncConsumer, options: Dict[str, Any]) -> None:
        self.start()
        # Held over the call, so that a message cannot come before its subscription is known.
        with self._lock:
            consumer.token = self._engine.subscribe(options)
            self._consumers[consumer.token] = consumer

    def has_consumers(self) -> bool:
        return bool(self._consumers)

    def _tell(self, record: Message, error: Optional[BaseException]) -> None:
        if self.observer is not None:
            self.observer(record, error)

    def settle(self, settle: Callable[[Any], int], settled: Any) -> None:
        try:
            settle([settled])
        except Error as error:
            # Closed meanwhile: what is unsettled goes back to the store and will come again.
            logger.debug("a message could not be settled: %s", error)

    # ---- publishing -----------------------------------------------------------------------------------

    def _offer(self, events: List[Outgoing], first: int, waiter: Waiter, end: float) -> None:
        """Hands over all events, waiting for room until `end`."""
        at = 0
        while at < len(events):
            rest = events[at:]
            with self._lock:
                self._in_flight += len(rest)
                ended = self._ended
            accepted, error = self._offer_once(rest, first + at)
            at += accepted
            with self._room:
                self._in_flight -= len(rest) - accepted
                self._room.notify_all()
                if isinstance(error, QueueFull) and self._wait_for_room(ended, end):
                    continue
            if error is not None:
                self._refuse(first, waiter, range(at, len(events)), error)
                return

    def _offer_once(self, events: List[Outgoing], first: int) -> Tuple[int, Optional[Error]]:
        try:
            return self._engine.publish(events, first)
        except Error as error:
            return 0, error

    def _wait_for_room(self, ended: int, end: float) -> bool:
        """Waits, with the lock held, until some event has ended since `ended` was read. False when the time
        is up, or when nothing is in flight whose end could make room."""
        self._room.wait_for(
            lambda: self._ended != ended or self._in_flight == 0, max(0.0, end - time.monotonic())
        )
        return self._ended != ended

    def _refuse(self, first: int, waiter: Waiter, indexes: range, error: Error) -> None:
        with self._lock:
            for index in indexes:
                if self._publishes.pop(first + index, None) is not None:
                    waiter.put(index, refused(error))

    def _give_up(self, first: int, waiter: Waiter) -> None:
        error = PublishTimeout("no outcome was reported in time; the event may be stored, or may still be")
        with self._lock:
            for index, receipt in enumerate(waiter.receipts):
                self._publishes.pop(first + index, None)
                if receipt is None:
                    waiter.receipts[index] = refused(error)._replace(outcome="unknown")

    # ---- the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while True:
                try:
                    records, reports = self._engine.poll(_POLL_LIMIT, _POLL_MS)
                except Closed:
                    return
                except Error as error:
                    logger.error("records could not be taken: %s", error)
                    if self.closed.wait(_RECOVERY_SECONDS):
                        return
                    continue
                if self._on_reports(reports):
                    return
                for record in records:
                    self._deliver(record)
                for consumer in {self._consumers.get(record._subscription) for record in records}:
                    self._begin_batches(consumer)
        finally:
            self._end()

    def _on_reports(self, reports: List[Report]) -> bool:
        """Passes outcomes on; True after the last record."""
        if not reports:
            return False
        is_last = False
        with self._room:
            for report in reports:
                if report.kind == lib.EVS_REPORT_PUBLISH:
                    self._on_outcomes(report)
                elif report.kind == lib.EVS_REPORT_REQUEST:
                    asking = self._requests.pop(report.token, None)
                    if asking is not None:
                        asking.finish(report)
                elif report.kind == lib.EVS_REPORT_UNSUBSCRIBED:
                    self._on_unsubscribed(report.token)
                is_last = is_last or report.kind == lib.EVS_REPORT_CLOSED
            self._room.notify_all()
        for report in reports:
            if report.kind == lib.EVS_REPORT_LOG:
                tell(report)
            elif report.kind == lib.EVS_REPORT_TRANSPORT:
                self.drivers[report.transport()].on_call(json.loads(report.detail()))
        return is_last

    def _on_outcomes(self, report: Report) -> None:
        """With the lock held."""
        self._in_flight -= report.events
        self._ended += report.events
        for token, receipt in zip(report.tokens, report.receipts()):
            waiting = self._publishes.pop(token, None)
            if waiting is not None:
                waiting[0].put(waiting[1], receipt)

    def _on_unsubscribed(self, token: int) -> None:
        consumer = self._consumers.pop(token, None)
        if consumer is not None:
            consumer.is_active = False
            consumer.ended.set()
            if consumer.on_end is not None:
                consumer.on_end()

    def _end(self) -> None:
        """Nothing more will be reported: nobody must wait for it."""
        error = Closed("the system was closed")
        with self._room:
            publishes, self._publishes = self._publishes, {}
            requests, self._requests = self._requests, {}
            for waiter, index in publishes.values():
                waiter.put(index, refused(error)._replace(outcome="unknown"))
            for asking in requests.values():
                asking.finish(None)
            for token in list(self._consumers):
                self._on_unsubscribed(token)
            self._room.notify_all()
        for driver in self.drivers.values():
            driver.stop()
        self.closed.set()

    # ---- handlers -------------------------------------------------------------------------------------

    def _deliver(self, record: Message) -> None:
        token = record._subscription
        consumer = self._consumers.get(token)
        if consumer is None:
            with self._lock:  # it may be registered at this moment
                consumer = self._consumers.get(token)
        if consumer is None or not consumer.is_active:
            self.settle(self._engine.fail, _settle.released(record))
            return
        if consumer.accept is not None:
            consumer.accept(record)
            return
        if consumer.batch_size:
            with self._lock:
                consumer.waiting.append(record)
            return
        handled_by = consumer
        self.workers.submit(lambda worker: self._handle(worker, handled_by, record))

    def _handle(self, worker: Worker, consumer: SyncConsumer, record: Message) -> None:
        if not consumer.is_active:
            self.settle(self._engine.fail, _settle.released(record))
            return
        context = consumer.context.copy()
        metadata = self._metadata_of(consumer, record)
        try:
            if consumer.reader is not None:
                context.run(consumer.reader, record)
            worker.call(context, consumer.handler, record, metadata)
        except BaseException as error:
            self._failed(worker, consumer, record, error)
            if isinstance(error, KeyboardInterrupt):
                interrupt_main()
        else:
            self._handled(worker, consumer, record)

    def _metadata_of(self, consumer: SyncConsumer, record: Message) -> Metadata:
        if not consumer.is_manual:
            return Metadata(record)
        with self._lock:
            self._manual.add(record._delivery)
        return Metadata(record, self._acknowledge_manual)

    def _handled(self, worker: Worker, consumer: SyncConsumer, record: Message) -> None:
        try:
            if self.mishap is not None:
                self.mishap(record)
        except Exception as error:
            self._failed(worker, consumer, record, error)
            return
        if not consumer.is_manual:
            self._tell(record, None)
            self.settle(self._engine.ack, record._delivery)

    def _acknowledge_manual(self, record: Message) -> None:
        """Any thread; twice is fine."""
        if self._take_manual(record):
            self._tell(record, None)
            self.settle(self._engine.ack, record._delivery)

    def _take_manual(self, record: Message) -> bool:
        """True for whoever comes first: only they may settle it."""
        delivery = record._delivery
        with self._lock:
            is_first = delivery in self._manual
            self._manual.discard(delivery)
        return is_first

    def _begin_batches(self, consumer: Optional[SyncConsumer]) -> None:
        """Hands what has come to the handler of lists, as far as it may run."""
        while consumer is not None and consumer.batch_size:
            with self._lock:
                if not consumer.waiting or consumer.running >= consumer.concurrency:
                    return
                consumer.running += 1
                records = consumer.waiting[: consumer.batch_size]
                del consumer.waiting[: consumer.batch_size]
            self._submit_batch(consumer, records)

    def _submit_batch(self, consumer: SyncConsumer, records: List[Message]) -> None:
        self.workers.submit(lambda worker: self._handle_batch(worker, consumer, records))

    def _handle_batch(self, worker: Worker, consumer: SyncConsumer, records: List[Message]) -> None:
        outcomes: List[Optional[BaseException]] = []
        metadata = [self._metadata_of(consumer, record) for record in records]
        if consumer.reader is not None:
            records, metadata = self._readable(worker, consumer, records, metadata)
        try:
            if consumer.is_active and records:
                result = worker.call(consumer.context.copy(), consumer.handler, records, metadata)
                outcomes = outcomes_of(result, len(records))
        except BaseException as error:
            outcomes = [error] * len(records)
            if isinstance(error, KeyboardInterrupt):
                interrupt_main()
        for record, outcome in zip(records, outcomes):
            if outcome is None:
                self._handled(worker, consumer, record)
            else:
                self._failed(worker, consumer, record, outcome)
        for record in records[len(outcomes) :]:  # the subscription has ended
            self.settle(self._engine.fail, _settle.released(record))
        with self._lock:
            consumer.running -= 1
        self._begin_batches(consumer)

    def _readable(
        self, worker: Worker, consumer: SyncConsumer, records: List[Message], metadata: List[Metadata]
    ) -> Tuple[List[Message], List[Metadata]]:
        """Those that the handler can have in the form that it asked for; the others have failed."""
        assert consumer.reader is not None
        left: List[Tuple[Message, Metadata]] = []
        for record, each in zip(records, metadata):
            try:
                consumer.context.copy().run(consumer.reader, record)
            except Exception as error:
                self._failed(worker, consumer, record, error)
            else:
                left.append((record, each))
        return [record for record, _ in left], [each for _, each in left]

    def _failed(self, worker: Worker, consumer: SyncConsumer, record: Message, error: BaseException) -> None:
        if consumer.is_manual and not self._take_manual(record):
            return  # it was acknowledged before
        failure = _settle.failure_of(record, error)
        self._tell(record, error)
        self.settle(self._engine.fail, failure)
        if not _settle.is_last_attempt(record, failure, consumer.max_retries):
            return
        logger.warning("%s failed in its last attempt: %s", record.id, failure.message)
        if self._poison_handler is None:
            return
        try:
            context = consumer.context.copy()
            worker.call(context, self._poison_handler, Message(record), error, Metadata(record))
        except BaseException:  # the worker must live on
            logger.exception("the poison message handler failed")
