# SPDX-License-Identifier: MIT
"""access_test.py - who may call, from where, and what for."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess

import pytest
from support import HOST, MEMORY, Client, Host, basic, bearer, key_of

TOKEN = "a-token-that-is-long-enough"
USERS = [{"name": "ana", "password": "correct horse", "role": "operator"},
         {"name": "eve", "password": "viewer pass", "role": "viewer"},
         {"name": "arc", "password": "archive pass", "permissions": ["view", "dlq.archive"]},
         {"name": "root", "password": "admin password", "role": "admin"}]
AUTH = {"auth": {"users": USERS, "tokens": [{"name": "ci", "token": TOKEN, "role": "viewer"}]}}
SALT = b"0123456789abcdef"


def password_hash(password: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, 20000)
    return f"pbkdf2-sha256$20000${base64.b64encode(SALT).decode()}${base64.b64encode(digest).decode()}"


@pytest.fixture(scope="module")
def guarded():
    with Host(MEMORY, AUTH) as host:
        yield host


@pytest.fixture(scope="module")
def proxied():
    with Host(MEMORY, AUTH | {"behindProxy": True}) as host:
        host.attempts = 0
        yield host


@pytest.fixture(scope="module")
def plain():
    with Host(MEMORY, {"allowedHosts": ["ops.example.org"]}) as host:
        yield host


def as_user(host: Host, name: str, password: str) -> Client:
    return Client(host.url, basic(name, password))


def test_without_credentials_only_health_is_answered(guarded: Host) -> None:
    for path in ("/", "/publishers", "/assets/x.js", "/api/v1/session", "/api/v1/openapi.json", "/metrics", "/nothing",
                 "/api/v1/nothing"):
        answer = guarded.client.call("GET", path)
        assert answer.status == 401, path
        assert b"0.1.0" not in answer.body and "server" not in answer.headers
    assert guarded.client.call("GET", "/healthz").json() == {"status": "ok"}
    assert guarded.client.call("GET", "/readyz").json() == {"status": "ok"}


def test_the_login_dialog_is_not_for_polls_with_outdated_credentials(proxied: Host) -> None:
    wrong = basic("ana", "outdated") | {"X-Forwarded-For": "10.2.0.1"}
    for headers, scheme in (({"Sec-Fetch-Mode": "navigate"}, "Basic"), ({"Sec-Fetch-Mode": "cors"}, "Basic"),
                            ({"Sec-Fetch-Mode": "navigate"} | wrong, "Basic"), ({"Sec-Fetch-Mode": "cors"} | wrong, "Bearer")):
        answer = Client(proxied.url, headers).get("/session")
        assert answer.status == 401 and answer.headers["www-authenticate"].startswith(scheme)


def test_users_and_tokens_get_in_with_what_they_may_do(guarded: Host) -> None:
    assert as_user(guarded, "ana", "correct horse").ok("/session")["permissions"] == [
        "view", "payload.view", "dlq.requeue", "dlq.edit", "dlq.archive", "consumer.pause", "audit.view"]
    assert as_user(guarded, "eve", "viewer pass").ok("/session")["permissions"] == ["view"]
    assert as_user(guarded, "arc", "archive pass").ok("/session")["permissions"] == ["view", "dlq.archive"]
    by_token = Client(guarded.url, bearer(TOKEN)).ok("/session")
    assert (by_token["actor"], by_token["mode"], by_token["permissions"]) == ("ci", "credentials", ["view"])
    assert as_user(guarded, "token", TOKEN).ok("/session")["actor"] == "ci"  # a browser has no other way


@pytest.mark.parametrize("headers", [
    basic("ana", "wrong horse"), basic("nobody", "correct horse"), basic("ana", ""), bearer(TOKEN + "x"), bearer(""),
    {"Authorization": "Basic !!!"}, {"Authorization": "Basic"}, {"Authorization": "Digest x"}, basic("ci", TOKEN),
    {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()}, {"Authorization": "Bearer " + "x" * 6000}])
def test_wrong_credentials_are_refused(proxied: Host, headers: dict[str, str]) -> None:
    proxied.attempts += 1  # each from an address of its own, since guesses are counted
    answer = Client(proxied.url, headers).get("/session", X_Forwarded_For=f"10.1.0.{proxied.attempts}")
    assert answer.status == 401


def test_hashed_secrets_work_as_plain_ones() -> None:
    options = {"auth": {"users": [{"name": "ana", "passwordHash": password_hash("correct horse"), "role": "viewer"}],
                        "tokens": [{"name": "ci", "tokenHash": "sha256$" + hashlib.sha256(TOKEN.encode()).hexdigest(),
                                    "role": "viewer"}]}}
    with Host(MEMORY, options) as host:
        assert as_user(host, "ana", "correct horse").get("/session").status == 200
        assert Client(host.url, bearer(TOKEN)).get("/session").status == 200
        assert as_user(host, "ana", "correct horsf").get("/session").status == 401


def test_guessing_is_stopped_for_the_address_and_right_credentials_too() -> None:
    with Host(MEMORY, AUTH | {"behindProxy": True}) as host:
        for attempt in range(10):
            assert as_user(host, "ana", f"guess {attempt}").get("/session", X_Forwarded_For="10.0.0.9").status == 401
        for password in ("another", "correct horse"):
            refused = as_user(host, "ana", password).get("/session", X_Forwarded_For="10.0.0.9")
            assert refused.status == 429 and 0 < int(refused.headers["retry-after"]) <= 60
        # What the client itself wrote into the header does not count, what the proxy added does.
        assert as_user(host, "ana", "x").get("/session", X_Forwarded_For="10.0.0.1, 10.0.0.9").status == 429
        assert as_user(host, "ana", "correct horse").get("/session", X_Forwarded_For="10.0.0.8").status == 200


def test_a_missing_permission_is_named(guarded: Host) -> None:
    key, eve, arc = key_of("main/x/1-1"), as_user(guarded, "eve", "viewer pass"), as_user(guarded, "arc", "archive pass")
    for client, path, body, permission in (
            (eve, f"/dlq/entries/{key}:requeue", {}, "dlq.requeue"), (eve, "/groups/g:pause", {}, "consumer.pause"),
            (arc, f"/dlq/entries/{key}:requeue", {}, "dlq.requeue"),
            (arc, "/operations", {"kind": "requeue", "scope": {"filter": {}}}, "dlq.requeue"),
            (eve, "/operations", {"kind": "discard", "scope": {"filter": {}}}, "dlq.archive")):
        answer = client.post(path, body)
        assert (answer.status, answer.json()["permission"]) == (403, permission)
    for path, permission in ((f"/dlq/entries/{key}/body", "payload.view"), ("/audit", "audit.view"),
                             ("/dlq/entries?text=4111", "payload.view")):
        answer = eve.get(path)
        assert (answer.status, answer.code, answer.json()["permission"]) == (403, "forbidden", permission)


def test_a_read_only_dashboard_refuses_every_change() -> None:
    with Host(MEMORY, {"readOnly": True}) as host:
        key = key_of("main/x/1-1")
        for path in (f"/dlq/entries/{key}:requeue", f"/dlq/entries/{key}:discard", f"/dlq/entries/{key}:restore",
                     "/groups/g:pause", "/groups/g:resume"):
            assert host.client.post(path, {}).code == "read_only"
        assert host.client.post("/operations", {"kind": "discard", "scope": {"filter": {}}}).code == "read_only"
        assert host.client.post("/operations/x", {"state": "paused"}, method="PATCH").code == "read_only"
        assert host.client.post("/routes:trace", {"type": "order.paid"}).status == 200  # changes nothing


@pytest.mark.parametrize("headers", [
    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "none"},
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
    {"Sec_Fetch_Site": "same-origin", "Origin": "http://evil.example"}])
def test_another_sites_page_changes_nothing(plain: Host, headers: dict[str, str]) -> None:
    answer = plain.client.post("/groups/g:pause", {}, **headers)
    assert (answer.status, answer.code) == (403, "foreign_origin")


def test_the_own_page_and_programs_may(plain: Host) -> None:
    own = f"http://{plain.client.host}:{plain.client.port}"
    for headers in ({}, {"Sec_Fetch_Site": "same-origin"}, {"Origin": own}, {"Sec_Fetch_Site": "same-origin", "Origin": own}):
        assert plain.client.post("/routes:trace", {"type": "order.paid"}, **headers).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                                  "application/jsonp", ""])
def test_a_form_is_no_call(plain: Host, kind: str) -> None:
    assert plain.client.post("/routes:trace", {"type": "order.paid"}, Content_Type=kind).status == 415


@pytest.mark.parametrize("name,status", [
    ("evil.example", 403), ("evil.example:80", 403), ("10.0.0.1", 403), ("127.0.0.1.evil.example", 403), ("", 403),
    ("127.0.0.1:x", 403), ("localhost", 200), ("LOCALHOST:1234", 200), ("127.0.0.1", 200), ("[::1]:80", 200),
    ("ops.example.org", 200)])
def test_a_foreign_host_is_refused_with_a_hint(plain: Host, name: str, status: int) -> None:
    answer = plain.client.get("/session", Host=name)
    assert answer.status == status
    assert status == 200 or "allowedHosts" in answer.json()["detail"]


def other_address() -> str | None:
    """An address of this machine that is not loopback's."""
    found = subprocess.run(("hostname", "-I"), capture_output=True, text=True).stdout.split()
    return next((address for address in found if "." in address and not address.startswith("127.")), None)


