# SPDX-License-Identifier: MIT
"""Publishes of the asyncio face: where some are under way, others are collected during a turn of the loop and handed
over in one call; where none is, the first goes at once.

When the publisher has no room, the rest stays here, in order, until reports say that there is room again.
Runs on the loop's thread only.
"""

import asyncio
from collections import deque
from itertools import groupby
from typing import Any, Deque, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from ._encode import Outgoing, timeout_of
from ._engine import Engine
from .errors import Closed, Error, Forked, QueueFull
from .message import Receipt, Report

EVENTS_PER_TURN = 512
_EXPIRY_SECONDS = 0.5


class One:
    """The receipt of one event."""

    __slots__ = ("future",)

    def __init__(self, future: "asyncio.Future[Receipt]") -> None:
        self.future = future

    def put(self, _: int, receipts: Sequence[Receipt]) -> None:
        if not self.future.done():
            self.future.set_result(receipts[0])


class Batch:
    """The receipts of events that were published together."""

    __slots__ = ("future", "receipts", "missing")

    def __init__(self, future: "asyncio.Future[List[Receipt]]", count: int) -> None:
        self.future = future
        self.receipts: List[Any] = [None] * count
        self.missing = count

    def put(self, index: int, receipts: Sequence[Receipt]) -> None:
        """From an index on."""
        self.receipts[index : index + len(receipts)] = receipts
        self.missing -= len(receipts)
        if self.missing == 0 and not self.future.done():
            self.future.set_result(self.receipts)


Target = Union[One, Batch]


class Part(NamedTuple):
    """Events that wait for the core, in a row."""

    target: Target
    at: int  #: index of the first of them in the target
    events: Sequence[Outgoing]
    begun: float  #: when they were published, by the loop's clock

    def split(self, count: int) -> "Tuple[Part, Part]":
        rest = self._replace(at=self.at + count, events=self.events[count:])
        return self._replace(events=self.events[:count]), rest

    def refuse(self, error: Error) -> None:
        self.target.put(self.at, [refused(error)] * len(self.events))


def refused(error: Error) -> Receipt:
    """The receipt of an event that never left this process."""
    return Receipt("", "refused", "", "", None, "", 0, error=error)


