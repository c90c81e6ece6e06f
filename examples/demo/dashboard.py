# SPDX-License-Identifier: MIT
"""The demo's dashboard: `events serve` as a program of its own, and requeueing through its REST interface."""

import json
import os
import secrets
import time
import urllib.error
import urllib.request

START_SECONDS = 20.0
CALL_SECONDS = 10.0
POLL_SECONDS = 0.2
ENDED = ("done", "failed", "aborted")


class DashboardError(Exception):
    """It did not start, or refused a call; the message says why."""


class Dashboard:
    """The address and, where others than this machine reach it, what they sign in with."""

    def __init__(self, url, token=None):
        self.url = url
        self.token = token

    def sign_in(self):
        """What to say beside the address."""
        if self.token is None:
            return "open to this machine"
        return "user demo, password %s (also as a bearer token)" % self.token

    def requeue_all(self, seconds):
        """Requeues all dead letters; returns the operation once it has ended."""
        operation = self._call("operations", {"kind": "requeue", "scope": {"filter": {}}})
        until = time.monotonic() + seconds
        while operation["state"] not in ENDED:
            if time.monotonic() > until:
                raise DashboardError("the requeue did not end within %d s: %s" % (seconds, json.dumps(operation)))
            time.sleep(POLL_SECONDS)
            operation = self._call("operations/" + operation["id"])
        return operation

    def _call(self, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = "Bearer " + self.token
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + "api/v1/" + path, content, headers)
        try:
            with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise DashboardError("%s: %s" % (path, error.read().decode("utf-8", "replace"))) from error


def start(children, folder, source, listen=None):
    """Serves what `source` names, a store (--redis URL) or a configuration (--config FILE), on a free port: on
    loopback for anybody, on `listen` for who has the token."""
    token = None if listen is None else secrets.token_urlsafe(18)
    options = {"environment": {"name": "demo", "color": "#2a8f5b"}}
    if token is not None:
        options["auth"] = {
            "users": [{"name": "demo", "password": token, "role": "admin"}],
            "tokens": [{"name": "demo-token", "token": token, "role": "admin"}],
        }
        options["allowInsecure"] = True  # the demo has no certificate; its store ends with it
    path = os.path.join(folder, "dashboard.json")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        json.dump(options, file)
    command = ["events", *source, "serve", "--listen", listen or "127.0.0.1", "--port", "0"]
    child = children.start("dashboard", [*command, "--dashboard", path])
    return Dashboard(_address(children, child), token)


def _address(children, child):
    """Its first line, as it is in the log."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and child.poll() is None:
        with open(children.log("dashboard"), encoding="utf-8") as file:
            for line in file:
                if line.startswith("http") and line.endswith("/\n"):
                    return line.strip()
        time.sleep(POLL_SECONDS)
    children.check()
    raise DashboardError("the dashboard did not start; see %s" % children.log("dashboard"))
