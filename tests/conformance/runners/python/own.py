# SPDX-License-Identifier: MIT
"""own.py - a transport as a program writes one: topics in this process, each group a queue. Places of the same number
share it. Once for asyncio, once without; what is the same is the same."""

from __future__ import annotations

import json
import threading
from typing import Any

_places: dict[int, "Place"] = {}


class Place:
    """What all transports of one place share."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.messages: list[tuple[str, str, int | None]] = []
        self.groups: dict[str, list[tuple[str, Any]]] = {}

    def publish(self, topic: str, message: Any, partition: int | None) -> int:
        with self.lock:
            entry = (topic, json.dumps(message), partition)
            self.messages.append(entry)
            groups = list(self.groups.values())
            offset = len(self.messages)
        for subscriptions in groups:
            self.give(subscriptions, entry)
        return offset

    def give(self, subscriptions: list[tuple[str, Any]], entry: tuple[str, str, int | None]) -> None:
        """To one of a group's subscriptions to the topic; whoever hands it back lets the next one have it."""
        topic, message, partition = entry
        with self.lock:
            takers = [handler for name, handler in subscriptions if name in (topic, "*")]
        if not takers:
            return
        done = takers[0](json.loads(message), topic=topic, partition=partition)
        done.add_done_callback(lambda future: self.give(subscriptions, entry) if future.exception() else None)


class OwnTransport:
    capabilities = {
        "supportsPublishing": True,
        "supportsSubscription": True,
        "supportsPatternRouting": True,
        "supportsBatching": True,
        "supportsPartitioning": True,
    }

    def __init__(self, number: int) -> None:
        self._place = _places.setdefault(number, Place())
        self._own: list[tuple[str, tuple[str, Any]]] = []

    def publish(self, topic: str, message: Any, options: dict[str, Any]) -> dict[str, Any]:
        return {"offset": self._place.publish(topic, message, options["partition"])}

    def subscribe(self, topic: str, handler: Any, options: dict[str, Any]) -> None:
        subscription = (topic, handler)
        with self._place.lock:
            is_new = options["group"] not in self._place.groups
            self._place.groups.setdefault(options["group"], []).append(subscription)
            self._own.append((options["group"], subscription))
            waiting = list(self._place.messages) if is_new and options["from"] == "earliest" else []
        for entry in waiting:
            self._place.give([subscription], entry)

    def unsubscribe(self, topic: str, options: dict[str, Any]) -> None:
        self._leave(lambda own: own[0] == options["group"] and own[1][0] == topic)

    def disconnect(self) -> None:
        self._leave(lambda own: True)

    def _leave(self, leaves: Any) -> None:
        with self._place.lock:
            for group, subscription in filter(leaves, self._own):
                self._place.groups[group].remove(subscription)
            self._own = [own for own in self._own if not leaves(own)]


class AsyncOwnTransport(OwnTransport):
    """Its methods are coroutines."""

    async def publish(self, topic: str, message: Any, options: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        return super().publish(topic, message, options)

    async def subscribe(self, topic: str, handler: Any, options: dict[str, Any]) -> None:  # type: ignore[override]
        super().subscribe(topic, handler, options)