def test_without_credentials_another_machine_is_refused_with_a_hint(plain: Host) -> None:
    address = other_address()
    if not address:
        pytest.skip("this machine has loopback only")
    with socket.socket() as peer:
        peer.bind((address, 0))
        peer.settimeout(20)
        peer.connect((plain.client.host, plain.client.port))
        peer.sendall(b"GET /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 403") and b"loopback_only" in answer and b"auth.users" in answer


@pytest.mark.parametrize("options,path,text", [
    ({"host": "0.0.0.0"}, "/host", "needs credentials"),
    ({"host": "0.0.0.0", **AUTH}, "/host", "reverse proxy"),
    ({"host": "::1"}, "/host", "IPv4"), ({"host": "example.org"}, "/host", "IPv4"),
    ({"prot": 1}, "/prot", 'did you mean \\"port\\"'), ({"port": 70000}, "/port", "0 to 65535"),
    ({"basePath": "ops"}, "/basePath", "segments"), ({"basePath": "/a/../b"}, "/basePath", "segments"),
    ({"threads": 1}, "/threads", "8 to 512"), ({"redact": ["card"]}, "/redact/0", "JSON pointers"),
    ({"environment": {"name": "prod", "color": "red"}}, "/environment/color", "#rrggbb"),
    ({"allowedHosts": ["a:80"]}, "/allowedHosts/0", "without port"),
    ({"auth": {"users": [{"name": "a", "password": "short", "role": "viewer"}]}}, "/auth/users/0", "8 bytes"),
    ({"auth": {"users": [{"name": "a", "password": "long enough", "role": "boss"}]}}, "/auth/users/0", "viewer, operator"),
    ({"auth": {"users": [{"name": "a", "passwordHash": "md5$x", "role": "viewer"}]}}, "/auth/users/0", "pbkdf2-sha256$"),
    ({"auth": {"tokens": [{"name": "a", "tokenHash": "sha256$zz", "role": "viewer"}]}}, "/auth/tokens/0", "64 hex"),
    ({"auth": {"users": [{"name": "a", "password": "long enough", "permissions": ["all"]}]}}, "/auth/users/0", "payload.view"),
    ({"auth": {"users": USERS + USERS[:1]}}, "/auth/users/4", "twice")])
