# SPDX-License-Identifier: MIT
"""Transports that a program writes itself: an object with `publish` and `subscribe`.

The core keeps groups, retries and order; it says in records what it wants of the object, and hears of it by the
request `transport.tell` (docs/plugins.md). With asyncio the object is called on the loop, and its methods may be
coroutines; with `SyncEventSystem` it is called on one thread of its own, and its methods are plain.
"""

import asyncio
import inspect
import json
import logging
import queue
import threading
from concurrent.futures import Future
from typing import Any, Awaitable, Callable, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple, Union

from ._engine import Engine
from ._options import camel_case
from .errors import Closed, ConfigurationError, Error, Timeout, Unsupported, ValidationError

logger = logging.getLogger("libevents")

_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 5.0
_WORDS = {
    "supportsPublishing": "publish",
    "supportsSubscription": "subscribe",
    "supportsPatternRouting": "patternRouting",
    "supportsBatching": "batching",
    "supportsPartitioning": "partitioning",
    "supportsConsumerGroups": "consumerGroups",
}
_BY_METHOD = {"publish": "supportsPublishing", "subscribe": "supportsSubscription"}


class StoredMessage(NamedTuple):
    """An event as a transport stores it: both texts as they are, since numbers read and written again may change."""

    data: str  #: the envelope's exact text
    raw: Optional[str] = None  #: in base64: a body that is no JSON, or is compressed; it belongs to `data`

    @property
    def header(self) -> Mapping[str, Any]:
        header: Mapping[str, Any] = json.loads(self.data)["header"]
        return header

    @property
    def headers(self) -> Mapping[str, str]:
        headers: Mapping[str, str] = json.loads(self.data).get("headers") or {}
        return headers

    @property
    def body(self) -> Any:
        return json.loads(self.data).get("body")


#: What a transport may give back: what it was given (a pair), the envelope's text, or an envelope as a dict.
GivenMessage = Union[StoredMessage, Tuple[str, Optional[str]], List[Optional[str]], str, Mapping[str, Any]]


def is_own(value: Any) -> bool:
    return any(callable(getattr(value, name, None)) for name in _BY_METHOD)


def _document(transport: Any, settings: Mapping[str, Any]) -> Dict[str, Any]:
    given = getattr(transport, "capabilities", None) or {}
    said = {camel_case(name): value for name, value in given.items()}
    for method, name in _BY_METHOD.items():
        has_method = callable(getattr(transport, method, None))
        said[name] = has_method and said.get(name) is not False
    can = [word for name, word in _WORDS.items() if said.get(name) is True]
    if not said["supportsPublishing"] and not said["supportsSubscription"]:
        raise ConfigurationError("the transport can neither publish nor subscribe", path="/capabilities")
    return {**settings, "type": "bridge", "capabilities": can}


def take_own(config: Any) -> Tuple[Any, Dict[str, Any]]:
    """A configuration as the core takes it, and the objects that were in it, by the names of their transports."""
    transports = config.get("transports") if isinstance(config, Mapping) else None
    own: Dict[str, Any] = {}
    if not isinstance(transports, Mapping):
        return config, own
    documents: Dict[str, Any] = {}
    for name, value in transports.items():
        settings = {} if is_own(value) or not isinstance(value, Mapping) else dict(value)
        transport = value if is_own(value) else settings.pop("transport", None)
        if is_own(transport):
            own[name] = transport
            documents[name] = _document(transport, settings)
        else:
            documents[name] = value
    return ({**config, "transports": documents} if own else config), own


def _content(message: GivenMessage) -> Dict[str, Any]:
    if isinstance(message, str):
        return {"data": message}
    if isinstance(message, Mapping):
        return {"data": json.dumps(message, ensure_ascii=False, separators=(",", ":"))}
    data, raw = message
    return {"data": data} if raw is None else {"data": data, "raw": raw}


def _without_none(**values: Any) -> Dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class Driver:
    """What both faces have in common; any thread may tell, the rest is the driver's own loop or thread."""

    def __init__(self, engine: Engine, name: str, transport: Any) -> None:
        self._engine = engine
        self._name = name
        self._transport = transport
        self._lock = threading.Lock()
        self._groups: Dict[int, str] = {}
        self._next_delivery = 1
        self._is_open = False

    def _tell(self, **news: Any) -> None:
        try:
            self._engine.request("transport.tell", {"transport": self._name, **news}, 0, 0)
        except Error as error:
            # The system ended meanwhile: its events have their outcome, and nothing is delivered any more.
            self.end(error)

    def end(self, error: Exception) -> None:
        """There will be no further record."""
        raise NotImplementedError

    def _take_delivery(self, subscription: int) -> int:
        """A number for an entry that is given to the core; Closed where nobody is subscribed."""
        with self._lock:
            if not self._is_open or subscription not in self._groups:
                raise Closed("nobody is subscribed any more; the message is handed back")
            self._next_delivery += 1
            return self._next_delivery

    def _entry(self, call: Mapping[str, Any], message: GivenMessage, topic: Optional[str], partition: Optional[int]) -> Dict[str, Any]:
        delivery = self._take_delivery(call["subscription"])
        place = _without_none(topic=topic, partition=partition)
        return {"subscription": call["subscription"], "delivery": delivery, **_content(message), **place}

    def _options(self, event: Mapping[str, Any]) -> Dict[str, Any]:
        return {"id": event["id"], "type": event["type"], "partition": event.get("partition")}

    @staticmethod
    def _message(event: Mapping[str, Any]) -> StoredMessage:
        return StoredMessage(event["data"], event.get("raw"))

    def _tell_stored(self, token: int, given: Any) -> None:
        offset = given.get("offset") if isinstance(given, Mapping) else None
        self._tell(published=[_without_none(token=token, offset=None if offset is None else str(offset))])

    def _tell_failed(self, token: int, error: BaseException) -> None:
        is_final = isinstance(error, (ValidationError, Unsupported))
        text = str(error) or type(error).__name__
        self._tell(published=[{"token": token, "error": text, "transient": not is_final, "notStored": is_final}])


