# SPDX-License-Identifier: MIT
"""redis_server.py - a redis-server of a test's own: a free port of loopback, a temporary folder, stopped by
its process id. Speaks to it through redis-cli only, so that it needs no client library."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 20.0


class RedisServer:
    """with RedisServer() as server: server.url, server.cli("XLEN", key)"""

    def __init__(self, *options: str) -> None:
        self.options = options
        self.environment: dict[str, str] = {}  # more for the server's process, from its next start on
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> RedisServer:
        self.folder = tempfile.TemporaryDirectory(prefix="evs-redis-")
        try:
            for _ in range(5):
                self.port = free_port()
                if self._start():
                    return self
        except BaseException:
            self.__exit__()
            raise
        self.__exit__()
        raise RuntimeError("redis-server did not start")

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.folder.cleanup()

    def kill(self) -> None:
        """Ends the process by SIGKILL and keeps port and folder."""
        self.process.kill()
        self.process.wait()

    def again(self) -> None:
        """Starts it again on the same port and folder, and waits until it answers."""
        if not self._start():
            raise RuntimeError("redis-server did not start again")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def cli(self, *command: str) -> str:
        return subprocess.run(("redis-cli", "-p", str(self.port), *command), env=plain_environment(), check=True,
                              capture_output=True, text=True, timeout=120).stdout.strip()

    def _start(self) -> bool:
        command = ("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder.name,
                   "--save", "", "--appendonly", "no", *self.options)
        environment = {**plain_environment(), **self.environment}
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                # Another server could answer on this port; ours tells our child's process id.
                info = self.cli("INFO").replace("\r", "") + "\n"
                if f"process_id:{self.process.pid}\n" in info and "\nloading:0\n" in info:
                    return True
            except (OSError, subprocess.SubprocessError):
                pass
            time.sleep(0.02)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        return False


def plain_environment() -> dict[str, str]:
    """Without a sanitizer's run-time library, which is for our own code."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
