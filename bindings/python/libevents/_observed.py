# SPDX-License-Identifier: MIT
"""What both faces tell about their system; all of it is local and never waits."""

from typing import Any, Dict, List, NamedTuple

from ._engine import Engine


class Health(NamedTuple):
    """For probes: does the system live, and can events come and go?"""

    live: bool  #: the I/O thread has its pulse
    ready: bool  #: connected and subscribed; not from the beginning of a drain or close
    reasons: List[str]  #: why not


class Observed:
    """Statistics, status and health of a system."""

    _engine: Engine

    def stats(self) -> Dict[str, Any]:
        """One consistent snapshot of all counters (docs/statistics.md)."""
        return self._engine.stats()

    def metrics(self) -> str:
        """The same numbers as Prometheus text."""
        return self._engine.metrics()

    def status(self) -> Dict[str, Any]:
        """{connected, healthy, live, ready, reasons, state, transports} (docs/statistics.md#status-and-health)."""
        return self._engine.status()

    def health(self) -> Health:
        """Is it live and ready, and why not? A closed system is neither."""
        if not self._engine.is_open:
            return Health(False, False, ["the system is closed"])
        status = self._engine.status()
        return Health(status["live"], status["ready"], status["reasons"])

    def is_connected(self) -> bool:
        """Are all transports connected?"""
        return bool(self._engine.status().get("connected"))
