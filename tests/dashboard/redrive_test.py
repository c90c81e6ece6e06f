# SPDX-License-Identifier: MIT
"""redrive_test.py - sending dead letters again with care, over the interface: notes, dry runs, another topic,
canaries and operations that stop themselves."""

from __future__ import annotations

from typing import Any

from support import Host, until


def test_a_note_is_shown_goes_along_into_the_archive_and_comes_back(host: Host) -> None:
    host.fail_all()
    (row,) = host.dead_letters('{"n":1}')
    client, path = host.client, f"/dlq/entries/{row['key']}"
    assert row["note"] is None
    assert client.post(f"{path}:note", {"text": "known: see 42"}).json() == {"outcome": "noted"}
    note = client.ok(path)["note"]
    assert (note["text"], note["by"]) == ("known: see 42", "local") and note["at"] > 0
    assert client.ok("/dlq/entries")["items"][0]["note"] == note
    assert client.post(f"{path}:discard", {}).status == 200
    assert client.ok(f"{path}?archived=true")["note"] == note
    again = client.post(f"{path}:restore", {}).json()["key"]
    assert client.ok(f"/dlq/entries/{again}")["note"] == note
    assert client.post(f"/dlq/entries/{again}:note", {"text": None}).status == 200
    assert client.ok(f"/dlq/entries/{again}")["note"] is None
    assert "dlq.note" in {action["action"] for action in client.ok("/audit")["items"]}


def test_a_note_that_cannot_be_one_is_refused(host: Host) -> None:
    host.fail_all()
    (row,) = host.dead_letters('{"n":1}')
    path = f"/dlq/entries/{row['key']}:note"
    for body in ({}, {"text": ""}, {"text": 1}, {"text": "x" * 2001}, {"text": "x", "by": "eve"}):
        assert host.client.post(path, body).status == 400, body
    assert host.client.post(f"/dlq/entries/{row['key'][:-2]}AA:note", {"text": "x"}).status in (404, 409)


def test_a_preview_tells_what_a_dry_run_finds_and_changes_nothing(host: Host) -> None:
    host.fail_all()
    keys = [row["key"] for row in host.dead_letters('{"n":1}', '{"n":2}')]

    def preview(**more: Any) -> Any:
        return host.client.post("/dlq:preview", {"kind": "requeue", **more})

    assert preview(scope={"keys": keys}).json()["dryRun"] == {"count": 2, "refused": 0}
    assert preview(scope={"filter": {}}).json()["dryRun"] == {"count": 2, "refused": None}
    assert preview(scope={"filter": {}}, canary={"count": 1}, stop={"share": 0.5}).status == 200
    assert preview(scope={"filter": {}}, to="order-events").status == 200
    unknown = preview(scope={"filter": {}}, to="nowhere-events")
    assert unknown.status == 404 and "nowhere-events" in unknown.json()["detail"]
    wrong = preview(scope={"filter": {}}, canary={"count": 0})
    assert wrong.status == 422 and "canary" in wrong.json()["detail"]
    assert preview(scope={"keys": keys}, canary={"count": 1}).status == 400
    assert len(host.client.ok("/dlq/entries")["items"]) == 2
    assert host.client.ok("/operations")["items"] == [] and host.client.ok("/audit")["items"] == []


def test_an_entry_is_sent_to_another_topic(host: Host) -> None:
    host.fail_all()
    (row,) = host.dead_letters('{"n":1}')
    assert host.do("publish", type="refund.made", body="1") == {"stored": 1}
    path = f"/dlq/entries/{row['key']}:requeue"
    assert host.client.post(path, {"to": "nowhere-events"}).status == 404
    answer = host.client.post(path, {"to": "refund-events"})
    assert answer.status == 200, answer.body
    assert host.client.ok("/dlq/entries")["items"] == []


def test_an_operation_stops_itself_when_its_canary_dies_again(host: Host) -> None:
    host.fail_all()
    host.dead_letters(*(f'{{"n":{n}}}' for n in range(10)))
    begun = host.client.post("/operations", {"kind": "requeue", "scope": {"filter": {}}, "canary": {"count": 2}})
    assert begun.status == 202, begun.body
    path = f"/operations/{begun.json()['id']}"
    stopped = until(lambda: (found := host.client.ok(path))["state"] == "stopped" and found)
    assert stopped["stopped"]["rule"] == "canary" and stopped["done"] == 2
    assert stopped["canary"]["count"] == 2 and stopped["canary"]["passedAt"] is None