def test_wrong_options_are_refused_by_name(options: dict, path: str, text: str) -> None:
    run = subprocess.run((HOST, json.dumps(MEMORY), json.dumps(options)), capture_output=True, text=True, timeout=300)
    assert run.returncode == 1
    assert '"EVS_CONFIG"' in run.stderr and f"{path}: " in run.stderr and text in run.stderr
    assert "correct horse" not in run.stderr and "long enough" not in run.stderr


def test_all_faults_are_told_at_once() -> None:
    options = {"host": "0.0.0.0", "prot": 1, "threads": 0, "environment": 7}
    run = subprocess.run((HOST, json.dumps(MEMORY), json.dumps(options)), capture_output=True, text=True, timeout=300)
    assert "4 faults" in run.stderr
    for path in ("/host", "/prot", "/threads", "/environment"):
        assert f"{path}: " in run.stderr


def test_no_secret_is_ever_answered(guarded: Host) -> None:
    root = as_user(guarded, "root", "admin password")
    answers = b"".join(root.get(path).body for path in ("/about", "/session", "/overview", "/routes", "/publishers"))
    for secret in ("correct horse", "admin password", TOKEN, "pbkdf2"):
        assert secret.encode() not in answers
    assert root.ok("/about")["config"]["dashboard"]["accounts"][0]["name"] == "ana"


def test_all_interfaces_are_served_where_the_risk_is_accepted() -> None:
    with Host(MEMORY, {"host": "0.0.0.0", "allowInsecure": True, **AUTH}) as host:
        client = Client(host.url.replace("0.0.0.0", "127.0.0.1"), bearer(TOKEN))
        assert client.get("/session").status == 200
        assert client.get("/session", Host="192.0.2.7:80").status == 200  # an address cannot be rebound
        assert client.get("/session", Host="evil.example").status == 403

