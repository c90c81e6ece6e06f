# SPDX-License-Identifier: MIT
"""contract_test.py - the server answers what its OpenAPI document says, and nothing else. Every answer of every
test here is checked (support.py); this file sees to it that every call is made."""

from __future__ import annotations

import json

import pytest
from support import CONTRACT, ROOT, Client, Host, until


def walk_reads(client: Client, key: str, fingerprint: str, publisher: str) -> None:
    for path in ("/session", "/overview", "/series?range=60&step=4", "/publishers", f"/publishers/{publisher}", "/groups",
                 "/groups/billing", "/routes", "/routes/coverage", "/schemas", "/schemas/order.typed", "/schemas/order.typed/diff?from=1.0.0&to=1.1.0", "/dlq/groups", f"/dlq/groups/{fingerprint}", "/dlq/entries?limit=2",
                 f"/dlq/entries/{key}", f"/dlq/entries/{key}/body", "/dlq/archive", "/operations", "/audit", "/about",
                 "/openapi.json"):
        assert client.get(path).status == 200, path
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.call("GET", path).status == 200, path


def walk_changes(client: Client, keys: list[str]) -> None:
    assert client.post("/groups/billing:pause", {"reason": "maintenance"}).status == 200
    assert client.get("/groups/billing").json()["paused"]["by"] == "local"
    assert client.post("/groups/billing:resume", {}).status == 200
    assert client.post("/routes:trace", {"type": "order.paid", "bodyText": "{}", "headers": {"a": "b"}}).status == 200
    assert client.post("/schemas/order.typed:validate", {"bodyText": "{}"}).json()["valid"] is False
    assert client.post("/dlq:preview", {"kind": "requeue", "scope": {"filter": {}}, "rate": 10}).status == 200
    assert client.post("/dlq:preview", {"kind": "discard", "scope": {"keys": keys[:2]}}).json()["count"] == 2
    assert client.post(f"/dlq/entries/{keys[0]}:note", {"text": "known"}).status == 200
    assert client.post(f"/dlq/entries/{keys[0]}:discard", {"reason": "known"}).status == 200
    assert client.post(f"/dlq/entries/{keys[0]}:restore", {}).status == 200
    assert client.post("/dlq:preview", {"kind": "restore", "scope": {"filter": {}}}).status == 200
    assert client.post(f"/dlq/entries/{keys[1]}:requeue", {}).status == 200
    assert client.post("/operations", {"kind": "discard", "scope": {"keys": [keys[2]]}}).status == 200


def walk_operation(client: Client) -> None:
    begun = client.post("/operations", {"kind": "discard", "scope": {"filter": {}}, "rate": 1})
    assert begun.status == 202, begun.body
    path = f"/operations/{begun.json()['id']}"
    assert client.get(path).status == 200
    assert client.post(path, {"rate": 100}, method="PATCH").status == 200
    until(lambda: client.ok(path)["state"] == "done")
    assert client.ok("/operations")["items"]


def test_every_declared_call_answers_as_declared(durable: Host) -> None:
    host = durable
    host.fail_all()
    rows = host.dead_letters('{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}')
    client = host.client
    publisher = client.ok("/publishers")["items"][0]["id"]
    walk_reads(client, rows[3]["key"], rows[3]["fingerprint"], publisher)
    walk_changes(client, [row["key"] for row in rows])
    walk_reads(client, rows[3]["key"], rows[3]["fingerprint"], publisher)
    walk_operation(client)
    done = {(method, path) for method, path, status in CONTRACT.seen if status.startswith("2")}
    assert CONTRACT.operations() - done == set()


def test_the_served_document_is_that_of_the_repository(memory: Host) -> None:
    assert memory.client.ok("/openapi.json") == json.loads((ROOT / "dashboard/server/openapi.json").read_text())


def test_the_memory_transport_says_what_it_cannot_do(memory: Host) -> None:
    client = memory.client
    overview = client.ok("/overview")
    assert overview["deadLetters"]["total"] is None and overview["unavailable"] == []
    assert any("lost" in note for note in overview["notes"])
    assert client.ok("/session")["hasDeadLetters"] is False
    for path in ("/dlq/groups", "/dlq/entries", "/audit", "/operations", "/dlq/archive"):
        assert client.get(path).status == 501, path


def test_a_published_event_is_seen_within_one_look(memory: Host) -> None:
    assert memory.do("publish", type="order.paid", body="1", count=5) == {"stored": 5}
    assert memory.client.ok("/overview")["totals"]["published"] == 5
    publisher = memory.client.ok("/publishers")["items"][0]
    assert publisher["sent"] == 5 and publisher["types"][0]["type"] == "order.paid"
    assert publisher["types"][0]["lastPublishAt"] == publisher["lastPublishAt"] > 0
    until(lambda: any(point["published"] for point in memory.client.ok("/series")["points"]))


def test_each_instance_of_the_fleet_counts_once(start) -> None:
    first, second = start(), start(service="billing")
    first.do("publish", type="order.paid", body="1", count=3)
    second.do("publish", type="order.paid", body="1", count=4)
    for host in (first, second):
        until(lambda: host.client.ok("/overview")["totals"]["published"] == 7)
        assert {row["service"] for row in host.client.ok("/publishers")["items"]} == {"shop", "billing"}
        assert host.client.ok("/overview")["instances"] == 2
    assert {row["service"] for row in first.client.ok("/routes")["items"]} == {"shop", "billing"}
    assert first.client.post("/routes:trace", {"service": "billing", "type": "order.paid"}).json()["topic"]


def test_a_process_that_was_killed_is_shown_as_gone(start) -> None:
    watching, other = start(), start(service="billing", fleet={"interval": 200})
    until(lambda: any(row["service"] == "billing" and row["state"] == "never"
                      for row in watching.client.ok("/publishers")["items"]))
    other.kill()
    gone = until(lambda: [row for row in watching.client.ok("/publishers")["items"] if row["state"] == "gone"])
    assert gone[0]["service"] == "billing" and gone[0]["ageMs"] > 0


def test_series_keep_to_their_bounds(memory: Host) -> None:
    client = memory.client
    until(lambda: len(client.ok("/series?range=10")["points"]) >= 2)
    points = client.ok("/series?range=10")["points"]
    times = [point["at"] for point in points]
    assert times == sorted(set(times)) and all(point["deadLetters"] is None for point in points)
    assert all(point["at"] > times[0] for point in client.ok(f"/series?since={times[0]}")["points"])


@pytest.mark.parametrize("path", [
    "/series?range=999999d", "/series?step=1ms", "/series?range=-1", "/series?step=1", "/series?range=901",
    "/series?since=9007199254740993999", "/series?range=", "/series?period=1", "/series?range=10&range=20",
    "/dlq/entries?limit=1e9", "/dlq/entries?limit=0", "/dlq/entries?limit=501", "/dlq/entries?limit=-5",
    "/dlq/entries?since=yesterday", "/dlq/entries?minAttempts=1.5", "/dlq/entries?requeued=maybe",
    "/dlq/entries?cursor=nonsense", "/audit?limit=18446744073709551617", "/dlq/entries?x=%ff", "/dlq/entries?topic=%00"])
def test_a_parameter_out_of_range_is_refused(standing: Host, path: str) -> None:
    answer = standing.client.get(path)
    assert answer.status == 400, answer.body
