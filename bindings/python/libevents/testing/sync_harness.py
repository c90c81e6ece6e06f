# SPDX-License-Identifier: MIT
"""SyncMemoryHarness: as `MemoryHarness`, around a `SyncEventSystem`, whose handlers run on threads."""

import functools
import threading
import time
from typing import Any, Callable, List, Mapping, Optional, Tuple

from .._encode import milliseconds
from ..errors import RetryLater
from ..message import Message, Metadata, Receipt
from ..sync import SyncEventSystem
from ._idempotence import Snapshot, Twice
from ._notes import Notes, rehearsal_of
from ._recorded import Recorded

_QUIET_ROUNDS = 2
_LOOK_SECONDS = 0.001


class SyncMemoryHarness(Recorded):
    """A `SyncEventSystem` (`system`) on memory, its clock in the test's hands, and what went through it.

    One thread, the test's, moves the clock. See `MemoryHarness` for `config`, `patience` and what the methods do.
    """

    def __init__(
        self, config: Optional[Mapping[str, Any]] = None, *, patience: float = 0.05, **options: Any
    ) -> None:
        self.system = SyncEventSystem(rehearsal_of(config), **options)
        self._patience = patience
        self._pump = self.system._pump
        self._notes = Notes(self.system._engine, self.system._normalized)
        self._pump.observer = self._notes.observe
        self._pump.mishap = self._notes.mishap
        self._lock = threading.Lock()
        self._sleepers: List[Tuple[int, threading.Event]] = []

    def __enter__(self) -> "SyncMemoryHarness":
        self.system.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the system."""
        for _, event in self._sleepers:
            event.set()
        self.system.close(deadline=0)

    # ---- time ---------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds that the clock has gone since the harness was made."""
        return self._notes.now_ms / 1000

    def settle(self) -> None:
        """Runs all that is due now, and what follows from it; the clock stands still."""
        quiet, first = 0, self._notes.count()
        self._connect()
        # What is taken together with the answer begins to be handled before the answer after that.
        while quiet < _QUIET_ROUNDS:
            before = self._notes.count()
            self._move(0)
            was_busy = self._rest(first)
            quiet = 0 if was_busy or self._notes.count() != before else quiet + 1

    def advance(self, seconds: float) -> None:
        """Moves the clock, stopping wherever something is due, and lets it happen."""
        self.settle()
        until = self._notes.now_ms + milliseconds(seconds, "seconds")
        while self._notes.now_ms < until:
            with self._lock:
                sleepers = [due for due, _ in self._sleepers]
            self._move(self._notes.step(until, sleepers))
            self._wake_sleepers()
            self.settle()

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`, by this clock: for handlers and fakes that take their time."""
        due, event = self._notes.now_ms + milliseconds(seconds, "seconds"), threading.Event()
        with self._lock:
            self._sleepers.append((due, event))
        event.wait()

    def _connect(self) -> None:
        if not self.system.is_connected():
            self.system.connect()

    def _move(self, ms: int) -> None:
        self._notes.moves(ms)
        self._notes.moved(self.system._engine.call("testing.advance", {"ms": ms}))
        self.system._ask("ready", {}, None)  # the pump has come round

    def _wake_sleepers(self) -> None:
        with self._lock:
            due = [each for each in self._sleepers if each[0] <= self._notes.now_ms]
            self._sleepers = [each for each in self._sleepers if each not in due]
        for _, event in due:
            event.set()

    def _rest(self, first: int) -> bool:
        """Waits until no handler goes on unless the clock does; True where some did."""
        began, was_busy = time.monotonic(), False
        while self._pump.workers.busy() > len(self._sleepers):
            if time.monotonic() - began > self._patience:
                return False
            was_busy = True
            self._notes.check_end(first)
            time.sleep(_LOOK_SECONDS)
        return was_busy

    # ---- what went through it -----------------------------------------------------------------------

    def publish(self, type: str, body: Any = None, **options: Any) -> Receipt:
        """`system.publish`, then `settle`."""
        self._connect()
        receipt = self.system.publish(type, body, **options)
        self.settle()
        return receipt

    def assert_idempotent(
        self,
        handler: Callable[[Message, Metadata], Any],
        type: str,
        body: Any = None,
        *,
        snapshot: Optional[Snapshot] = None,
        **options: Any,
    ) -> None:
        twice = Twice(self._notes, snapshot)
        failures: List[BaseException] = []

        @functools.wraps(handler)
        def delivered(message: Message, metadata: Metadata) -> None:
            try:
                handler(message, metadata)
            except Exception as error:
                failures.append(error)
                return
            twice.look()
            if len(twice.looks) < 2:
                raise RetryLater(0)

        self._connect()
        subscription = self.system.subscribe(type, delivered, group="assert-idempotent")
        self.publish(type, body, **options)
        self.advance(_LOOK_SECONDS)
        subscription.unsubscribe()
        if failures:
            raise failures[0]
        twice.judge(type)
