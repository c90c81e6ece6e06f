# SPDX-License-Identifier: MIT
"""hostile_test.py - what a client may send: malformed, oversized, slow, silent, many, and in the wrong way."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support import MEMORY, SECURITY_HEADERS, Client, Host, until

CLOSED = b""


@pytest.fixture(scope="module")
def plain() -> Iterator[Host]:
    with Host(MEMORY) as host:
        yield host


def answer_to(client: Client, data: bytes) -> bytes:
    """Everything the server says before it closes."""
    with client.raw() as peer:
        peer.sendall(data)
        parts = []
        try:
            while part := peer.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass  # it closed before it had read everything
    return b"".join(parts)


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", "")).encode()


def has_security_headers(answer: bytes) -> bool:
    lines = answer.split(b"\r\n\r\n")[0].decode().lower()
    return all(f"{name}: {value.lower()}" in lines for name, value in SECURITY_HEADERS.items())


@pytest.mark.parametrize("data", [
    b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 3000 + b"\r\n",
    head("POST", "/api/v1/routes:trace", "Content-Type: application/json", "Content-Length: -1"),
    head("POST", "/api/v1/routes:trace", "Content-Type: application/json", "Content-Length: x")], ids=range(10))
def test_a_malformed_request_is_refused_and_the_server_lives(plain: Host, data: bytes) -> None:
    answer = answer_to(plain.client, data)
    assert answer == CLOSED or (answer.split(b" ")[1][:1] == b"4" and has_security_headers(answer)) or \
        answer.split(b" ")[1][:1] == b"5", answer[:200]
    assert plain.client.get("/session").status == 200


def test_a_client_is_told_how_long_its_connection_is_kept(plain: Host) -> None:
    assert re.search(rb"\r\nKeep-Alive: timeout=\d+\r\n", answer_to(plain.client, head("GET", "/api/v1/session")))
    answer = answer_to(plain.client, head("GET", "/api/v1/session", "Connection: close"))
    assert b"Keep-Alive:" not in answer and b"\r\nConnection: close\r\n" in answer


def test_an_upgrade_is_refused(plain: Host) -> None:
    for headers in (("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
                    ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__")):
        answer = answer_to(plain.client, head("GET", "/", *headers))
        assert answer.startswith(b"HTTP/1.1 400") and b"no_upgrade" in answer and has_security_headers(answer)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "POST"])
def test_other_methods_are_refused(plain: Host, method: str) -> None:
    answer = plain.client.call(method, "/api/v1/session")
    assert answer.status in (400, 405, 501), answer.body
    preflight = plain.client.call("OPTIONS", "/api/v1/groups/g:pause", Origin="http://evil.example",
                                  Access_Control_Request_Method="POST")
    assert preflight.status == 405 and not any(name.startswith("access-control") for name in preflight.headers)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../index.html", "/%00.", "//",
                                  "/assets/%2e%2e%2findex.html", "/api/v1/../../etc/passwd", "/api/v1/publishers/%ff",
                                  "/api/v1/publishers/a%00b", "/assets/", "/.git/config", "/api/v1"])
def test_no_path_leads_to_a_file(plain: Host, path: str) -> None:
    answer = plain.client.call("GET", path)
    assert answer.status in (400, 404), answer.body
    assert b"root:" not in answer.body


def test_a_page_that_does_not_exist_says_so(plain: Host) -> None:
    page = plain.client.call("GET", "/no/such/page", Accept="text/html")
    assert page.status == 404 and page.headers["content-type"].startswith("text/html")
    assert plain.client.call("GET", "/", Accept="text/html").status == 200
    assert plain.client.call("HEAD", "/").body == b""


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"a":1,"a":2}', b'{"type":"\xff"}', b'{"type":"a\\u0000b"}',
                                  b"[" * 100000, b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"type":7}', b'{"typ":"x"}'], ids=range(12))
def test_a_malformed_body_is_refused(plain: Host, body: bytes) -> None:
    answer = plain.client.call("POST", "/api/v1/routes:trace", body, Content_Type="application/json")
    assert answer.status == 400, answer.body


def test_a_body_of_unknown_length_is_counted(plain: Host) -> None:
    chunk = b'{"type":"' + b"x" * 65536
    request = head("POST", "/api/v1/routes:trace", "Content-Type: application/json", "Transfer-Encoding: chunked")
    with plain.client.raw() as peer:
        peer.sendall(request)
        try:
            for _ in range(64):  # 4 MiB, four times the bound
                peer.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            answer = peer.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            answer = b"HTTP/1.1 413"
    assert answer.startswith(b"HTTP/1.1 413"), answer[:100]
    small = request + b"16\r\n{\"type\":\"order.paid\"\n\n\r\n1\r\n}\r\n0\r\n\r\n"
    with plain.client.raw() as peer:
        peer.sendall(small)
        answer = read_answer(peer)
    assert answer.startswith(b"HTTP/1.1 200") and b'"order.paid"' in answer


def test_a_body_that_is_too_large_is_refused_before_it_is_read(plain: Host) -> None:
    request = head("POST", "/api/v1/routes:trace", "Content-Type: application/json", "Content-Length: 99999999999")
    with plain.client.raw() as peer:
        peer.sendall(request)
        assert peer.recv(65536).startswith(b"HTTP/1.1 413")
    assert plain.client.get("/session").status == 200


def test_a_refused_body_is_not_taken_for_the_next_request(plain: Host) -> None:
    inner = head("GET", "/api/v1/about")
    request = head("POST", "/api/v1/groups/g:pause", "Content-Type: text/plain", f"Content-Length: {len(inner)}")
    answer = answer_to(plain.client, request + inner)
    assert answer.startswith(b"HTTP/1.1 415") and answer.count(b"HTTP/1.1") == 1


def test_silent_and_slow_clients_are_let_go() -> None:
    with Host(MEMORY, {"threads": 8}) as host, ExitStack() as stack:
        silent = [stack.enter_context(host.client.raw()) for _ in range(8)]
        for peer in silent[:4]:
            peer.sendall(b"GET /api/v1/session HTTP/1.1\r\nHos")
        # All threads are taken; each client has a limited time, then others are served.
        assert until(lambda: answers(host.client))


def answers(client: Client) -> bool:
    try:
        return client.call("GET", "/healthz").status == 200
    except (OSError, TimeoutError):
        return False


def test_sixty_kept_connections_are_all_answered(plain: Host) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(plain.client.raw()) for _ in range(60)]
        for _ in range(3):
            for peer in peers:
                peer.sendall(head("GET", "/api/v1/overview"))
            for peer in peers:
                assert read_answer(peer).startswith(b"HTTP/1.1 200")
        assert plain.client.get("/about").json()["own"]["threadsInUse"] >= 60
        assert plain.client.call("GET", "/healthz").status == 200


def read_answer(peer: socket.socket) -> bytes:
    """One answer of a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    header, _, body = data.partition(b"\r\n\r\n")
    length = int(next(line for line in header.split(b"\r\n") if line.lower().startswith(b"content-length")).split(b":")[1])
    while len(body) < length:
        body += peer.recv(65536)
    return header + b"\r\n\r\n" + body


