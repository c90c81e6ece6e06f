# SPDX-License-Identifier: MIT
"""The synchronous face: `SyncEventSystem`. The same methods as `EventSystem`, waiting.

Handlers run on threads of the package, as many at a time as `concurrency` says, and may be `async def` too.
Waiting is done on locks, so Ctrl-C ends it at once.
"""

import contextvars
import json
import queue
import warnings
from datetime import datetime
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, TypeVar, Union

from . import _options, _pure, _settle
from ._encode import encode_batch, encode_event, milliseconds
from ._engine import Engine
from ._observed import Observed
from ._own import SyncDriver, take_own
from ._pump import Pump, SyncConsumer, SyncHandler, SyncPoisonHandler
from ._reading import Casts, Unreadable, taken_apart
from .dashboard import SyncDashboard, server_options
from .dlq import SyncDeadLetters
from .replay import SyncReplays
from .errors import Closed, Forked, ValidationError
from .message import Message, Metadata, Receipt
from .router import Router
from .schemas import SyncSchemas, Validator
from .transports import SyncTransport

AnyHandler = TypeVar("AnyHandler", bound=Callable[[Any, Any], Any])

_REQUEST_SECONDS = 10.0
_GRACE_SECONDS = 2.0
_NOTICE_SECONDS = 1.0
_CLOSE_GRACE_SECONDS = 5.0
_STOP_SECONDS = 5.0


class SyncSubscription:
    """One handler on one pattern."""

    def __init__(self, system: "SyncEventSystem", pattern: str, consumer: SyncConsumer) -> None:
        self._system = system
        self._consumer = consumer
        self.pattern = pattern

    @property
    def is_active(self) -> bool:
        return self._consumer.is_active

    def unsubscribe(self) -> None:
        """Nothing new is handled after this; handlers that run may end. Twice is fine."""
        self._system._unsubscribe(self._consumer)

    def wait_ended(self, timeout: Optional[float] = None) -> bool:
        """After `unsubscribe`: waits until the last message was settled. Not within its own handler."""
        return self._consumer.ended.wait(timeout)

    def __repr__(self) -> str:
        return f"<libevents.SyncSubscription {self.pattern} {'active' if self.is_active else 'ended'}>"


class SyncMessageStream(Iterator[Tuple[Message, Metadata]]):
    """Messages for `for`: one counts as handled when the loop asks for the next one.

    A loop that is left early has not said so of its last message, which is then delivered again; call
    `acknowledge()` before `break` where it was handled.
    """

    def __init__(self, system: "SyncEventSystem", pattern: _options.Pattern, options: Mapping[str, Any]) -> None:
        self._system = system
        self._records: "queue.SimpleQueue[Optional[Message]]" = queue.SimpleQueue()
        self._current: Optional[Message] = None
        self._is_closed = False
        self._subscription = system._subscribe(pattern, _no_handler, options, self)

    def __enter__(self) -> "SyncMessageStream":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __next__(self) -> Tuple[Message, Metadata]:
        self.acknowledge()
        record = None if self._is_closed else self._records.get()
        while record is not None and not self._can_read(record):
            record = self._records.get()
        if record is None:
            self._is_closed = True
            raise StopIteration
        self._current = record
        return record, Metadata(record)

    def _can_read(self, record: Message) -> bool:
        reader = self._subscription._consumer.reader
        try:
            if reader is not None:
                reader(record)
        except Unreadable as error:
            self._system._pump.settle(self._system._engine.fail, _settle.failure_of(record, error))
            return False
        return True

    def acknowledge(self) -> None:
        """Says that the newest message was handled."""
        record, self._current = self._current, None
        if record is not None:
            self._system._pump.settle(self._system._engine.ack, record._delivery)

    def close(self) -> None:
        """Ends the iteration; what was not acknowledged is handed back."""
        self._is_closed = True
        self._subscription.unsubscribe()
        unhandled, self._current = self._current, None
        self._hand_back(unhandled)
        while not self._records.empty():
            self._hand_back(self._records.get())

    def accept(self, record: Message) -> None:
        """A record for this stream."""
        if self._is_closed:
            self._hand_back(record)
        else:
            self._records.put(record)

    def end(self) -> None:
        """There will be no more records."""
        self._records.put(None)

    def _hand_back(self, record: Optional[Message]) -> None:
        if record is not None:
            self._system._pump.settle(self._system._engine.fail, _settle.released(record))


def _no_handler(message: Message, metadata: Metadata) -> None:
    """Stands for the loop of a stream."""


