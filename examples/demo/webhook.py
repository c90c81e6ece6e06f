#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real HTTP server on loopback with a bad start: it refuses connections, then answers 503, then 200.

Its port is bound but not listened on at first, so that connections are refused by the kernel and nobody
else can take the port. The time counts from the first byte on standard input. It writes what it answered
to webhook.jsonl and knows nothing of the library.
"""

import os
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ledger
import program
import settings

MAX_BODY = 1 << 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self):
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > MAX_BODY:
            self.close_connection = True
            return self._answer(411 if not size else 413)
        self.rfile.read(int(size))
        return self._answer(200 if self.server.healthy() else 503)

    def _answer(self, status):
        # The record comes first: what the caller was told is then always in the ledger.
        self.server.records.write(id=self.headers.get("X-Event-Id"), status=status)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Webhook(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder, seconds_503):
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()
        self.records = ledger.Ledger(os.path.join(folder, "webhook.jsonl"))
        self._folder = folder
        self._seconds_503 = seconds_503
        self._healthy_at = None

    def server_bind(self):
        # Not that of http.server, which looks the host's name up: without a resolver that takes seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def url(self):
        return "http://127.0.0.1:%d/" % self.server_port

    def tell(self, phase):
        ledger.write_state(self._folder, "webhook", url=self.url(), phase=phase)

    def listen(self):
        self.server_activate()
        self.records.write(event="listening")
        self._healthy_at = time.monotonic() + self._seconds_503
        self.tell("503")

    def healthy(self):
        return time.monotonic() >= self._healthy_at

    def service_actions(self):
        """Called by serve_forever() twice a second."""
        if self._healthy_at is not None and self.healthy():
            self.tell("up")
            self.service_actions = lambda: None


def wait_for_end_of_input(webhook):
    while sys.stdin.buffer.read1(4096):
        pass
    webhook.shutdown()


def main():
    arguments = program.parse_arguments(
        "A webhook that is down at first.",
        ("--refuses", {"type": float, "default": settings.WEBHOOK_REFUSES_SECONDS}),
        ("--unavailable", {"type": float, "default": settings.WEBHOOK_503_SECONDS}),
    )
    webhook = Webhook(arguments.dir, arguments.unavailable)
    webhook.tell("refuses")
    if not sys.stdin.buffer.read1(1):
        return
    time.sleep(arguments.refuses)
    webhook.listen()
    threading.Thread(target=wait_for_end_of_input, args=(webhook,), daemon=True).start()
    webhook.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
