# SPDX-License-Identifier: MIT
"""The asyncio face: `EventSystem`.

Nothing here blocks the loop: publishing, connecting and closing hand over to the C library and wait for its
records. Handlers that are coroutines run on the loop; plain functions do too, so they must be quick.
"""

import asyncio
import contextvars
import json
import warnings
from datetime import datetime
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, TypeVar, Union

from . import _options, _pure
from ._batches import Batches
from ._encode import encode_batch, encode_event, milliseconds
from ._engine import Engine
from ._observed import Observed
from ._outbox import Outbox
from ._own import AsyncDriver, take_own
from ._reading import Casts, taken_apart
from ._turn import Consumer, Handler, PoisonHandler, Turn
from .dashboard import Dashboard, server_options
from .dlq import DeadLetters
from .replay import Replays
from .errors import Closed, Error, Forked, ValidationError
from .message import Receipt
from .router import Router
from .schemas import Schemas, Validator
from .stream import MessageStream, Subscription
from .transports import Transport

AnyHandler = TypeVar("AnyHandler", bound=Callable[[Any, Any], Any])

_CLOSE_GRACE_SECONDS = 5.0
_REQUEST_GRACE_SECONDS = 2.0
_STOP_SECONDS = 5.0


class EventSystem(Observed):
    """Publishes and consumes events within asyncio.

    `config` is the configuration (docs/configuration.md) as a dict or as JSON text. Use it as
    `async with EventSystem(config) as system:`, or call `connect` and `close`.
    """

    def __init__(
        self, config: _pure.JsonSource, *, poison_message_handler: Optional[PoisonHandler] = None
    ) -> None:
        document, own = take_own(config)
        self._engine = Engine(document)
        self._normalized: Mapping[str, Any] = _pure.check_config(document).get("normalized") or {}
        publisher = self._normalized.get("publisher") or {}
        consumer = self._normalized.get("consumer") or {}
        self._close_deadline = consumer.get("closeDeadline", 10_000) / 1000
        self._outbox = Outbox(self._engine, publisher.get("timeout", 30_000))
        self._turn = Turn(self._engine, self._outbox, poison_message_handler)
        self._closing: "Optional[asyncio.Task[None]]" = None
        for name, transport in own.items():
            driver = AsyncDriver(self._engine, name, transport, publisher.get("timeout", 30_000) / 1000)
            self._turn.drivers[name] = driver
        configured: Mapping[str, Any] = self._normalized.get("transports") or {}
        #: each by itself, by name
        self.transports = {name: Transport(self, name, options) for name, options in configured.items()}
        self.router = Router(self._engine, self._normalized)
        self.dlq = DeadLetters(self._ask)
        self.replays = Replays(self._ask)
        self._casts = Casts()
        self.schemas = Schemas(self._ask, self._casts)
        self.validator = Validator(self._casts)

    # ---- life ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> "EventSystem":
        try:
            await self.connect()
        except BaseException:
            await self.close(deadline=0)
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def connect(self, *, timeout: Optional[float] = None) -> None:
        """Connects the transports, and waits until they have the subscriptions made so far."""
        await self._ask("connect", {}, timeout)
        await self._register_declared()
        if self._turn.consumers:
            await self.ready(timeout=timeout)

    async def ready(self, *, timeout: Optional[float] = None) -> None:
        """Waits until the stores have all subscriptions, those of `on` too."""
        await self._ask("ready", {}, timeout)

    async def close(self, deadline: Optional[float] = None) -> None:
        """Sends what is collected, lets handlers end, hands the rest back, and frees everything.

        Takes at most `deadline` seconds (consumer.closeDeadline by default). Twice is fine, and a later call
        may shorten the deadline. Within a handler it only begins, since it would wait for the handler itself.
        """
        if self._engine.is_forked or not self._engine.is_open:
            self._engine.release()
            return
        loop = self._attach()
        seconds = self._close_deadline if deadline is None else deadline
        if self._closing is None:
            self._closing = loop.create_task(self._close(seconds))
        elif deadline is not None and not self._closing.done():
            self._begin_close(seconds)
        if not self._turn.is_in_handler():
            await asyncio.shield(self._closing)

    async def _close(self, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline
        await loop.run_in_executor(None, self._engine.stop_dashboards, _STOP_SECONDS)
        try:
            await asyncio.wait_for(self._outbox.emptied(), max(0.001, deadline))
        except asyncio.TimeoutError:
            self._outbox.fail_all(Closed("the system was closed before the event could be sent"))
        closed = self._turn.closed
        assert closed is not None
        left = max(0.0, end - loop.time())
        self._begin_close(left)
        timer = loop.call_later(left, self._turn.cancel_handlers)
        try:
            await asyncio.wait({closed}, timeout=left + _CLOSE_GRACE_SECONDS)
            await self._turn.finish_handlers()
        finally:
            timer.cancel()
            self._turn.detach()
            await loop.run_in_executor(None, self._engine.release)

    def _begin_close(self, seconds: float) -> None:
        try:
            self._engine.begin_close(milliseconds(seconds, "deadline"))
        except Closed:
            pass

    def __del__(self, _warn: Any = warnings.warn) -> None:
        engine = getattr(self, "_engine", None)
        if engine is None or not engine.is_open or engine.is_forked:
            return
        _warn(f"unclosed {self!r}; use `async with` or `await system.close()`", ResourceWarning, source=self)
        engine.abandon()

    def __repr__(self) -> str:
        return f"<libevents.EventSystem {self._normalized.get('service', '?')}>"

    def _attach(self) -> asyncio.AbstractEventLoop:
        """The running loop, which from now on serves this system."""
        loop = asyncio.get_running_loop()
        turn = self._turn
        if turn._loop is loop:
            return loop
        if self._engine.is_forked:
            self._check_open()
        if turn.is_attached:
            raise Error(
                "this system is used by another event loop, which is still open; make one system for each loop"
            )
        turn.attach(loop)
        self._closing = None
        return loop

    # ---- publishing ---------------------------------------------------------------------------------

    async def publish(
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
        """Publishes one event and waits until it is stored; raises where it is not, or may not be.

        While events are under way, those of one turn of the loop are sent together. When too many are in flight, this
        waits for room.
        """
        loop = self._attach()
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
        if self.validator.waiting:
            await self._register_declared()
        future: "asyncio.Future[Receipt]" = loop.create_future()
        self._outbox.put(future, event)
        receipt = await future
        if receipt.error is not None:
            raise receipt.error
        return receipt

    async def publish_batch(self, events: Iterable[Any]) -> List[Receipt]:
        """Publishes many and gives their receipts in order; each says its own outcome and error.

        An event is (type, body), (type, body, options) or a dict with `type`, `body` and options.
        """
        self._attach()
        outgoing = encode_batch(events)
        self._check_open()
        if not outgoing:
            return []
        await self._register_declared()
        return await self._outbox.put_all(outgoing)

    async def _register_declared(self) -> None:
        waiting = self.validator.waiting
        while waiting:
            params = waiting[0]
            await self._ask("schemas.register", params, None)
            self.validator.registered(params)

    async def flush(self, *, timeout: Optional[float] = None) -> None:
        """Waits until everything published so far has its outcome."""
        self._attach()
        await self._outbox.emptied()
        await self._ask("flush", {}, timeout)

    async def drain(self, timeout: float = 10.0) -> None:
        """Waits until nothing is being published or handled; consuming goes on. Timeout where it does not."""
        self._attach()
        await self._outbox.emptied()
        await self._ask("drain", {"timeout": milliseconds(timeout, "timeout")}, timeout + _REQUEST_GRACE_SECONDS)

    async def reload(self, config: _pure.JsonSource, *, timeout: Optional[float] = None) -> List[str]:
        """Works by another configuration from now on, by all of it or by nothing of it.

        ConfigurationError names what may not differ (docs/requests.md#reload). Gives the paths that changed.
        """
        document = _pure.document_of(take_own(config)[0])
        changed: List[str] = json.loads(await self._ask("reload", {"config": document}, timeout))["changed"]
        return changed

    async def coverage(self, *, timeout: Optional[float] = None) -> Dict[str, Any]:
        """Routes that no event took, that can take none, and that meet; types that no route took."""
        coverage: Dict[str, Any] = json.loads(await self._ask("coverage", {}, timeout))
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

    async def subscribe(self, pattern: _options.Pattern, handler: Handler, **options: Any) -> Subscription:
        """Subscribes a handler; when the system is connected, waits until the store has it."""
        self._attach()
        subscription = self._subscribe(pattern, handler, options)
        if self.is_connected():
            await self.ready()
        return subscription

    def messages(self, pattern: _options.Pattern, **options: Any) -> MessageStream:
        """Messages for `async for message, metadata in …`; acknowledges when the loop asks for the next."""
        return MessageStream(self, pattern, options)

    def _subscribe(
        self, pattern: _options.Pattern, handler: Optional[Handler], options: Mapping[str, Any]
    ) -> Subscription:
        if handler is not None and not callable(handler):
            raise ValidationError(f"the handler is {type(handler).__name__}, expected a function")
        name, rest, reader = taken_apart(self._casts, pattern, options)
        document = _options.subscription_options(name, rest, self._turn.has_poison_handler)
        self._check_open()
        retries = _options.max_retries(self._normalized, document)
        is_manual = handler is not None and document.get("ack") == "manual"
        run = self._in_batches(handler, document) if handler is not None else None
        consumer = Consumer(run, contextvars.copy_context(), retries, is_manual)
        consumer.reader = reader
        consumer.token = self._engine.subscribe(document)
        self._turn.consumers[consumer.token] = consumer
        return Subscription(self, document["pattern"], consumer)

    def _in_batches(self, handler: Handler, document: Mapping[str, Any]) -> Handler:
        size = document.get("batch")
        if not isinstance(size, int):
            return handler
        return Batches(handler, size, _options.concurrency(self._normalized, document), self._turn.batches)

    async def _subscribe_stream(
        self, pattern: _options.Pattern, stream: MessageStream, options: Mapping[str, Any]
    ) -> Subscription:
        self._attach()
        subscription = self._subscribe(pattern, None, options)
        subscription._consumer.accept = stream.accept
        subscription._consumer.on_end = stream.wake
        if self.is_connected():
            await self.ready()
        return subscription

    def _unsubscribe(self, consumer: Consumer) -> None:
        if not consumer.is_active:
            return
        consumer.is_active = False
        try:
            self._engine.unsubscribe(consumer.token)
        except Closed:
            pass

    async def _wait_ended(self, consumer: Consumer) -> None:
        if consumer.token not in self._turn.consumers:
            return
        future: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
        consumer.ended.append(future)
        await future

    # ---- looking ------------------------------------------------------------------------------------

    async def groups(
        self, topic: Optional[str] = None, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """Consumer groups with their members, pending messages and lag."""
        params = {name: value for name, value in (("topic", topic), ("transport", transport)) if value}
        groups: List[Dict[str, Any]] = json.loads(await self._ask("groups", params, timeout))["groups"]
        return groups

    async def topics(
        self, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Any]:
        """The topics that the store knows."""
        params = {"transport": transport} if transport else {}
        topics: List[Any] = json.loads(await self._ask("topics", params, timeout))["topics"]
        return topics

    async def delayed(
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
        page: Dict[str, Any] = json.loads(await self._ask("delayed", params, timeout))
        return page

    async def cancel_delayed(
        self,
        ids: Iterable[str],
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """Takes back delayed events by the ids that `delayed` gives: {cancelled, results}."""
        params = _options.given(ids=list(ids), actor=actor, transport=transport)
        answer: Dict[str, Any] = json.loads(await self._ask("delayed.cancel", params, timeout))
        return answer

    async def retention(
        self, topic: Optional[str] = None, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """What each stream keeps, which group holds what is beyond its limits, and what was trimmed."""
        params = _options.given(topic=topic, transport=transport)
        streams: List[Dict[str, Any]] = json.loads(await self._ask("retention", params, timeout))["streams"]
        return streams

    async def conservation(
        self, topic: Optional[str] = None, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """Is every event accounted for? {holds, streams, groups} of docs/requests.md."""
        params = _options.given(topic=topic, transport=transport)
        answer: Dict[str, Any] = json.loads(await self._ask("conservation", params, timeout))
        return answer

    async def pause_group(
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
        paused: Dict[str, Any] = json.loads(await self._ask("groups.pause", params, timeout))["paused"]
        return paused

    async def resume_group(
        self,
        group: str,
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> None:
        """Lets a paused consumer group go on; one that is not paused stays as it is."""
        params = _options.given(group=group, actor=actor, transport=transport)
        await self._ask("groups.resume", params, timeout)

    async def fleet(
        self, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """The systems connected to the store: {service, instance, at, ageMs, stats} of each."""
        params = _options.given(transport=transport)
        instances: List[Dict[str, Any]] = json.loads(await self._ask("fleet", params, timeout))["instances"]
        return instances

    async def doctor(
        self, *, role: Optional[str] = None, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Dict[str, Any]:
        """What the store says about itself, what is wrong with it (`findings`), and its `guarantee` in words.

        role: whose rights are examined: "publisher", "consumer" (the default), "operator" or "viewer".
        """
        params = _options.given(role=role, transport=transport)
        report: Dict[str, Any] = json.loads(await self._ask("doctor", params, timeout))
        return report

    async def start_dashboard(
        self, options: Optional[Mapping[str, Any]] = None, **more: Any
    ) -> Dashboard:
        """Serves a web page over this system (docs/dashboard.md); `port=0` takes a free one, see `url`.

        Options as a mapping, as keywords (`base_path` for `basePath`), or both. Stops with the system.
        """
        loop = self._attach()
        self._check_open()
        document = server_options(options, more)
        server = await loop.run_in_executor(None, self._engine.start_dashboard, document)
        return Dashboard(self._engine, server)

    async def _ask(self, method: str, params: Dict[str, Any], timeout: Optional[float]) -> str:
        loop = self._attach()
        self._check_open()
        token = self._outbox.take_token()
        future: "asyncio.Future[str]" = loop.create_future()
        self._turn.requests[token] = future
        try:
            self._engine.request(method, params, milliseconds(timeout, "timeout"), token)
            return await future
        finally:
            self._turn.requests.pop(token, None)

    def _check_open(self) -> None:
        engine = self._engine
        if engine.is_forked:
            raise Forked("this process inherited the system by fork; open a new one after the fork")
        if engine.is_closing or not engine.is_open:
            raise Closed("the system is closing or closed; open a new one")
