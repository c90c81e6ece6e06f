# SPDX-License-Identifier: MIT
"""What both harnesses tell of what went through their system, and the failures that they are given; none of it waits."""

from typing import Any, List, Optional

from ._notes import Handled, Notes, Published


class Recorded:
    """What was published and handled, and what is to fail next."""

    _notes: Notes

    def published(self, pattern: str = "*", *, outcome: Optional[str] = None) -> List[Published]:
        """What came to the transports, in order; `outcome`: "stored", "refused" or "unknown"."""
        return self._notes.published(pattern, outcome)

    def handled(self, pattern: str = "*", *, outcome: Optional[str] = None) -> List[Handled]:
        """Runs of handlers, in the order of their end; `outcome`: "done", "failed", "rejected" or "later"."""
        return self._notes.handled(pattern, outcome)

    def fail_publish(
        self, pattern: str = "*", *, outcome: str = "refused", times: int = 1, transport: Optional[str] = None
    ) -> None:
        """The next so many events that match do not get through.

        outcome: "refused" (for good), "unreachable" or "full" (tried again), "unknown" (not stored, and nobody
        knows), "lost" (stored, and nobody knows).
        """
        self._notes.fail(outcome, pattern, times, transport)

    def fail_handling(self, pattern: str = "*", *, outcome: str = "failed", times: int = 1) -> None:
        """The next so many handlers of events that match have run, and yet it was for nothing.

        outcome: "failed" (the attempt failed, behind what it did), "crashed" (its process ended before the event was
        acknowledged: it comes again, `attempt` as before, `deliveries` one more).
        """
        self._notes.fail_handling(outcome, pattern, times)

    def assert_published(
        self, pattern: str, body: Any = ..., *, times: Optional[int] = None, outcome: Optional[str] = "stored"
    ) -> List[Published]:
        """AssertionError, with all that was published, unless so many (or any) are as described."""
        return self._notes.assert_published(pattern, body, times, outcome)

    def assert_handled(
        self, pattern: str, body: Any = ..., *, times: Optional[int] = None, outcome: Optional[str] = "done"
    ) -> List[Handled]:
        """AssertionError, with all that was handled, unless so many (or any) are as described."""
        return self._notes.assert_handled(pattern, body, times, outcome)
