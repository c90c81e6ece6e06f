# SPDX-License-Identifier: MIT
"""conftest.py - a Redis of each test's own module, empty for each test, and hosts over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import support
from redis_server import RedisServer
from support import Host


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(server: RedisServer) -> RedisServer:
    server.cli("FLUSHALL")
    return server


@pytest.fixture
def start(redis: RedisServer) -> Iterator[Any]:
    """start(options, service) begins a host over the Redis; it ends with the test."""
    with ExitStack() as stack:
        yield lambda options=None, **more: stack.enter_context(
            Host(support.redis_config(redis.url, **more), options or {}))


@pytest.fixture
def host(start: Any) -> Host:
    return start()


@pytest.fixture(params=("redis", "file"))
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """A host over each kind of store that keeps what it has."""
    if request.param == "redis":
        yield request.getfixturevalue("host")
        return
    with Host(support.file_config(tmp_path / "events.db")) as host:
        yield host


@pytest.fixture
def memory() -> Iterator[Host]:
    with Host(support.MEMORY) as host:
        yield host


@pytest.fixture(scope="module")
def standing(server: RedisServer) -> Iterator[Host]:
    """One host for all tests of a module that only ask."""
    with Host(support.redis_config(server.url)) as host:
        yield host