def _returned() -> Closed:
    return Closed("the message was not handled here; it is handed back")


# ---- asyncio --------------------------------------------------------------------------------------------


class AsyncDriver(Driver):
    """Calls the object on the loop that serves the system."""

    def __init__(self, engine: Engine, name: str, transport: Any, limit: float) -> None:
        super().__init__(engine, name, transport)
        self._limit = limit
        self._waiting: "Dict[int, asyncio.Future[None]]" = {}
        self._tasks: "Set[asyncio.Task[None]]" = set()
        self._lanes: "Dict[str, asyncio.Task[None]]" = {}

    def on_call(self, call: Mapping[str, Any]) -> None:
        kind = call["call"]
        if kind == "publish":
            for event in call["events"]:
                self._queue(event)
        elif kind == "settle":
            self._settle(call)
        else:
            steps = {"connect": self._connect, "subscribe": self._subscribe, "unsubscribe": self._unsubscribe}
            self._start({**steps, "close": self._close}[kind](call))

    def end(self, error: Exception) -> None:
        with self._lock:
            self._is_open = False
            waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # a transport that does not look has its message handed back all the same

    def _start(self, coroutine: Any) -> "asyncio.Task[None]":
        task: "asyncio.Task[None]" = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, method: str, *arguments: Any, **options: Any) -> Any:
        function = getattr(self._transport, method, None)
        result = function(*arguments, **options) if callable(function) else None
        if not inspect.isawaitable(result):
            return result
        try:
            return await asyncio.wait_for(result, self._limit)
        except asyncio.TimeoutError:
            raise Timeout(f"{method} of transport {self._name} did not end within {self._limit:g} s") from None

    async def _connect(self, call: Mapping[str, Any]) -> None:
        self._is_open = True
        pause = _FIRST_RETRY_SECONDS
        while self._is_open:
            try:
                await self._run("connect")
            except Exception as error:
                self._tell(state={"connected": False, "error": str(error)})
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_RETRY_SECONDS)
                continue
            if self._is_open:
                self._tell(state={"connected": True})
            return

    async def _close(self, call: Mapping[str, Any]) -> None:
        self.end(Closed("the transport was closed; the message is handed back"))
        self._groups.clear()
        try:
            await self._run("disconnect" if hasattr(self._transport, "disconnect") else "close")
        except Exception as error:
            logger.error("transport %s could not be closed: %s", self._name, error)
        self._tell(closed=True)

    def _queue(self, event: Mapping[str, Any]) -> None:
        """In order within a topic."""
        topic = event["topic"]
        lane = self._lanes[topic] = self._start(self._publish(event, self._lanes.get(topic)))
        lane.add_done_callback(lambda done: self._lanes.pop(topic) if self._lanes.get(topic) is done else None)

    async def _publish(self, event: Mapping[str, Any], before: "Optional[asyncio.Task[None]]") -> None:
        if before is not None:
            await before
        try:
            given = await self._run("publish", event["topic"], self._message(event), self._options(event))
        except Exception as error:
            self._tell_failed(event["token"], error)
        else:
            self._tell_stored(event["token"], given)

    async def _subscribe(self, call: Mapping[str, Any]) -> None:
        self._groups[call["subscription"]] = call["group"]

        def handler(
            message: GivenMessage, *, topic: Optional[str] = None, partition: Optional[int] = None
        ) -> Awaitable[None]:
            future: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
            try:
                entry = self._entry(call, message, topic, partition)
            except Closed as error:
                future.set_exception(error)
                future.exception()
                return future
            self._waiting[entry["delivery"]] = future
            self._tell(entries=[entry])
            return future

        options = {"group": call["group"], "from": call["from"]}
        try:
            await self._run("subscribe", call["topic"], handler, options)
        except Exception as error:
            self._tell(subscribed=[{"subscription": call["subscription"], "error": str(error)}])
        else:
            self._tell(subscribed=[{"subscription": call["subscription"]}])

    async def _unsubscribe(self, call: Mapping[str, Any]) -> None:
        group = self._groups.pop(call["subscription"], "")
        try:
            await self._run("unsubscribe", call["topic"], {"group": group})
        except Exception as error:
            logger.error("transport %s could not unsubscribe from %s: %s", self._name, call["topic"], error)
        self._tell(unsubscribed=[call["subscription"]])

    def _settle(self, call: Mapping[str, Any]) -> None:
        future = self._waiting.pop(call["delivery"], None)
        if future is None or future.done():
            return
        if call["outcome"] == "handled":
            future.set_result(None)
        else:
            future.set_exception(_returned())
            future.exception()


