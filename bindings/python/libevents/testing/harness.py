# SPDX-License-Identifier: MIT
"""MemoryHarness: an `EventSystem` on memory whose clock stands still until the test moves it.

Everything that is due at an instant runs to its end, handlers too, before the clock goes on: batches, retries,
rate limits and handler timeouts happen at their exact time, without waiting.
"""

import asyncio
import functools
import heapq
import inspect
import itertools
import json
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

from .._encode import milliseconds
from ..aio import EventSystem
from ..errors import RetryLater
from ..message import Message, Metadata, Receipt
from ._idempotence import Snapshot, Twice
from ._notes import Notes, rehearsal_of
from ._recorded import Recorded

_QUIET_TURNS = 3
_LOOK_SECONDS = 0.001


class MemoryHarness(Recorded):
    """An `EventSystem` (`system`) on memory, its clock in the test's hands, and what went through it.

    `config` is as for `EventSystem`; every transport must be of type memory. `patience`: seconds of the real
    world that are given to handlers that wait for something else than this clock, before it moves on.
    """

    def __init__(
        self, config: Optional[Mapping[str, Any]] = None, *, patience: float = 0.05, **options: Any
    ) -> None:
        self.system = EventSystem(rehearsal_of(config), **options)
        self._patience = patience
        self._turn = self.system._turn
        self._notes = Notes(self.system._engine, self.system._normalized)
        self._turn.observer = self._notes.observe
        self._turn.mishap = self._notes.mishap
        self._sleepers: "List[Tuple[int, int, asyncio.Future[None]]]" = []
        self._numbers = itertools.count()
        self._asleep: "Set[asyncio.Task[Any]]" = set()
        self._began: "Dict[asyncio.Task[Any], int]" = {}
        self._stuck: "Set[asyncio.Task[Any]]" = set()
        self._is_moving = False
        self._moves = 0

    async def __aenter__(self) -> "MemoryHarness":
        await self.system.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the system; handlers that hang are cancelled."""
        for _, _, future in self._sleepers:
            future.cancel()
        await self.system.close(deadline=0)

    # ---- time ---------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds that the clock has gone since the harness was made."""
        return self._notes.now_ms / 1000

    async def settle(self) -> None:
        """Runs all that is due now, and what follows from it; the clock stands still."""
        await self._connect()
        before, first = None, self._notes.count()
        while before != self._done():
            before = self._done()
            await self._move(0)
            await self._rest(first)

    async def advance(self, seconds: float) -> None:
        """Moves the clock, stopping wherever something is due, and lets it happen."""
        if self._is_moving:
            raise RuntimeError("the clock is being moved already: await one advance() before the next")
        self._is_moving = True
        try:
            await self._advance(milliseconds(seconds, "seconds"))
        finally:
            self._is_moving = False

    async def _advance(self, ms: int) -> None:
        await self.settle()
        until = self._notes.now_ms + ms
        while self._notes.now_ms < until:
            await self._move(self._notes.step(until, [due for due, _, _ in self._sleepers[:1]]))
            self._wake_sleepers()
            self._end_late_handlers()
            await self.settle()

    async def sleep(self, seconds: float) -> None:
        """As `asyncio.sleep`, by this clock: for handlers and fakes that take their time."""
        due = self._notes.now_ms + milliseconds(seconds, "seconds")
        future: "asyncio.Future[None]" = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, next(self._numbers), future))
        task = asyncio.current_task()
        if task is not None:
            self._asleep.add(task)
        try:
            await future
        finally:
            if task is not None:
                self._asleep.discard(task)

    async def _connect(self) -> None:
        if not self.system.is_connected():
            await self.system.connect()

    def _done(self) -> Tuple[int, int]:
        """What the program has done so far: handlers that ended, and what it asked of the library."""
        return self._notes.count(), self.system._outbox.taken - self._moves

    async def _move(self, ms: int) -> None:
        self._moves += 1
        self._notes.moves(ms)
        self._notes.moved(json.loads(await self.system._ask("testing.advance", {"ms": ms}, None)))

    def _wake_sleepers(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._notes.now_ms:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    def _end_late_handlers(self) -> None:
        """Their time is up by this clock: the library has counted the attempt as failed just now."""
        for task, limit in self._turn.running().items():
            if limit and self._notes.now_ms >= self._began.get(task, self._notes.now_ms) + limit:
                self._turn.time_out(task)

    async def _rest(self, first: int) -> None:
        """Waits until nothing goes on any more unless the clock does; `first`: handlers that had ended before."""
        began, quiet = time.monotonic(), 0
        while quiet < _QUIET_TURNS:
            self._notes.check_end(first)
            before = self._done(), len(self._turn.running())
            await asyncio.sleep(0)
            running = self._note_running()
            if (self._done(), len(self._turn.running())) != before or not self._turn.is_at_rest():
                began, quiet = time.monotonic(), 0
            elif running <= self._asleep | self._stuck:
                quiet += 1
            elif time.monotonic() - began > self._patience:
                self._stuck |= running
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    def _note_running(self) -> "Set[asyncio.Task[Any]]":
        running = {*self._turn.running(), *self._turn.batches}
        self._began = {task: self._began.get(task, self._notes.now_ms) for task in running}
        self._stuck &= running
        return running

    # ---- what went through it -----------------------------------------------------------------------

    async def publish(self, type: str, body: Any = None, **options: Any) -> Receipt:
        """`system.publish`, then `settle`. Where it waits for the clock (batches, rate limits), use
        `system.publish` in a task, and `advance`."""
        await self._connect()
        receipt = await self.system.publish(type, body, **options)
        await self.settle()
        return receipt

    async def assert_idempotent(
        self,
        handler: Callable[[Message, Metadata], Any],
        type: str,
        body: Any = None,
        *,
        snapshot: Optional[Snapshot] = None,
        **options: Any,
    ) -> None:
        """Publishes the event, delivers it twice, and compares what the handler left behind after each.

        `snapshot()` gives what it may change, as plain values; events that it publishes are compared without.
        AssertionError says what the second delivery changed. An error of the handler is raised.
        """
        twice = Twice(self._notes, snapshot)
        failures: List[BaseException] = []

        @functools.wraps(handler)
        async def delivered(message: Message, metadata: Metadata) -> None:
            try:
                result = handler(message, metadata)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                failures.append(error)
                return
            twice.look()
            if len(twice.looks) < 2:
                raise RetryLater(0)

        await self._connect()
        subscription = await self.system.subscribe(type, delivered, group="assert-idempotent")
        await self.publish(type, body, **options)
        await self.advance(_LOOK_SECONDS)
        await subscription.unsubscribe()
        if failures:
            raise failures[0]
        twice.judge(type)
