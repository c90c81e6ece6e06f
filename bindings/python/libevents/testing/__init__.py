# SPDX-License-Identifier: MIT
"""libevents.testing: what tests of programs that use libevents need. See docs/testing.md."""

from ._notes import Handled, Published
from .harness import MemoryHarness
from .sync_harness import SyncMemoryHarness

__all__ = ["Handled", "MemoryHarness", "Published", "SyncMemoryHarness"]