# ---- without asyncio ------------------------------------------------------------------------------------


class SyncDriver(Driver):
    """Calls the object on one thread of its own, one call after the other."""

    def __init__(self, engine: Engine, name: str, transport: Any) -> None:
        super().__init__(engine, name, transport)
        self._calls: "queue.SimpleQueue[Optional[Mapping[str, Any]]]" = queue.SimpleQueue()
        self._waiting: "Dict[int, Future[None]]" = {}
        self._thread: Optional[threading.Thread] = None
        self._ended = threading.Event()

    def on_call(self, call: Mapping[str, Any]) -> None:
        if call["call"] == "settle":
            self._settle(call)
            return
        if call["call"] == "close":
            self._ended.set()  # it may still be trying to connect
        if self._thread is None:
            name = f"libevents-transport-{self._name}"
            self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
            self._thread.start()
        self._calls.put(call)

    def end(self, error: Exception) -> None:
        with self._lock:
            self._is_open = False
            waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            future.set_exception(error)

    def stop(self) -> None:
        """The system has ended: so does the thread, when its call does."""
        self._ended.set()
        self.end(Closed("the system was closed"))
        self._calls.put(None)

    def _serve(self) -> None:
        steps: Dict[str, Callable[[Mapping[str, Any]], None]] = {
            "connect": self._connect,
            "publish": self._publish,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "close": self._close,
        }
        while True:
            call = self._calls.get()
            if call is None:
                return
            steps[call["call"]](call)

    def _run(self, method: str, *arguments: Any) -> Any:
        function = getattr(self._transport, method, None)
        result = function(*arguments) if callable(function) else None
        if not inspect.isawaitable(result):
            return result
        if inspect.iscoroutine(result):
            result.close()
        raise Unsupported(f"{method} of transport {self._name} is a coroutine: that needs EventSystem and asyncio")

    def _connect(self, call: Mapping[str, Any]) -> None:
        self._is_open = True
        pause = _FIRST_RETRY_SECONDS
        self._ended.clear()
        while not self._ended.is_set():
            try:
                self._run("connect")
            except Exception as error:
                self._tell(state={"connected": False, "error": str(error)})
                self._ended.wait(pause)
                pause = min(2 * pause, _LONGEST_RETRY_SECONDS)
                continue
            self._tell(state={"connected": True})
            return

    def _close(self, call: Mapping[str, Any]) -> None:
        self.end(Closed("the transport was closed; the message is handed back"))
        self._groups.clear()
        try:
            self._run("disconnect" if hasattr(self._transport, "disconnect") else "close")
        except Exception as error:
            logger.error("transport %s could not be closed: %s", self._name, error)
        self._tell(closed=True)

    def _publish(self, call: Mapping[str, Any]) -> None:
        for event in call["events"]:
            try:
                given = self._run("publish", event["topic"], self._message(event), self._options(event))
            except Exception as error:
                self._tell_failed(event["token"], error)
            else:
                self._tell_stored(event["token"], given)

    def _subscribe(self, call: Mapping[str, Any]) -> None:
        self._groups[call["subscription"]] = call["group"]

        def handler(
            message: GivenMessage, *, topic: Optional[str] = None, partition: Optional[int] = None
        ) -> "Future[None]":
            future: "Future[None]" = Future()
            try:
                entry = self._entry(call, message, topic, partition)
            except Closed as error:
                future.set_exception(error)
                return future
            with self._lock:
                self._waiting[entry["delivery"]] = future
            self._tell(entries=[entry])
            return future

        options = {"group": call["group"], "from": call["from"]}
        try:
            self._run("subscribe", call["topic"], handler, options)
        except Exception as error:
            self._tell(subscribed=[{"subscription": call["subscription"], "error": str(error)}])
        else:
            self._tell(subscribed=[{"subscription": call["subscription"]}])

    def _unsubscribe(self, call: Mapping[str, Any]) -> None:
        group = self._groups.pop(call["subscription"], "")
        try:
            self._run("unsubscribe", call["topic"], {"group": group})
        except Exception as error:
            logger.error("transport %s could not unsubscribe from %s: %s", self._name, call["topic"], error)
        self._tell(unsubscribed=[call["subscription"]])

    def _settle(self, call: Mapping[str, Any]) -> None:
        with self._lock:
            future = self._waiting.pop(call["delivery"], None)
        if future is None:
            return
        if call["outcome"] == "handled":
            future.set_result(None)
        else:
            future.set_exception(_returned())