def test_an_unchanged_answer_is_not_sent_again(plain: Host) -> None:
    for path in ("/session", "/overview", "/publishers", "/groups", "/routes", "/openapi.json"):
        first = plain.client.get(path)
        again = plain.client.get(path, If_None_Match=first.headers["etag"])
        assert (again.status, again.body) == (304, b""), path
        assert plain.client.get(path, If_None_Match='"other"').status == 200


def test_what_is_large_is_sent_packed_to_those_who_can(plain: Host) -> None:
    packed = plain.client.get("/openapi.json", Accept_Encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip" and len(packed.body) < len(plain.client.get("/openapi.json").body) / 3


def test_the_base_path_is_all_there_is() -> None:
    with Host(MEMORY, {"basePath": "/a/b"}) as host:
        assert host.url.endswith("/a/b/") and host.client.get("/session").status == 200
        root = Client(host.url[:-4])
        assert root.call("GET", "/").status == 404 and root.call("GET", "/a/bc/").status == 404
        moved = root.call("GET", "/a/b")
        assert (moved.status, moved.headers["location"]) == (308, "/a/b/")
        assert b"/a/b/api/v1" in host.client.call("GET", "/").body or b'"/a/b/' in host.client.call("GET", "/").body


def test_the_metrics_are_prometheus_text(plain: Host) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    plain.do("publish", type="order.paid", body="1")
    answer = plain.client.call("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    assert families["libevents_published"].samples[0].value >= 1
    assert families["libevents_dashboard_requests"].samples[0].value >= 1
    assert {family.type for family in families.values()} <= {"counter", "gauge", "summary", "histogram"}
