# SPDX-License-Identifier: MIT
"""What subscribing gives with asyncio: a subscription, or messages for `async for`."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, AsyncIterator, Deque, Mapping, Optional, Tuple

from . import _options
from ._turn import Consumer
from .message import Message, Metadata

if TYPE_CHECKING:
    from .aio import EventSystem


class Subscription:
    """One handler on one pattern."""

    def __init__(self, system: "EventSystem", pattern: str, consumer: Consumer) -> None:
        self._system = system
        self._consumer = consumer
        self.pattern = pattern

    @property
    def is_active(self) -> bool:
        return self._consumer.is_active

    async def unsubscribe(self) -> None:
        """Nothing new is delivered after this; handlers that run may end. Twice is fine."""
        self._system._unsubscribe(self._consumer)

    async def wait_ended(self) -> None:
        """After `unsubscribe`: waits until the last message was settled. Not within its own handler."""
        await self._system._wait_ended(self._consumer)

    def __repr__(self) -> str:
        return f"<libevents.Subscription {self.pattern} {'active' if self.is_active else 'ended'}>"


class MessageStream(AsyncIterator[Tuple[Message, Metadata]]):
    """Messages for `async for`: one counts as handled when the loop asks for the next one.

    A loop that is left early has not said so of its last message, which is then delivered again; call
    `acknowledge()` before `break` where it was handled.
    """

    def __init__(self, system: "EventSystem", pattern: _options.Pattern, options: Mapping[str, Any]) -> None:
        self._system = system
        self._pattern = pattern
        self._options = options
        self._subscription: Optional[Subscription] = None
        self._records: Deque[Message] = deque()
        self._current: Optional[Message] = None
        self._waiter: "Optional[asyncio.Future[None]]" = None
        self._is_closed = False

    def __aiter__(self) -> "MessageStream":
        return self

    async def __aenter__(self) -> "MessageStream":
        await self._subscribe()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def __anext__(self) -> Tuple[Message, Metadata]:
        self.acknowledge()
        await self._subscribe()
        while not self._records:
            if self._is_closed or self._subscription is None or not self._subscription.is_active:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._current = self._records.popleft()
        return self._current, Metadata(self._current)

    async def _subscribe(self) -> None:
        if self._subscription is None and not self._is_closed:
            self._subscription = await self._system._subscribe_stream(self._pattern, self, self._options)

    def acknowledge(self) -> None:
        """Says that the newest message was handled."""
        record, self._current = self._current, None
        if record is not None:
            self._system._turn.acknowledge(record)

    async def aclose(self) -> None:
        """Ends the iteration; what was not acknowledged is handed back."""
        self._is_closed = True
        if self._subscription is not None:
            await self._subscription.unsubscribe()
        unhandled = [self._current, *self._records]
        self._current = None
        self._records.clear()
        for record in unhandled:
            if record is not None:
                self._system._turn.hand_back(record)
        self.wake()

    def accept(self, record: Message) -> None:
        """A record for this stream."""
        self._records.append(record)
        self.wake()

    def wake(self) -> None:
        """There is a record, or there will be none."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
