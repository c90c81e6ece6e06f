# SPDX-License-Identifier: MIT
"""pages.py - how long a dashboard takes to stop while twenty clients hang on to it, one of which reads nothing."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import libevents

CLIENTS, UNREAD = 20, 100  # answers that nobody reads: more than a socket's buffers hold
STOP_SECONDS = 3


def seconds_to_stop() -> float:
    config = {"service": "pages", "transports": {"main": {"type": "memory"}}}
    with libevents.SyncEventSystem(config) as system, ExitStack() as stack:
        dashboard = system.start_dashboard()
        where = urlsplit(dashboard.url)
        clients = [stack.enter_context(socket.create_connection((where.hostname, where.port))) for _ in range(CLIENTS)]
        for client in clients[1:]:
            client.sendall(f"GET {where.path}api/v1/overview HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
            assert client.recv(12) == b"HTTP/1.1 200"
        clients[0].sendall(f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode() * UNREAD)
        begun = time.monotonic()
        dashboard.stop()
        return time.monotonic() - begun