class SyncEventSystem(Observed):
    """Publishes and consumes events without asyncio.

    `config` is the configuration (docs/configuration.md) as a dict or as JSON text. Use it as
    `with SyncEventSystem(config) as system:`, or call `connect` and `close`. Any thread may call it.
    """

    def __init__(
        self, config: _pure.JsonSource, *, poison_message_handler: Optional[SyncPoisonHandler] = None
    ) -> None:
        document, own = take_own(config)
        self._engine = Engine(document)
        self._normalized: Mapping[str, Any] = _pure.check_config(document).get("normalized") or {}
        publisher = self._normalized.get("publisher") or {}
        consumer = self._normalized.get("consumer") or {}
        self._close_deadline: float = consumer.get("closeDeadline", 10_000) / 1000
        self._publish_timeout: float = publisher.get("timeout", 30_000) / 1000
        self._pump = Pump(self._engine, poison_message_handler)
        for name, transport in own.items():
            self._pump.drivers[name] = SyncDriver(self._engine, name, transport)
        configured: Mapping[str, Any] = self._normalized.get("transports") or {}
        #: each by itself, by name
        self.transports = {name: SyncTransport(self, name, options) for name, options in configured.items()}
        self.router = Router(self._engine, self._normalized)
        self.dlq = SyncDeadLetters(self._ask)
        self.replays = SyncReplays(self._ask)
        self._casts = Casts()
        self.schemas = SyncSchemas(self._ask, self._casts)
        self.validator = Validator(self._casts)

    # ---- life ---------------------------------------------------------------------------------------

    def __enter__(self) -> "SyncEventSystem":
        try:
            self.connect()
        except BaseException:
            self.close(deadline=0)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def connect(self, *, timeout: Optional[float] = None) -> None:
        """Connects the transports, and waits until they have the subscriptions made so far."""
        self._ask("connect", {}, timeout)
        self._register_declared()
        if self._pump.has_consumers():
            self.ready(timeout=timeout)

    def ready(self, *, timeout: Optional[float] = None) -> None:
        """Waits until the stores have all subscriptions, those of `on` too."""
        self._ask("ready", {}, timeout)

    def run_forever(self) -> None:
        """Waits until the system is closed by another thread, or Ctrl-C raises KeyboardInterrupt."""
        self._check_open()
        self._pump.start()
        # A signal that comes just before a wait begins is noticed when it ends, so it ends now and then.
        while not self._pump.closed.wait(_NOTICE_SECONDS):
            pass

    def close(self, deadline: Optional[float] = None) -> None:
        """Lets handlers end, hands the rest back, and frees everything.

        Takes at most `deadline` seconds (consumer.closeDeadline by default). Any thread may call it, twice is
        fine. Within a handler it only begins, since it would wait for the handler itself.
        """
        if self._engine.is_forked or not self._engine.is_open:
            self._engine.release()
            return
        seconds = self._close_deadline if deadline is None else deadline
        self._pump.start()
        self._engine.stop_dashboards(_STOP_SECONDS)
        try:
            self._engine.begin_close(milliseconds(seconds, "deadline"))
        except Closed:
            pass
        if self._pump.is_own_thread():
            return
        self._pump.closed.wait(seconds + _CLOSE_GRACE_SECONDS)
        self._pump.stop()
        self._engine.release()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        engine = getattr(self, "_engine", None)
        if engine is None or not engine.is_open or engine.is_forked:
            return
        _warn(f"unclosed {self!r}; use `with` or `system.close()`", ResourceWarning, source=self)
        engine.abandon()

    def __repr__(self) -> str:
        return f"<libevents.SyncEventSystem {self._normalized.get('service', '?')}>"

    # ---- publishing ---------------------------------------------------------------------------------

    def publish(
        self,
        type: str,
        body: Any = None,
        *,
        key: Optional[str] = None,
        partition: Optional[int] = None,
        headers: Optional[Mapping[str, str]] = None,
        id: Optional[str] = None,
        timestamp: Union[str, datetime, None] = None,
        version: Optional[str] = None,
        content_type: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
        delay: Optional[float] = None,
        acknowledgement: Union[str, Mapping[str, Any], None] = None,
        batch_key: Optional[str] = None,
        topic: Optional[str] = None,
        origin: Optional[str] = None,
        origin_prefix: Optional[str] = None,
    ) -> Receipt:
        """Publishes one event and waits until it is stored; raises where it is not, or may not be."""
        event = encode_event(
            type,
            body,
            key=key,
            partition=partition,
            headers=headers,
            id=id,
            timestamp=timestamp,
            version=version,
            content_type=content_type,
            transport=transport,
            timeout=timeout,
            delay=delay,
            acknowledgement=acknowledgement,
            batch_key=batch_key,
            topic=topic,
            origin=origin,
            origin_prefix=origin_prefix,
        )
        self._check_open()
        self._register_declared()
        receipt = self._pump.publish([event], timeout or self._publish_timeout, _GRACE_SECONDS)[0]
        if receipt.error is not None:
            raise receipt.error
        return receipt

    def publish_batch(self, events: Iterable[Any], *, timeout: Optional[float] = None) -> List[Receipt]:
        """Publishes many and gives their receipts in order; each says its own outcome and error.

        An event is (type, body), (type, body, options) or a dict with `type`, `body` and options. `timeout`
        bounds the wait for room and outcomes.
        """
        outgoing = encode_batch(events)
        self._check_open()
        if not outgoing:
            return []
        self._register_declared()
        return self._pump.publish(outgoing, timeout or self._publish_timeout, _GRACE_SECONDS)

    def _register_declared(self) -> None:
        waiting = self.validator.waiting
        while waiting:
            params = waiting[0]
            self._ask("schemas.register", params, None)
            self.validator.registered(params)

    def flush(self, *, timeout: Optional[float] = None) -> None:
        """Waits until everything published so far, by any thread, has its outcome."""
        self._ask("flush", {}, timeout)

    def drain(self, timeout: float = 10.0) -> None:
        """Waits until nothing is being published or handled; consuming goes on. Timeout where it does not."""
        self._ask("drain", {"timeout": milliseconds(timeout, "timeout")}, timeout + _GRACE_SECONDS)

    def reload(self, config: _pure.JsonSource, *, timeout: Optional[float] = None) -> List[str]:
        """Works by another configuration from now on, by all of it or by nothing of it.

        Routes, rate limits, log level and concurrency may differ (docs/requests.md#reload); ConfigurationError
        names everything else. Gives the paths of what changed.
        """
        document = _pure.document_of(take_own(config)[0])
        changed: List[str] = json.loads(self._ask("reload", {"config": document}, timeout))["changed"]
        return changed

    def coverage(self, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """Routes that no event took, that can take none, and that meet; types that no route took."""
        coverage: Dict[str, Any] = json.loads(self._ask("coverage", {}, timeout))
        return coverage

    # ---- consuming ----------------------------------------------------------------------------------

    def on(self, pattern: _options.Pattern, **options: Any) -> Callable[[AnyHandler], AnyHandler]:
        """Decorator: subscribes a handler to a type, a pattern or a Pydantic model, before or after `connect`.

        Does not wait for the store; `connect` or `ready` do.
        """

        def subscribe(handler: AnyHandler) -> AnyHandler:
            self._subscribe(pattern, handler, options)
            return handler

        return subscribe

    def subscribe(self, pattern: _options.Pattern, handler: SyncHandler, **options: Any) -> SyncSubscription:
        """Subscribes a handler; when the system is connected, waits until the store has it."""
        subscription = self._subscribe(pattern, handler, options)
        if self.is_connected():
            self.ready()
        return subscription

    def messages(self, pattern: _options.Pattern, **options: Any) -> SyncMessageStream:
        """Messages for `for message, metadata in …`; acknowledges when the loop asks for the next."""
        stream = SyncMessageStream(self, pattern, options)
        if self.is_connected():
            self.ready()
        return stream

    def _subscribe(
        self,
        pattern: _options.Pattern,
        handler: SyncHandler,
        options: Mapping[str, Any],
        stream: Optional[SyncMessageStream] = None,
    ) -> SyncSubscription:
        if not callable(handler):
            raise ValidationError(f"the handler is {type(handler).__name__}, expected a function")
        name, rest, reader = taken_apart(self._casts, pattern, options)
        document = _options.subscription_options(name, rest, self._pump.has_poison_handler)
        self._check_open()
        context = contextvars.copy_context()
        consumer = SyncConsumer(handler, context, _options.max_retries(self._normalized, document))
        consumer.reader = reader
        consumer.is_manual = stream is None and document.get("ack") == "manual"
        if stream is None and isinstance(document.get("batch"), int):
            consumer.batch_size = document["batch"]
            consumer.concurrency = _options.concurrency(self._normalized, document)
        if stream is not None:
            consumer.accept = stream.accept
            consumer.on_end = stream.end
        self._pump.subscribe(consumer, document)
        return SyncSubscription(self, document["pattern"], consumer)

    def _unsubscribe(self, consumer: SyncConsumer) -> None:
        if not consumer.is_active:
            return
        consumer.is_active = False
        try:
            self._engine.unsubscribe(consumer.token)
        except Closed:
            pass

    # ---- looking ------------------------------------------------------------------------------------

    def groups(
        self, topic: Optional[str] = None, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """Consumer groups with their members, pending messages and lag."""
        params = {name: value for name, value in (("topic", topic), ("transport", transport)) if value}
        groups: List[Dict[str, Any]] = json.loads(self._ask("groups", params, timeout))["groups"]
        return groups

    def topics(self, *, transport: Optional[str] = None, timeout: Optional[float] = None) -> List[Any]:
        """The topics that the store knows."""
        params = {"transport": transport} if transport else {}
        topics: List[Any] = json.loads(self._ask("topics", params, timeout))["topics"]
        return topics

    def delayed(
        self,
        topic: Optional[str] = None,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Events that wait to be due, the earliest first: {items, next}; `next` is the cursor of the page after."""
        params = _options.given(topic=topic, limit=limit, cursor=cursor, transport=transport)
        page: Dict[str, Any] = json.loads(self._ask("delayed", params, timeout))
        return page

    def cancel_delayed(
        self,
        ids: Iterable[str],
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Takes back delayed events by the ids that `delayed` gives: {cancelled, results}."""
        params = _options.given(ids=list(ids), actor=actor, transport=transport)
        answer: Dict[str, Any] = json.loads(self._ask("delayed.cancel", params, timeout))
        return answer

    def retention(
        self, topic: Optional[str] = None, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """What each stream keeps, which group holds what is beyond its limits, and what was trimmed."""
        params = _options.given(topic=topic, transport=transport)
        streams: List[Dict[str, Any]] = json.loads(self._ask("retention", params, timeout))["streams"]
        return streams

    def conservation(
        self, topic: Optional[str] = None, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """Is every event accounted for? {holds, streams, groups} of docs/requests.md."""
        params = _options.given(topic=topic, transport=transport)
        answer: Dict[str, Any] = json.loads(self._ask("conservation", params, timeout))
        return answer

    def pause_group(
        self,
        group: str,
        *,
        reason: Optional[str] = None,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Lets a consumer group take nothing in any process, until `resume_group`; gives {by, at, reason}.

        Handlers that run may end. Members follow within a third of the transport's `sessionTimeout`.
        """
        params = _options.given(group=group, reason=reason, actor=actor, transport=transport)
        paused: Dict[str, Any] = json.loads(self._ask("groups.pause", params, timeout))["paused"]
        return paused

    def resume_group(
        self,
        group: str,
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> None:
        """Lets a paused consumer group go on; one that is not paused stays as it is."""
        params = _options.given(group=group, actor=actor, transport=transport)
        self._ask("groups.resume", params, timeout)

    def fleet(
        self, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """The systems connected to the store: {service, instance, at, ageMs, stats} of each."""
        params = _options.given(transport=transport)
        instances: List[Dict[str, Any]] = json.loads(self._ask("fleet", params, timeout))["instances"]
        return instances

    def doctor(
        self, *, role: Optional[str] = None, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """What the store says about itself, what is wrong with it (`findings`), and its `guarantee` in words.

        role: whose rights are examined: "publisher", "consumer" (the default), "operator" or "viewer".
        """
        params = _options.given(role=role, transport=transport)
        report: Dict[str, Any] = json.loads(self._ask("doctor", params, timeout))
        return report

    def start_dashboard(self, options: Optional[Mapping[str, Any]] = None, **more: Any) -> SyncDashboard:
        """Serves a web page over this system (docs/dashboard.md); `port=0` takes a free one, see `url`.

        Options as a mapping, as keywords (`base_path` for `basePath`), or both. Stops with the system.
        """
        self._check_open()
        server = self._engine.start_dashboard(server_options(options, more))
        return SyncDashboard(self._engine, server)

    def _ask(self, method: str, params: Dict[str, Any], timeout: Optional[float]) -> str:
        self._check_open()
        patience = (_REQUEST_SECONDS if timeout is None else timeout) + _GRACE_SECONDS
        return self._pump.ask(method, params, milliseconds(timeout, "timeout"), patience)

    def _check_open(self) -> None:
        engine = self._engine
        if engine.is_forked:
            raise Forked("this process inherited the system by fork; open a new one after the fork")
        if engine.is_closing or not engine.is_open:
            raise Closed("the system is closing or closed; open a new one")
