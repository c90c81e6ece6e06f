# SPDX-License-Identifier: MIT
"""Publishes of the asyncio face: collected during a turn of the loop, handed over in one call.

When the publisher has no room, the rest stays here, in order, until reports say that there is room again.
Runs on the loop's thread only.
"""

import asyncio
from collections import deque
from itertools import repeat
from typing import Deque, Dict, List, Optional, Sequence, Tuple, Union

from ._encode import Outgoing
from ._engine import Engine
from .errors import Closed, Error, Forked, QueueFull
from .message import Receipt, Report

EVENTS_PER_TURN = 512
_EXPIRY_SECONDS = 0.5


class Batch:
    """The receipts of events that were published together."""

    __slots__ = ("future", "receipts", "missing")

    def __init__(self, future: "asyncio.Future[List[Receipt]]", count: int) -> None:
        self.future = future
        self.receipts: List[Optional[Receipt]] = [None] * count
        self.missing = count

    def put(self, index: int, receipts: Sequence[Receipt]) -> None:
        """From an index on."""
        self.receipts[index : index + len(receipts)] = receipts
        self.missing -= len(receipts)
        if self.missing == 0 and not self.future.done():
            self.future.set_result([entry for entry in self.receipts if entry is not None])


Target = Union["asyncio.Future[Receipt]", Tuple[Batch, int]]
_Entry = Tuple[Target, Outgoing, float]


def refused(error: Error) -> Receipt:
    """The receipt of an event that never left this process."""
    return Receipt("", "refused", "", "", None, "", 0, error=error)


def _resolve(target: Target, receipt: Receipt) -> None:
    if isinstance(target, tuple):
        target[0].put(target[1], (receipt,))
    elif not target.done():
        target.set_result(receipt)


def _is_run(first: Tuple[Batch, int], last: Tuple[Batch, int], count: int) -> bool:
    """Are these, and all between them, the events of one batch? Indexes rise with the tokens."""
    return first[0] is last[0] and last[1] - first[1] == count - 1


def _is_given_up(target: Target) -> bool:
    return target[0].future.done() if isinstance(target, tuple) else target.done()


class Outbox:
    """Events between `publish` and the core, and who waits for their outcome."""

    def __init__(self, engine: Engine, default_timeout_ms: int) -> None:
        self._engine = engine
        self._default_timeout_ms = default_timeout_ms
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._entries: Deque[_Entry] = deque()
        self._waiting: Dict[int, Target] = {}
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

    def put(self, target: Target, event: Outgoing) -> None:
        loop = self._loop
        assert loop is not None
        timeout = (event.timeout_ms or self._default_timeout_ms) / 1000
        self._entries.append((target, event, loop.time() + timeout))
        self._hand_over_soon(loop)

    def put_all(self, events: Sequence[Outgoing]) -> "asyncio.Future[List[Receipt]]":
        """Gives the receipts of all of them, in order."""
        loop = self._loop
        assert loop is not None
        batch, now, default = Batch(loop.create_future(), len(events)), loop.time(), self._default_timeout_ms
        ends = [now + (event[0][2] or default) / 1000 for event in events]
        self._entries.extend(zip(zip(repeat(batch), range(len(events))), events, ends))
        self._hand_over_soon(loop)
        return batch.future

    def _hand_over_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_scheduled and not self._is_blocked:
            self._is_scheduled = True
            loop.call_soon(self.hand_over)

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
        waiting, tokens = self._waiting, report.tokens
        targets = [waiting.pop(token, None) for token in tokens]
        receipts, first, last = report.receipts(), targets[0], targets[-1]
        if isinstance(first, tuple) and isinstance(last, tuple) and _is_run(first, last, len(targets)):
            first[0].put(first[1], receipts)
            return
        for target, receipt in zip(targets, receipts):
            if target is not None:
                _resolve(target, receipt)

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
            offer = self._engine_offer([event for _, event, _ in chunk])
            first = self._next_token
            self._next_token += len(chunk)
            self._waiting.update(zip(range(first, first + offer[0]), [entry[0] for entry in chunk]))
            if offer[1] is not None:
                self._on_refusal(chunk[offer[0] :], offer[1])
        if self._entries and not self._is_blocked and not self._is_scheduled:
            assert self._loop is not None
            self._is_scheduled = True
            self._loop.call_soon(self.hand_over)
        self._tell_if_empty()

    def fail_all(self, error: Error) -> None:
        """Ends every wait; after the system closed there will be no report."""
        entries, self._entries = self._entries, deque()
        waiting, self._waiting = self._waiting, {}
        for target, _, _ in entries:
            _resolve(target, refused(error))
        for target in waiting.values():
            _resolve(target, refused(error)._replace(outcome="unknown"))
        self._is_blocked = False
        self._tell_if_empty()

    def _engine_offer(self, events: Sequence[Outgoing]) -> Tuple[int, Optional[Error]]:
        try:
            return self._engine.publish(events, self._next_token)
        except Error as error:
            return 0, error

    def _next_chunk(self) -> List[_Entry]:
        take = self._entries.popleft
        chunk = [take() for _ in range(min(len(self._entries), EVENTS_PER_TURN))]
        return [entry for entry in chunk if not _is_given_up(entry[0])]

    def _on_refusal(self, rest: List[_Entry], error: Error) -> None:
        if isinstance(error, (Closed, Forked)):
            while self._entries:
                rest.append(self._entries.popleft())
            for target, _, _ in rest:
                _resolve(target, refused(error))
            return
        if isinstance(error, QueueFull) and self._waiting:
            self._is_blocked = True
            self._watch_expiry()
        else:
            # Nothing is in flight whose end could make room: the first event itself is the trouble.
            _resolve(rest.pop(0)[0], refused(error))
        self._entries.extendleft(reversed(rest))

    def _expire(self) -> None:
        """Ends the wait of events that found no room within their timeout."""
        self._is_expiring = False
        if not self._is_blocked:
            return
        assert self._loop is not None
        now = self._loop.time()
        late = [entry for entry in self._entries if entry[2] <= now]
        if late:
            self._entries = deque(entry for entry in self._entries if entry[2] > now)
            error = QueueFull(
                "the event found no room within its timeout and was not sent: too many events are in flight; "
                "publish slower, or raise publisher.maxInFlight"
            )
            for target, _, _ in late:
                _resolve(target, refused(error))
            self._tell_if_empty()
        self._watch_expiry()

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
