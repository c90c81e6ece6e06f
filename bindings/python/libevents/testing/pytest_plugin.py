# SPDX-License-Identifier: MIT
"""Fixtures for pytest: `events` (asyncio) and `sync_events`, a harness for each test.

`@pytest.mark.libevents(config={…}, patience=0.05)` says with which configuration; both are closed when the test
has ended.
"""

from typing import Any, Dict, Iterator

import pytest

from .harness import MemoryHarness
from .sync_harness import SyncMemoryHarness


def pytest_configure(config: Any) -> None:
    config.addinivalue_line(
        "markers", "libevents(config=None, **options): how the fixtures `events` and `sync_events` are made"
    )


def _options(request: Any) -> Dict[str, Any]:
    marker = request.node.get_closest_marker("libevents")
    return dict(marker.kwargs) if marker is not None else {}


@pytest.fixture
def events(request: Any) -> Iterator[MemoryHarness]:
    """A MemoryHarness; connects by itself when it is first used."""
    harness = MemoryHarness(**_options(request))
    yield harness
    # The test's loop may be closed by now.
    harness.system._engine.release()


@pytest.fixture
def sync_events(request: Any) -> Iterator[SyncMemoryHarness]:
    """A SyncMemoryHarness; connects by itself when it is first used."""
    harness = SyncMemoryHarness(**_options(request))
    yield harness
    harness.close()
