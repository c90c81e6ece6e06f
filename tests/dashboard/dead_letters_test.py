# SPDX-License-Identifier: MIT
"""dead_letters_test.py - what operators see of dead letters and do to them, over the interface: exact bytes, one
winner, an archive, and a record of everything."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis_server import RedisServer
from support import Client, Host, basic, key_of, until

BIG = '{"id":9007199254740993,"huge":123456789012345678901234567890,"x":1.10}'
CORPUS = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; DROP TABLE", "${7*7}", "\u202ejs.exe",
          "</script><svg/onload=alert(1)>", "javascript:alert(1)", "a\x01\x7f\tb\nc", "\U0001f4a9 ü"]
STANDSTILL_SECONDS = 4.0  # longer than anything small may take
USERS = {"auth": {"users": [{"name": "ana", "password": "operator pass", "role": "operator"},
                            {"name": "root", "password": "admin password", "role": "admin"},
                            {"name": "eve", "password": "viewer pass", "role": "viewer"}]}}


def rows(client: Client) -> list[dict[str, Any]]:
    return client.ok("/dlq/entries?limit=500")["items"]


def entry(client: Client, row: dict[str, Any]) -> dict[str, Any]:
    return client.ok(f"/dlq/entries/{row['key']}")


def test_numbers_that_no_double_holds_stay_as_they_are(host: Host) -> None:
    host.fail_all()
    row = host.dead_letters(BIG)[0]
    assert entry(host.client, row)["bodyText"] == BIG
    assert host.client.get(f"/dlq/entries/{row['key']}/body").body == BIG.encode()
    edited = BIG.replace("1.10", "9007199254740995.00")
    answer = host.client.post(f"/dlq/entries/{row['key']}:requeue", {"edit": {"bodyText": edited}})
    assert answer.status == 200, answer.body
    again = until(lambda: rows(host.client))[0]
    assert entry(host.client, again)["bodyText"] == edited and again["requeueCount"] == 1


def test_letters_that_another_library_wrote_are_shown_and_moved(start: Any, redis: RedisServer) -> None:
    config = {"type": "redis-streams", "url": redis.url, "compat": "logistically-3"}
    client = start(transports={"main": config}).client
    data = json.dumps({"header": {"id": "1", "type": "order.paid", "origin": "legacy"}, "body": {"id": 7}})
    about = ("originalId", "1-1", "originalStream", "stream:order-events", "error", "mail is down", "timestamp", "1763920007000")
    redis.cli("XADD", "dlq:stream:order-events", "*", *about, "data", data, "timestamp", "1", "topic", "order-events")
    (row,) = until(lambda: rows(client))
    shown = entry(client, row)
    assert (shown["error"]["message"], shown["group"], shown["lastFailureAt"]) == ("mail is down", None, 1763920007000)
    assert client.ok("/dlq/groups") and client.ok("/overview")
    assert client.post(f"/dlq/entries/{row['key']}:requeue", {}).status == 200
    assert (rows(client), redis.cli("XLEN", "stream:order-events")) == ([], "1")
    assert len(client.ok("/dlq/archive")["items"]) == 1


def test_bytes_that_are_no_text_stay_as_they_are(host: Host) -> None:
    host.fail_all()
    bytes_ = bytes(range(256))
    row = host.dead_letters("", contentType="application/octet-stream", hex=bytes_.hex())[0]
    shown = entry(host.client, row)
    assert (shown["bodyText"], base64.b64decode(shown["raw"]), shown["bodySize"]) == (None, bytes_, 256)
    download = host.client.get(f"/dlq/entries/{row['key']}/body")
    assert download.body == bytes_ and download.headers["content-disposition"].startswith("attachment")
    assert host.client.post(f"/dlq/entries/{row['key']}:requeue", {}).status == 200
    assert base64.b64decode(entry(host.client, until(lambda: rows(host.client))[0])["raw"]) == bytes_


def test_a_large_body_is_shown_in_part_and_downloaded_whole(host: Host) -> None:
    host.fail_all()
    body = json.dumps({"text": "ü" * 60000}, ensure_ascii=False)
    row = host.dead_letters(body)[0]
    shown = entry(host.client, row)
    assert shown["tooLarge"] and shown["bodyText"] is None and shown["bodySize"] == len(body.encode())
    assert body.startswith(shown["bodyPreview"]) and len(shown["bodyPreview"]) > 1000
    assert host.client.get(f"/dlq/entries/{row['key']}/body").body == body.encode()


def test_a_body_that_the_store_is_slow_to_give_is_downloaded_all_the_same(host: Host, redis: RedisServer) -> None:
    host.fail_all()
    row = host.dead_letters('{"n":1}')[0]
    with ThreadPoolExecutor(1) as pool:
        os.kill(redis.process.pid, signal.SIGSTOP)
        try:
            answer = pool.submit(host.client.get, f"/dlq/entries/{row['key']}/body")
            time.sleep(STANDSTILL_SECONDS)
        finally:
            os.kill(redis.process.pid, signal.SIGCONT)
        assert (answer.result().status, answer.result().body) == (200, b'{"n":1}')


@pytest.mark.parametrize("text", CORPUS, ids=range(len(CORPUS)))
def test_hostile_texts_pass_as_json(host: Host, text: str) -> None:
    host.fail_all(message=text)
    row = host.dead_letters(json.dumps({"text": text}))[0]
    shown = entry(host.client, row)
    assert shown["error"]["message"] == text and json.loads(shown["bodyText"]) == {"text": text}
    group = host.client.ok("/dlq/groups")["items"][0]
    assert group["sample"] == text and host.client.get(f"/dlq/groups/{group['fingerprint']}").status == 200
    refused = host.client.post("/groups/" + "x%3Cscript%3E" + ":pause", {"reason": text})
    assert refused.status == 200 and refused.json()["paused"]["reason"] == text


def test_of_two_who_requeue_at_once_one_is_told_so(host: Host) -> None:
    host.fail_all()
    row = host.dead_letters('{"n":1}')[0]
    host.do("subscribe", outcome="ack")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: host.client.post(f"/dlq/entries/{row['key']}:requeue", {}), range(2)))
    assert sorted(answer.status for answer in answers) == [200, 409]
    loser = next(answer for answer in answers if answer.status == 409)
    winner = next(answer for answer in answers if answer.status == 200)
    gone = loser.json()
    assert (gone["code"], gone["by"], gone["action"]) == ("dlq_entry_gone", "local", "requeued")
    assert gone["copy"] == winner.json()["offset"]
    assert host.client.get(f"/dlq/entries/{row['key']}").json()["code"] == "dlq_entry_gone"
    until(lambda: host.client.ok("/overview")["totals"]["consumed"] == 1)


def test_an_entry_that_another_process_took_is_gone(start: Any) -> None:
    mine, other = start(), start(service="billing")
    mine.fail_all()
    row = mine.dead_letters('{"n":1}')[0]
    assert other.client.post(f"/dlq/entries/{row['key']}:discard", {"reason": "known"}).status == 200
    for call in (lambda: mine.client.post(f"/dlq/entries/{row['key']}:requeue", {}),
                 lambda: mine.client.post(f"/dlq/entries/{row['key']}:discard", {}),
                 lambda: mine.client.post(f"/dlq/entries/{row['key']}:requeue", {"edit": {"bodyText": "1"}})):
        answer = call()
        assert (answer.status, answer.code, answer.json()["action"]) == (409, "dlq_entry_gone", "discarded")
    unknown = key_of("main/order-events/1-1")
    assert mine.client.post(f"/dlq/entries/{unknown}:requeue", {}).status == 404
    assert mine.client.get(f"/dlq/entries/{unknown}").code == "not_found"
    assert mine.client.get("/dlq/entries/not*a*key").status == 404


def test_a_repeated_key_gets_the_same_answer_and_does_it_once(host: Host) -> None:
    host.fail_all()
    first, second = host.dead_letters('{"n":1}', '{"n":2}')
    path = f"/dlq/entries/{first['key']}:discard"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: host.client.post(path, {}, Idempotency_Key="k1"), range(4)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b'{"outcome":"discarded"}')}
    assert host.client.post(path, {"reason": "other"}, Idempotency_Key="k1").code == "key_reused"
    assert host.client.post(f"/dlq/entries/{second['key']}:discard", {}, Idempotency_Key="k1").status == 422
    assert host.client.post(path, {}, Idempotency_Key="k2").status == 409
    assert host.client.post(path, {}, Idempotency_Key="x" * 101).status == 400
    assert len(rows(host.client)) == 1


def test_what_was_discarded_can_be_restored_once(host: Host) -> None:
    host.fail_all()
    row = host.dead_letters('{"n":1}')[0]
    path = f"/dlq/entries/{row['key']}"
    assert host.client.post(path + ":discard", {"reason": "a duplicate"}).status == 200
    kept = host.client.ok("/dlq/archive")["items"][0]
    assert (kept["id"], kept["archived"]["action"], kept["archived"]["reason"]) == (row["id"], "discarded", "a duplicate")
    assert host.client.ok(path + "?archived=true")["bodyText"] == '{"n":1}'
    restored = host.client.post(path + ":restore", {})
    assert restored.status == 200 and rows(host.client)[0]["key"] == restored.json()["key"]
    assert host.client.ok("/dlq/archive")["items"] == []
    assert host.client.post(path + ":restore", {}).status in (404, 409)


def test_an_edit_sends_the_copy_and_keeps_the_original(host: Host) -> None:
    host.fail_all()
    row = host.dead_letters('{"n":1}')[0]
    path = f"/dlq/entries/{row['key']}"
    for edit in ({"bodyText": "{"}, {"raw": "***"}, {"bodyText": "1", "raw": "MQ=="}, {}, {"bodyText": 1}, "x"):
        assert host.client.post(path + ":requeue", {"edit": edit}).status in (400, 422), edit
    answer = host.client.post(path + ":requeue", {"edit": {"bodyText": '{"n":2}'}})
    assert answer.status == 200
    copy = entry(host.client, until(lambda: rows(host.client))[0])
    assert copy["bodyText"] == '{"n":2}' and copy["header"]["editedBy"] == "local"
    original = host.client.ok(path + "?archived=true")
    assert original["bodyText"] == '{"n":1}'
    assert (original["archived"]["action"], original["archived"]["copy"]) == ("edited", answer.json()["offset"])
    assert original["header"]["hash"] == copy["header"]["editedFrom"] != copy["header"]["hash"]


def test_pages_follow_each_other_while_new_ones_come(host: Host) -> None:
    host.fail_all()
    first = host.dead_letters(*(f'{{"n":{n}}}' for n in range(7)))
    seen: list[str] = []
    path = "/dlq/entries?limit=3"
    while path:
        page = host.client.ok(path)
        seen += [item["id"] for item in page["items"]]
        host.dead_letters('{"late":true}')
        path = f"/dlq/entries?limit=3&cursor={page['next']}" if page["next"] else ""
    assert seen == [row["id"] for row in reversed(first)]


def test_filters_and_totals_agree_with_the_preview(host: Host) -> None:
    host.fail_all()
    host.dead_letters('{"n":1}', '{"n":2}')
    host.dead_letters('{"n":3}', type="order.lost")
    group = host.client.ok("/dlq/groups")["items"][0]
    assert host.client.ok("/dlq/entries")["total"] == 3
    assert host.client.ok(f"/dlq/entries?fingerprint={group['fingerprint']}")["total"] == group["count"]
    assert [item["type"] for item in host.client.ok("/dlq/entries?type=order.lost")["items"]] == ["order.lost"]
    assert len(host.client.ok("/dlq/entries?text=%22n%22:2")["items"]) == 1
    preview = host.client.post("/dlq:preview", {"kind": "requeue", "scope": {"filter": {}}, "rate": 2}).json()
    assert (preview["count"], preview["exact"], preview["etaSeconds"]) == (3, True, 1.5)
    assert preview["byType"] == {"order.paid": 2, "order.lost": 1} and preview["byGroup"] == {"billing": 3}
    assert preview["targets"][0]["group"] == "billing" and preview["targets"][0]["members"] == 1
    host.client.post("/groups/billing:pause", {"reason": "x"})
    preview = host.client.post("/dlq:preview", {"kind": "requeue", "scope": {"filter": {}}}).json()
    assert any("paused" in warning for warning in preview["warnings"])


@pytest.mark.parametrize("body", [
    {"kind": "requeue"}, {"kind": "requeue", "scope": {}}, {"kind": "explode", "scope": {"filter": {}}},
    {"kind": "requeue", "scope": {"filter": {}, "keys": ["x"]}}, {"kind": "requeue", "scope": {"keys": []}},
    {"kind": "requeue", "scope": {"keys": ["!"]}}, {"kind": "requeue", "scope": {"keys": ["eA"] * 501}},
    {"kind": "requeue", "scope": {"filter": {"topics": "x"}}}, {"kind": "requeue", "scope": {"filter": {"since": "x"}}},
    {"kind": "requeue", "scope": {"filter": {}}, "rate": 0}, {"kind": "requeue", "scope": {"filter": {}}, "rate": "1"},
    {"kind": "requeue", "scope": {"filter": {}}, "color": 1}])
def test_a_malformed_bulk_call_is_refused(standing: Host, body: dict[str, Any]) -> None:
    assert standing.client.post("/operations", body).status == 400
    assert standing.client.post("/dlq:preview", body).status == 400


def test_keys_are_done_at_once_with_a_result_each(host: Host) -> None:
    host.fail_all()
    found = host.dead_letters('{"n":1}', '{"n":2}')
    gone = key_of("main/order-events/1-1")
    answer = host.client.post("/operations", {"kind": "discard", "reason": "noise",
                                              "scope": {"keys": [row["key"] for row in found] + [gone]}})
    operation = answer.json()
    assert (answer.status, operation["id"], operation["state"]) == (200, None, "done")
    assert [result["outcome"] for result in operation["results"]] == ["discarded", "discarded", "not_found"]
    assert (operation["done"], operation["skipped"], operation["failed"]) == (2, 1, 0)


def test_an_operation_goes_on_and_is_led(host: Host) -> None:
    host.fail_all()
    host.dead_letters(*(f'{{"n":{n}}}' for n in range(20)))
    host.do("subscribe", outcome="ack")
    begun = host.client.post("/operations", {"kind": "requeue", "scope": {"filter": {}}, "rate": 5}, Idempotency_Key="op")
    assert begun.status == 202, begun.body
    path = f"/operations/{begun.json()['id']}"
    again = host.client.post("/operations", {"kind": "requeue", "scope": {"filter": {}}, "rate": 5}, Idempotency_Key="op")
    assert again.json()["id"] == begun.json()["id"]
    assert host.client.post(path, {"state": "paused"}, method="PATCH").json()["state"] == "paused"
    assert host.client.post(path, {"state": "upside down"}, method="PATCH").status == 400
    assert host.client.post(path, {}, method="PATCH").status == 400
    assert host.client.post(path, {"state": "running", "rate": 500}, method="PATCH").status == 200
    done = until(lambda: (now := host.client.ok(path))["state"] == "done" and now)
    assert (done["done"], done["failed"], rows(host.client)) == (20, 0, [])
    assert host.client.get("/operations/no-such-operation").status == 404


@pytest.fixture
def redacting(start: Any) -> Host:
    host = start({"redact": ["/card/number", "/items/*/secret"], **USERS})
    host.fail_all()
    host.client.headers = basic("root", "admin password")
    return host


def test_redacted_members_never_leave_the_server(redacting: Host) -> None:
    body = '{"card":{"number" : 4111111111111111},"items":[{"secret":"a"},{"secret":{"b":1}}],"\\u0063ard":{"number":"x"},"n":1.0}'
    row = redacting.dead_letters(body)[0]
    ana = Client(redacting.url, basic("ana", "operator pass"))
    shown = entry(ana, row)
    mark = '"[redacted]"'
    assert shown["bodyText"] == (f'{{"card":{{"number" : {mark}}},"items":[{{"secret":{mark}}},{{"secret":{mark}}}],'
                                 f'"\\u0063ard":{{"number":{mark}}},"n":1.0}}')
    assert shown["redacted"] == ["/card/number", "/items/*/secret"]
    assert ana.get(f"/dlq/entries/{row['key']}/body").code == "redaction_active"
    assert ana.get("/dlq/entries?text=4111").code == "redaction_active"
    probe = {"kind": "discard", "scope": {"filter": {"text": "4111"}}}
    assert ana.post("/dlq:preview", probe).code == ana.post("/operations", probe).code == "redaction_active"
    edit = ana.post(f"/dlq/entries/{row['key']}:requeue", {"edit": {"bodyText": "{}"}})
    assert edit.code == "redaction_active"
    root = redacting.client
    assert entry(root, row)["bodyText"] == body and root.get(f"/dlq/entries/{row['key']}/body").body == body.encode()
    assert ana.ok("/session")["unredacted"] is False and root.ok("/session")["unredacted"] is True


def test_a_body_without_members_is_withheld_where_bodies_are_redacted(redacting: Host) -> None:
    row = redacting.dead_letters("", contentType="text/plain", hex=b"4111".hex())[0]
    shown = entry(Client(redacting.url, basic("ana", "operator pass")), row)
    assert (shown["withheld"], shown["raw"], shown["bodyText"]) == ("redaction", None, None)


def test_a_body_that_has_nothing_to_hide_may_be_edited(redacting: Host) -> None:
    row = redacting.dead_letters('{"n":1}')[0]
    ana = Client(redacting.url, basic("ana", "operator pass"))
    assert entry(ana, row)["redacted"] == []
    assert ana.post(f"/dlq/entries/{row['key']}:requeue", {"edit": {"bodyText": '{"n":2}'}}).status == 200


def test_a_viewer_sees_the_failure_without_the_body(redacting: Host) -> None:
    row = redacting.dead_letters('{"n":1}')[0]
    shown = entry(Client(redacting.url, basic("eve", "viewer pass")), row)
    assert (shown["withheld"], shown["bodyText"], shown["raw"], shown["bodyPreview"]) == ("permission", None, None, None)
    assert shown["error"]["class"] == "HandlerError" and shown["history"][0]["error"]["message"]


def test_every_action_is_in_the_audit_with_who_and_what(start: Any) -> None:
    host = start(USERS)
    host.fail_all()
    host.client.headers = basic("root", "admin password")
    found = host.dead_letters('{"n":1}', '{"n":2}', '{"n":3}')
    ana = Client(host.url, basic("ana", "operator pass"))
    paths = [f"/dlq/entries/{row['key']}" for row in found]
    assert ana.post(paths[0] + ":discard", {"reason": "noise"}).status == 200
    assert ana.post(paths[0] + ":restore", {}).status == 200
    assert ana.post("/groups/billing:pause", {"reason": "deploy"}).status == 200
    assert ana.post(paths[1] + ":requeue", {}).status == 200
    assert ana.post(paths[2] + ":requeue", {"edit": {"bodyText": "7"}}).status == 200
    assert ana.post("/groups/billing:resume", {}).status == 200
    operation = ana.post("/operations", {"kind": "discard", "scope": {"filter": {"type": "none.such"}}}).json()
    assert ana.post(f"/operations/{operation['id']}", {"state": "aborted"}, method="PATCH").status in (200, 409)
    log = host.client.ok("/audit?limit=500")["items"]
    assert [row["at"] for row in log] == sorted((row["at"] for row in log), reverse=True)
    assert {row["actor"] for row in log} == {"ana"} and {row["address"] for row in log} == {"127.0.0.1"}
    actions = [row["action"] for row in log]
    for action in ("dlq.discard", "dlq.restore", "groups.pause", "dlq.requeue", "groups.resume"):
        assert action in actions, actions
    assert any(action.startswith("operations") for action in actions), actions
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        assert ana.call(method, "/api/v1/audit", b"{}", Content_Type="application/json").status == 405
