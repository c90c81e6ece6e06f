# SPDX-License-Identifier: MIT
"""support.py - a host program with a dashboard, and an HTTP client that holds every answer of the interface to
the OpenAPI document, whichever test asked."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
HOST = BUILD / "tests/evs_dashboard_host"
SECONDS = 40.0  # how long a state may take on a busy machine

sys.path.insert(0, str(ROOT / "tests/support"))

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                               "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def until(look: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Looks again until there is something, or fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"it did not come in {seconds} s: {seen!r}"
        time.sleep(0.05)
    return seen


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json()["code"]


class Contract:
    """The OpenAPI document: what each call may answer, and which calls were made."""

    def __init__(self) -> None:
        self.document = json.loads((ROOT / "dashboard/server/openapi.json").read_text())
        self.seen: set[tuple[str, str, str]] = set()
        self._paths = [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+?", re.escape(self.full(path)))), path)
                       for path in sorted(self.document["paths"], key=lambda path: ("{" in path, -len(path)))]

    def full(self, path: str) -> str:
        return path if "servers" in self.document["paths"][path] else "/api/v1" + path

    def operations(self) -> set[tuple[str, str]]:
        return {(method, path) for path, item in self.document["paths"].items()
                for method in item if method in ("get", "post", "patch")}

    def path_of(self, address: str) -> str | None:
        return next((path for pattern, path in self._paths if pattern.fullmatch(address)), None)

    def check(self, method: str, address: str, answer: Answer) -> None:
        path = self.path_of(urlsplit(address).path)
        operation = self.document["paths"].get(path, {}).get(method.lower()) if path else None
        if operation is None:
            return
        status = str(answer.status)
        assert status in operation["responses"], f"{method} {path} answered {status}, which is not declared: {answer.body[:300]!r}"
        self.seen.add((method.lower(), path, status))
        declared = operation["responses"][status]
        if "$ref" in declared:
            declared = self.document["components"]["responses"][declared["$ref"].rsplit("/", 1)[1]]
        for kind, media in declared.get("content", {}).items():
            if not kind.endswith("json"):
                continue
            assert answer.headers["content-type"] == kind, f"{method} {path}: {answer.headers['content-type']}"
            schema = {**media["schema"], "components": self.document["components"]}
            is_packed = answer.headers.get("content-encoding") == "gzip"
            text = gzip.decompress(answer.body) if is_packed else answer.body
            jsonschema.Draft202012Validator(schema).validate(json.loads(text))


CONTRACT = Contract()


class Client:
    """Calls one dashboard; `headers` go with each call."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.base = parts.hostname or "", parts.port or 80, parts.path.rstrip("/")
        self.headers = headers or {}

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """`path` is below the base path; header names are written with underscores."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, self.base + path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, {name.lower(): value for name, value in response.getheaders()},
                            response.read())
        finally:
            connection.close()
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers.get(name) == value, f"{method} {path}: {name} is {answer.headers.get(name)}"
        assert "access-control-allow-origin" not in answer.headers
        if method != "HEAD":
            CONTRACT.check(method, path, answer)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", "/api/v1" + path, **headers)

    def ok(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status == 200, answer.body
        return answer.json()

    def post(self, path: str, document: Any, method: str = "POST", **headers: str) -> Answer:
        headers.setdefault("Content_Type", "application/json")
        return self.call(method, "/api/v1" + path, json.dumps(document).encode(), **headers)

    def raw(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=SECONDS)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": "Bearer " + token}


def key_of(id: str) -> str:
    return base64.urlsafe_b64encode(id.encode()).decode().rstrip("=")


@dataclass
class Host:
    """with Host(config, options) as host: host.client, host.do("publish", type=…, body=…)"""

    config: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    is_killed: bool = False

    def __enter__(self) -> Host:
        self.process = subprocess.Popen((str(HOST), json.dumps(self.config), json.dumps(self.options)),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.process.wait(timeout=SECONDS)
            raise AssertionError("the host did not start")
        self.client = Client(self.url)
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            status = self.process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stdout
            self.process.stdout.close()
        if kind is None and not self.is_killed:
            assert status == 0, f"the host ended with {status}"

    def kill(self) -> None:
        self.is_killed = True
        self.process.kill()
        self.process.wait()

    def tell(self, what: str, **more: Any) -> None:
        """An order whose answer is taken later by `answer`."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def do(self, what: str, **more: Any) -> Any:
        self.tell(what, **more)
        return self.answer()

    def fail_all(self, message: str = "the handler failed", pattern: str = "order.*", group: str = "billing") -> None:
        """Every event of the pattern becomes a dead letter."""
        assert self.do("subscribe", options={"pattern": pattern, "group": group, "maxRetries": 0}, outcome="fail",
                       message=message) == {"status": "EVS_OK"}

    def dead_letters(self, *bodies: str, type: str = "order.paid", **more: Any) -> list[dict[str, Any]]:
        """Publishes, waits until all are dead, and gives their rows, the oldest first."""
        before = len(self.client.ok("/dlq/entries?limit=500")["items"])
        for body in bodies:
            assert self.do("publish", type=type, body=body, **more) == {"stored": 1}
        rows = until(lambda: len(found := self.client.ok("/dlq/entries?limit=500")["items"]) == before + len(bodies)
                     and found)
        return list(reversed(rows[: len(bodies)]))


TYPED = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
SCHEMAS = {"types": {"order.typed": {"1.0.0": TYPED, "1.1.0": {**TYPED, "title": "An order"}}}}


def redis_config(url: str, service: str = "shop", **more: Any) -> dict[str, Any]:
    return {"service": service, "transports": {"main": {"type": "redis-streams", "url": url}},
            "routing": {"routes": [{"name": "orders", "pattern": "order.*", "transports": ["main"]}]},
            "schemas": SCHEMAS, **more}


def file_config(path: Path, service: str = "shop") -> dict[str, Any]:
    return {"service": service, "transports": {"main": {"type": "file", "path": str(path)}},
            "routing": {"routes": [{"name": "orders", "pattern": "order.*", "transports": ["main"]}]},
            "schemas": SCHEMAS}


MEMORY = {"service": "shop", "transports": {"main": {"type": "memory"}}}
