# SPDX-License-Identifier: MIT
"""Fixtures: a memory configuration, a Redis server of one's own, and waiting with a deadline."""

import asyncio
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# From the top of a checkout the folder libevents/ of the C library looks like a package without __init__.py.
_found = importlib.util.find_spec("libevents")
if _found is None or _found.origin is None:
    sys.path.insert(0, str(Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build")) / "python"))

DEADLINE = 60.0

# In an installed package its entry point does this.
from libevents.testing.pytest_plugin import events, pytest_configure, sync_events  # noqa: E402, F401


def memory_config(**more):
    return {"service": "shop", "transports": {"main": {"type": "memory"}}, **more}


async def eventually(condition, seconds=DEADLINE):
    """Waits until the condition holds, letting the loop run meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        await asyncio.sleep(0.005)


def eventually_sync(condition, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.005)


def run_script(source, *arguments, timeout=300, env=None, **options):
    """Runs Python source in a process of its own that can import libevents."""
    import libevents

    package = str(Path(libevents.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": package, "PYTHONUNBUFFERED": "1", **(env or {})}
    return subprocess.run(
        [sys.executable, "-c", source, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        **options,
    )


@pytest.fixture
def config():
    return memory_config()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """A redis-server on a free port, in a temporary folder, stopped by its process id."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("redis-server is not installed: apt-get install redis-server")
    folder = tmp_path_factory.mktemp("redis")
    port = _free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""],
        stdout=(folder / "log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        eventually_sync(lambda: _answers(port) or server.poll() is not None)
        assert server.poll() is None, (folder / "log").read_text()
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def redis_config(redis_url):
    """A configuration whose service, and so its group and its topics, no other test has."""
    service = "t" + uuid.uuid4().hex[:12]
    transport = {"type": "redis-streams", "url": redis_url}
    retry = {"baseDelay": 10, "maxDelay": 50, "jitter": 0}
    return {"service": service, "transports": {"main": transport}, "consumer": {"retry": retry}}
