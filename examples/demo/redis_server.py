# SPDX-License-Identifier: MIT
"""A redis-server of the demo's own: on a free port of loopback, in a folder of its own, kept in memory."""

import os
import socket
import time

import store

START_SECONDS = 10.0
PORTS_TRIED = 5


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(children, folder):
    """Starts the server and returns its URL once it answers."""
    os.makedirs(folder, exist_ok=True)
    for _ in range(PORTS_TRIED):
        port = free_port()
        child = children.start("redis", _command(port), cwd=folder)
        if _is_ready(child, port):
            return "redis://127.0.0.1:%d" % port
        children.stop("redis")  # somebody else took the port in between
    raise SystemExit("demo: redis-server did not start; see %s" % children.log("redis"))


def _command(port):
    return [
        "redis-server",
        *("--port", str(port), "--bind", "127.0.0.1"),
        *("--save", "", "--appendonly", "no", "--daemonize", "no"),
    ]


def _is_ready(child, port):
    until = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < until:
        try:
            with store.Server("redis://127.0.0.1:%d" % port, timeout=1.0) as server:
                # Another server may answer on this port; ours tells our child's process id.
                return "process_id:%d\r\n" % child.pid in server.call("INFO", "server")
        except (OSError, store.ServerError):
            time.sleep(0.02)
    return False
