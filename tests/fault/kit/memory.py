# SPDX-License-Identifier: MIT
"""memory.py - a server that has no memory left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .store import Store


@contextlib.contextmanager
def full_memory(store: Store, policy: str = "noeviction") -> Iterator[int]:
    """Within the block the server may use less than it uses already; gives how many bytes."""
    limit = int(store.info("memory")["used_memory"]) // 2
    store.ask("CONFIG", "SET", "maxmemory-policy", policy)
    store.ask("CONFIG", "SET", "maxmemory", limit)
    try:
        yield limit
    finally:
        store.ask("CONFIG", "SET", "maxmemory", 0)