class Outbox:
    """Events between `publish` and the core, and who waits for their outcome."""

    def __init__(self, engine: Engine, default_timeout_ms: int) -> None:
        self._engine = engine
        self._default_timeout_ms = default_timeout_ms
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._entries: Deque[Part] = deque()
        #: by token: whose it is, and the token that the first event of this target would have
        self._waiting: Dict[int, Tuple[Target, int]] = {}
        self._next_token = 1
        self._is_scheduled = False
        self._is_blocked = False
        self._is_expiring = False
        self._empty: "List[asyncio.Future[None]]" = []

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to serve a loop; whoever waited on an older, closed one is forgotten."""
        self._loop = loop
        self._entries.clear()
        self._waiting.clear()
        self._empty.clear()
        self._is_scheduled = self._is_blocked = self._is_expiring = False

    def put(self, future: "asyncio.Future[Receipt]", event: Outgoing) -> None:
        self._put(One(future), (event,))

    def put_all(self, events: Sequence[Outgoing]) -> "asyncio.Future[List[Receipt]]":
        """Gives the receipts of all of them, in order."""
        assert self._loop is not None
        batch = Batch(self._loop.create_future(), len(events))
        self._put(batch, events)
        return batch.future

    def _put(self, target: Target, events: Sequence[Outgoing]) -> None:
        loop = self._loop
        assert loop is not None
        self._entries.append(Part(target, 0, events, loop.time()))
        if self._waiting or self._is_scheduled or self._is_blocked:
            self._hand_over_soon()
        else:
            self.hand_over()  # it would wait for nothing but the loop's next turn

    def _hand_over_soon(self) -> None:
        if not self._is_scheduled and not self._is_blocked:
            assert self._loop is not None
            self._is_scheduled = True
            self._loop.call_soon(self.hand_over)

    @property
    def taken(self) -> int:
        """How many tokens were taken: for events that were handed over, and requests."""
        return self._next_token - 1

    def take_token(self) -> int:
        """A token for a request: they share the numbers of the events."""
        token = self._next_token
        self._next_token += 1
        return token

    def on_report(self, report: Report) -> None:
        """The outcome of one event, or of several."""
        take, receipts, at = self._waiting.pop, report.receipts(), 0
        if len(receipts) == 1:  # the steps below would cost more than all else that is done for it
            one = take(report.token, None)
            if one is not None:
                one[0].put(report.token - one[1], receipts)
            return
        waiting = [take(token, None) for token in report.tokens]
        for found, run in groupby(waiting):
            end = at + sum(1 for _ in run)
            if found is not None:
                found[0].put(report.token + at - found[1], receipts[at:end])
            at = end

    def reports_taken(self) -> None:
        """There may be room again."""
        if self._is_blocked:
            self._is_blocked = False
            self.hand_over()

    async def emptied(self) -> None:
        """Waits until everything collected so far was handed over or refused."""
        if self._loop is None or not self._entries:
            return
        future: "asyncio.Future[None]" = self._loop.create_future()
        self._empty.append(future)
        await future

    def hand_over(self) -> None:
        """Offers a bounded number of events; what is over waits for the next turn, or for room."""
        self._is_scheduled = False
        chunk = self._next_chunk()
        if chunk:
            offer = self._engine_offer([event for part in chunk for event in part.events])
            rest = self._wait_for(chunk, offer[0])
            if offer[1] is not None:
                self._on_refusal(rest, offer[1])
        if self._entries:
            self._hand_over_soon()
        self._tell_if_empty()

    def fail_all(self, error: Error) -> None:
        """Ends every wait; after the system closed there will be no report."""
        entries, self._entries = self._entries, deque()
        waiting, self._waiting = self._waiting, {}
        for part in entries:
            part.refuse(error)
        receipt = refused(error)._replace(outcome="unknown")
        for token, (target, first) in waiting.items():
            target.put(token - first, (receipt,))
        self._is_blocked = False
        self._tell_if_empty()

    def _engine_offer(self, events: Sequence[Outgoing]) -> Tuple[int, Optional[Error]]:
        try:
            return self._engine.publish(events, self._next_token)
        except Error as error:
            return 0, error

    def _next_chunk(self) -> List[Part]:
        chunk: List[Part] = []
        room = EVENTS_PER_TURN
        while self._entries and room > 0:
            part = self._entries.popleft()
            if part.target.future.done():  # it was given up
                continue
            if len(part.events) > room:
                part, rest = part.split(room)
                self._entries.appendleft(rest)
            chunk.append(part)
            room -= len(part.events)
        return chunk

    def _wait_for(self, chunk: List[Part], accepted: int) -> List[Part]:
        """Notes who waits for the events that were accepted; gives the others."""
        rest: List[Part] = []
        for part in chunk:
            token, count = self._next_token, len(part.events)
            self._next_token += count
            if accepted < count:
                part, left = part.split(accepted)
                rest.append(left)
            tokens = range(token, token + len(part.events))
            self._waiting.update(dict.fromkeys(tokens, (part.target, token - part.at)))
            accepted -= len(part.events)
        return rest

    def _on_refusal(self, rest: List[Part], error: Error) -> None:
        if isinstance(error, (Closed, Forked)):
            rest.extend(self._entries)
            self._entries.clear()
            for part in rest:
                part.refuse(error)
            return
        if isinstance(error, QueueFull) and self._waiting:
            self._is_blocked = True
            self._watch_expiry()
        else:
            # Nothing is in flight whose end could make room: the first event itself is the trouble.
            first, left = rest[0].split(1)
            first.refuse(error)
            rest[:1] = [left] if left.events else []
        self._entries.extendleft(reversed(rest))

    def _expire(self) -> None:
        """Ends the wait of events that found no room within their timeout."""
        self._is_expiring = False
        if not self._is_blocked:
            return
        assert self._loop is not None
        pieces = [piece for part in self._entries for piece in self._by_lateness(part)]
        late = [part for is_late, part in pieces if is_late]
        if late:
            self._entries = deque(part for is_late, part in pieces if not is_late)
            error = QueueFull(
                "the event found no room within its timeout and was not sent: too many events are in flight; "
                "publish slower, or raise publisher.maxInFlight"
            )
            for part in late:
                part.refuse(error)
            self._tell_if_empty()
        self._watch_expiry()

    def _by_lateness(self, part: Part) -> Iterator[Tuple[bool, Part]]:
        """Cuts it into events whose time is up, and others."""
        assert self._loop is not None
        age_ms, default = 1000 * (self._loop.time() - part.begun), self._default_timeout_ms
        for is_late, run in groupby(part.events, lambda event: (timeout_of(event) or default) <= age_ms):
            piece, part = part.split(len(list(run)))
            yield is_late, piece

    def _watch_expiry(self) -> None:
        if not self._is_expiring:
            assert self._loop is not None
            self._is_expiring = True
            self._loop.call_later(_EXPIRY_SECONDS, self._expire)

    def _tell_if_empty(self) -> None:
        if self._entries:
            return
        futures, self._empty = self._empty, []
        for future in futures:
            if not future.done():
                future.set_result(None)
