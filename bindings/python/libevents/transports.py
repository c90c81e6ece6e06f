# SPDX-License-Identifier: MIT
"""`system.transports`: each transport of a system used by itself.

What goes through a transport itself asks no routes; all else is as everywhere.
"""

from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from . import _pure
from ._encode import encode_json, milliseconds
from .errors import ValidationError
from .message import Message, Receipt

_GRACE_SECONDS = 5.0
_DISCONNECT_SECONDS = 10.0

#: Words of a configuration, and the published names of what they mean.
_CAPABILITIES = {
    "publish": "supportsPublishing",
    "subscribe": "supportsSubscription",
    "patternRouting": "supportsPatternRouting",
    "batching": "supportsBatching",
    "partitioning": "supportsPartitioning",
    "consumerGroups": "supportsConsumerGroups",
    "ordering": "supportsOrdering",
    "persistence": "supportsPersistence",
    "dlq": "supportsDeadLetterQueues",
    "retention": "supportsMessageRetention",
}
_MEMORY = ("publish", "subscribe", "patternRouting", "batching", "partitioning", "consumerGroups", "ordering")


def _words(options: Mapping[str, Any]) -> Tuple[str, ...]:
    if options["type"] in ("plugin", "bridge"):
        return tuple(options.get("capabilities") or ("publish", "subscribe"))
    return _MEMORY if options["type"] == "memory" else tuple(_CAPABILITIES)


class _Transport:
    """What both faces have in common."""

    def __init__(self, system: Any, name: str, options: Mapping[str, Any]) -> None:
        self._system = system
        self.name = name
        self.type: str = options["type"]
        words = _words(options)
        #: By the published names.
        self.capabilities = {published: word in words for word, published in _CAPABILITIES.items()}
        self._subscriptions: Dict[str, List[Any]] = {}

    def status(self) -> Dict[str, Any]:
        """{type, connected, since, lastError, nextTry, heldBack}."""
        status: Dict[str, Any] = self._system.status()["transports"][self.name]
        return status

    def is_connected(self) -> bool:
        return bool(self.status()["connected"])

    def __repr__(self) -> str:
        return f"<libevents transport {self.name} ({self.type})>"

    def _disconnect(self, deadline: Optional[float]) -> Tuple[Dict[str, Any], float]:
        params: Dict[str, Any] = {"transport": self.name}
        if deadline is not None:
            params["deadline"] = milliseconds(deadline, "deadline")
        return params, (_DISCONNECT_SECONDS if deadline is None else deadline) + _GRACE_SECONDS

    def _event(self, topic: str, message: Any, options: Mapping[str, Any]) -> Tuple[str, Any, Dict[str, Any]]:
        type, body, own = _parts_of(topic, message)
        return type, body, {**own, **options, "topic": topic, "transport": self.name}

    def _options(self, topic: str, options: Mapping[str, Any]) -> Dict[str, Any]:
        return {**options, "topics": [topic], "transport": self.name}


def _parts_of(topic: str, message: Any) -> Tuple[str, Any, Dict[str, Any]]:
    """An envelope as arguments of publish; a message's own text stays as it is. A body alone has its topic's type."""
    if isinstance(message, Message):
        headers = dict(message.headers)
        own = {"id": message.id, "timestamp": message.timestamp, "version": message.version, "headers": headers}
        origin = {"origin": message.origin, "origin_prefix": message.origin_prefix or ""}
        return message.type, message.raw, {**own, **origin, "content_type": message.content_type}
    if not isinstance(message, Mapping) or not isinstance(message.get("header"), Mapping):
        if not isinstance(topic, str):
            raise ValidationError(f"topic is {topic.__class__.__name__}, expected str", path="/topic")
        word = topic[: -len("-events")] if topic.endswith("-events") else topic
        return word.replace("-", "."), message, {}
    header, body = message["header"], message.get("body")
    _check_hash(body, header.get("hash"))
    own = {name: header[name] for name in ("id", "timestamp", "version") if header.get(name)}
    if header.get("origin"):
        own.update(origin=header["origin"], origin_prefix=header.get("originPrefix") or "")
    return header.get("type"), body, {**own, "headers": message.get("headers") or {}}


def _check_hash(body: Any, given: Any) -> None:
    if given and _pure.body_hash(encode_json(body, "body")) != given:
        raise ValidationError(
            "header.hash is not the SHA-256 of the body: leave it out, or publish the message itself",
            path="/header/hash",
        )


class Transport(_Transport):
    """One transport of an `EventSystem`."""

    async def connect(self, *, timeout: Optional[float] = None) -> None:
        """Connects this transport, and none of the others of its system; again after `disconnect`."""
        await self._system._ask("connect", {"transport": self.name}, timeout)

    async def disconnect(self, deadline: Optional[float] = None) -> None:
        """Ends its connection while the others go on. Handlers may end within `deadline` seconds; what was not
        handled is handed back, and what is published to it waits until it is connected again."""
        await self._system._ask("disconnect", *self._disconnect(deadline))

    async def close(self, deadline: Optional[float] = None) -> None:
        """The same as `disconnect`."""
        await self.disconnect(deadline)

    async def publish(self, topic: str, message: Any, **options: Any) -> Receipt:
        """Publishes to a topic of this transport, without routes: an envelope ({"header": …, "body": …} or a
        Message), whose id, time, origin and headers stay, or a body alone, which has its topic's type."""
        type, body, own = self._event(topic, message, options)
        receipt: Receipt = await self._system.publish(type, body, **own)
        return receipt

    async def subscribe(self, topic: str, handler: Callable[[Any, Any], Any], *, pattern: Any = "*", **options: Any) -> Any:
        """Subscribes to a topic of this transport: to all that is in it, or to a type or pattern."""
        subscription = await self._system.subscribe(pattern, handler, **self._options(topic, options))
        self._subscriptions.setdefault(topic, []).append(subscription)
        if self.is_connected():
            await self._system._ask("ready", {"transport": self.name}, None)
        return subscription

    async def unsubscribe(self, topic: str) -> None:
        """Ends what `subscribe` began on a topic; one without any is fine."""
        for subscription in self._subscriptions.pop(topic, []):
            await subscription.unsubscribe()


class SyncTransport(_Transport):
    """One transport of a `SyncEventSystem`; its methods are as those of `Transport`."""

    def connect(self, *, timeout: Optional[float] = None) -> None:
        self._system._ask("connect", {"transport": self.name}, timeout)

    def disconnect(self, deadline: Optional[float] = None) -> None:
        self._system._ask("disconnect", *self._disconnect(deadline))

    def close(self, deadline: Optional[float] = None) -> None:
        self.disconnect(deadline)

    def publish(self, topic: str, message: Any, **options: Any) -> Receipt:
        type, body, own = self._event(topic, message, options)
        receipt: Receipt = self._system.publish(type, body, **own)
        return receipt

    def subscribe(self, topic: str, handler: Callable[[Any, Any], Any], *, pattern: Any = "*", **options: Any) -> Any:
        subscription = self._system.subscribe(pattern, handler, **self._options(topic, options))
        self._subscriptions.setdefault(topic, []).append(subscription)
        if self.is_connected():
            self._system._ask("ready", {"transport": self.name}, None)
        return subscription

    def unsubscribe(self, topic: str) -> None:
        for subscription in self._subscriptions.pop(topic, []):
            subscription.unsubscribe()
