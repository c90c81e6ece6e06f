# SPDX-License-Identifier: MIT
"""The command `events`: dead letters, statistics, and stores that misbehave."""

import json
import re
import signal
import subprocess

import pytest

from cli_support import (  # noqa: F401 - fixtures are used by name
    EVENTS,
    HANGS_AFTER,
    SECRET,
    consumer,
    entries,
    environment,
    events,
    ok,
    on,
    routes_file,
    server,
    start,
    store,
    support,
    until,
)

# ---- dead letters ------------------------------------------------------------------------------------


def dead_letters(on, *args):
    return json.loads(on("dlq", "list", "--json", *args))["items"]


@pytest.fixture
def dead(on, store, consumer):
    """Three dead letters of two topics, all of group `notifier`."""
    for type_, number in (("order.placed", 1), ("order.paid", 2), ("user.created", 3)):
        on("publish", type_, json.dumps({"id": number}), "--header", f"correlationId=c{number}")
    consumer(store.url, "*", "notifier", "reject", 3)
    return until(lambda: len(items := dead_letters(on)) == 3 and items)


def test_dlq_list_shows_columns_and_selects(on, dead):
    text = on("dlq", "list")
    assert text.splitlines()[0].split() == ["ID", "TYPE", "GROUP", "ATTEMPTS", "LAST", "FAILURE", "ERROR"]
    assert len(text.splitlines()) == 4
    assert re.search(r"order-events/\S+ +order\.placed +notifier +1 +20\S+Z +WebhookError: webhook down: 503$", text, re.M)
    assert len(dead_letters(on, "--topic", "order-events")) == 2
    assert len(dead_letters(on, "--type", "order.paid")) == 1
    assert len(dead_letters(on, "--type", "order.*")) == 2
    assert len(dead_letters(on, "--group", "notifier")) == 3
    assert dead_letters(on, "--group", "other") == []
    assert len(dead_letters(on, "--text", "503")) == 3
    assert dead_letters(on, "--text", "no such text") == []
    assert on("dlq", "list", "--topic", "nothing-events") == "no dead letters\n"


def test_dlq_list_pages_by_cursor_and_lists_all(on, dead):
    first = json.loads(on("dlq", "list", "--json", "--limit", "2"))
    assert len(first["items"]) == 2 and first["next"]
    second = json.loads(on("dlq", "list", "--json", "--cursor", first["next"]))
    assert second["next"] is None
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert sorted(ids) == sorted(item["id"] for item in dead) and len(set(ids)) == 3
    everything = json.loads(on("dlq", "list", "--all", "--json"))
    assert everything["next"] is None and len(everything["items"]) == 3
    assert "--cursor" in on("dlq", "list", "--limit", "2").splitlines()[-1]


def test_dlq_show_tells_everything_about_one(on, dead):
    item = json.loads(on("dlq", "show", dead[0]["id"], "--json"))
    assert item["id"] == dead[0]["id"]
    assert item["error"] == {"class": "WebhookError", "message": "webhook down: 503", "stack": "forward\n  at line 7"}
    text = on("dlq", "show", dead[0]["id"])
    assert re.search(r"^attempts +1$", text, re.M)
    assert re.search(rf'^body +{re.escape(json.dumps(item["body"]))}$', text, re.M)
    for said in (dead[0]["id"], "WebhookError: webhook down: 503", "forward", "at line 7", "notifier", "correlationId"):
        assert said in text


def test_dlq_requeue_delivers_again_and_twice_is_one_event(on, store, consumer, dead):
    letter = next(item for item in dead if item["header"]["type"] == "user.created")
    assert on("dlq", "requeue", letter["id"]) == "requeued 1\n"
    answer = json.loads(on("dlq", "requeue", letter["id"], "--json"))
    assert answer["requeued"] == 0
    assert [result["outcome"] for result in answer["results"]] == ["already_requeued"]
    handled = consumer(store.url, "*", "notifier", "ack", 1)
    assert handled == [letter["header"]["id"] + ' {"id": 3}']
    assert len(entries(store, "user-events")) == 2


def test_dlq_requeue_all_takes_what_is_selected(on, store, consumer, dead):
    answer = json.loads(on("dlq", "requeue", "--all", "--topic", "order-events", "--json"))
    assert answer["requeued"] == 2 and len(answer["results"]) == 2
    assert len(consumer(store.url, "order.*", "notifier", "ack", 2)) == 2
    assert [item["topic"] for item in dead_letters(on)] == ["user-events"]
    assert on("dlq", "requeue", "--all") == "requeued 1\n"
    assert on("dlq", "requeue", "--all") == "requeued 0\n"


def test_dlq_discard_takes_out_what_is_named_or_selected(on, dead):
    assert on("dlq", "discard", dead[0]["id"]) == "discarded 1\n"
    assert dead[0]["id"] not in [item["id"] for item in dead_letters(on)]
    assert json.loads(on("dlq", "discard", "--all", "--json"))["discarded"] == 2
    assert dead_letters(on) == []


def test_dlq_groups_counts_kinds_that_select(on, dead):
    groups = json.loads(on("dlq", "groups", "--json"))
    assert groups["total"] == 3 and sum(group["count"] for group in groups["groups"]) == 3
    kind = groups["groups"][0]
    text = on("dlq", "groups")
    assert kind["fingerprint"] in text and "webhook down: #" in text
    assert len(dead_letters(on, "--fingerprint", kind["fingerprint"])) == kind["count"]
    assert on("dlq", "groups", "--topic", "nothing-events") == "no dead letters\n"


def test_dlq_list_newest_is_the_other_way_round(on, dead):
    ids = [item["id"] for item in dead_letters(on)]
    assert [item["id"] for item in dead_letters(on, "--newest")] == ids[::-1]


def test_dlq_archive_and_restore_undo_a_discard(on, store, dead):
    id_ = dead[0]["id"]
    on("dlq", "discard", id_, "--reason", "a test")
    assert "a test" in on("dlq", "archive")
    (item,) = json.loads(on("dlq", "archive", "--json"))["items"]
    assert item["id"] == id_ and item["action"] == "discarded"
    assert "discarded" in on("dlq", "show", id_, "--archived")
    assert on("dlq", "restore", id_) == "restored 1\n"
    assert len(dead_letters(on)) == 3 and on("dlq", "archive") == "nothing in the archive\n"
    assert events("--redis", store.url, "dlq", "restore", id_).returncode == 5
    on("dlq", "discard", "--all")
    assert on("dlq", "restore", "--all") == "restored 3\n"
    assert len(dead_letters(on)) == 3


def test_dlq_purge_removes_for_good(on, dead):
    assert on("dlq", "purge", "--all", "--dry-run") == "would be discarded 3\n"
    assert on("dlq", "purge", "--all") == "discarded 3\n"
    assert on("dlq", "archive") == "nothing in the archive\n"


def test_dlq_requeue_edit_sends_another_body_byte_for_byte(on, store, dead, tmp_path):
    fixed = tmp_path / "fixed.json"
    fixed.write_text('{"n": 9007199254740993,  "s":"\\u00e9"}\n')
    topic = dead[0]["topic"]
    assert on("dlq", "requeue", dead[0]["id"], "--edit", str(fixed)) == "requeued 1\n"
    assert '"body":{"n": 9007199254740993,  "s":"\\u00e9"}}' in entries(store, topic)[-1]
    fixed.write_text("{")
    done = events("--redis", store.url, "dlq", "requeue", dead[1]["id"], "--edit", fixed)
    assert done.returncode == 2 and "not valid JSON" in done.stderr
    done = events("--redis", store.url, "dlq", "requeue", "--all", "--edit", fixed)
    assert done.returncode == 2 and "exactly one id" in done.stderr


def test_dlq_requeue_at_a_rate_is_an_operation_in_the_log(on, dead):
    operation = json.loads(on("dlq", "requeue", "--all", "--rate", "1000", "--json"))
    assert operation["state"] == "done" and operation["done"] == 3
    log = json.loads(on("dlq", "log", "--json"))["items"]
    assert [row["action"] for row in log] == ["operations.end", "operations.start"]
    assert log[0]["operation"] == operation["id"]
    assert operation["id"] in on("dlq", "log")


def test_dlq_requeue_to_another_topic_says_where_it_is(on, store, dead):
    id_ = dead[0]["id"]
    assert events("--redis", store.url, "dlq", "requeue", id_, "--to", "repair").returncode == 5
    assert on("dlq", "requeue", id_, "--to", "repair", "--create", "--dry-run") == "would be requeued 1\n"
    (result,) = json.loads(on("dlq", "requeue", id_, "--to", "repair", "--create", "--json"))["results"]
    assert result["topic"] == "repair" and result["offset"]
    assert len(entries(store, "repair")) == 1
    assert "repair" in on("dlq", "show", id_, "--archived")


def test_an_operation_whose_canary_nobody_handles_ends_with_1(store, dead):
    done = events(
        "--redis", store.url, "dlq", "requeue", "--all", "--to", "nobody", "--create", "--canary", "1",
        "--outcome-timeout", "300",
    )
    assert done.returncode == 1 and "requeued 1 (stopped: " in done.stdout


def test_dlq_export_and_import_carry_letters_over(on, store, dead, tmp_path):
    on("dlq", "note", "see ticket 7", dead[0]["id"])
    assert "see ticket 7" in on("dlq", "show", dead[0]["id"])
    lines = on("dlq", "export")
    assert len(lines.splitlines()) == 3
    on("dlq", "purge", "--all")
    file = tmp_path / "letters.jsonl"
    file.write_bytes(b"no line\n" + lines.encode() + b"\xff\n")
    done = events("--redis", store.url, "dlq", "import", file)
    assert (done.returncode, done.stdout) == (1, "imported 3, failed 2\n")
    assert "line 1: it is no JSON" in done.stderr and "line 5: it is not valid UTF-8" in done.stderr
    notes = {each["body"]["id"]: each["note"] and each["note"]["text"] for each in dead_letters(on)}
    assert notes == {each["body"]["id"]: None for each in dead} | {dead[0]["body"]["id"]: "see ticket 7"}
    file.write_text(lines)
    assert on("dlq", "import", str(file)) == "imported 0, already done 3\n"
    assert on("dlq", "import", str(file), "--into-stream") == "imported 3\n"


def test_an_interrupted_operation_is_aborted(on, store, dead):
    process = start("--redis", store.url, "dlq", "discard", "--all", "--rate", "1", "--json")
    until(lambda: store.cli("HLEN", "evs:operations").strip() != "0")
    until(lambda: len(dead_letters(on)) < 3)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 1 and json.loads(out)["state"] == "aborted"
    assert len(dead_letters(on)) >= 1


def test_a_dead_letter_that_is_not_there_ends_with_5(store, on, dead):
    absent = dead[0]["id"].rsplit("/", 1)[0] + "/1-1"
    for args in (("dlq", "show", absent), ("dlq", "requeue", absent), ("dlq", "discard", absent)):
        done = events("--redis", store.url, *args)
        assert done.returncode == 5, args
        assert absent in done.stderr or "not found" in done.stderr.lower()
    done = events("--redis", store.url, "dlq", "requeue", absent, dead[0]["id"])
    assert done.returncode == 1
    assert "requeued 1, not found 1" in done.stdout


@pytest.mark.parametrize("id_", ["", "nonsense", "main", "main/", "main/order-events/", "other/order-events/1-1", "main/../1-1",
                                 "x" * 5000],
                         ids=lambda id_: id_[:20] or "empty")
def test_an_impossible_dead_letter_id_is_a_clear_error(store, id_):
    done = events("--redis", store.url, "dlq", "show", id_)
    assert done.returncode in (2, 5)
    assert done.stderr.startswith("events: dlq.get: ")


def test_a_hostile_error_text_is_harmless_on_a_terminal(on, store, consumer):
    on("publish", "order.placed", "1")
    consumer(store.url, "*", "notifier", "reject", 1, "\x1b]0;owned\x07\x1b[2J\nline")
    (item,) = until(lambda: dead_letters(on))
    for text in (on("dlq", "list"), on("dlq", "show", item["id"])):
        assert "\x1b" not in text and "\x07" not in text
        assert "\\x1b[2J" in text


# ---- what the store holds ----------------------------------------------------------------------------


def test_stats_and_groups_count_what_the_store_has(on, store, consumer, dead):
    document = json.loads(on("stats", "--json"))
    topics = {topic["topic"]: topic for topic in document["topics"]}
    assert topics["order-events"]["entries"] == 2
    assert topics["order-events"]["deadLetters"] == 2
    assert sorted(topics["order-events"]["types"]) == ["order.paid", "order.placed"]
    assert document["totals"]["deadLetters"] == 3
    assert document["totals"]["pending"] == 0
    text = on("stats")
    assert re.search(r"^order-events +2 +2 ", text, re.M)
    assert re.search(r"dead letters 3,", text)
    groups = json.loads(on("groups", "--topic", "order-events", "--json"))["groups"]
    assert "." not in json.dumps(groups[0]["entries"])
    assert [(g["topic"], g["group"], g["pending"]) for g in groups] == [("order-events", "notifier", 0)]
    assert re.search(r"^order-events +notifier +0 +0 +0 ", on("groups"), re.M)


def test_groups_are_paused_and_resumed(on, store, consumer, dead):
    row = lambda: json.loads(on("groups", "--topic", "order-events", "--json"))["groups"][0]
    assert on("groups", "pause", "notifier", "--reason", "mail is down") == "paused notifier\n"
    paused = row()["paused"]
    assert paused["by"].startswith("events-cli@") and paused["reason"] == "mail is down"
    assert re.search(r" by events-cli@\S+ since \S+: mail is down$", on("groups"), re.M)
    assert on("groups", "resume", "notifier") == "resumed notifier\n"
    assert row()["paused"] is None
    answer = json.loads(on("groups", "pause", "later", "--json"))
    assert answer["group"] == "later" and answer["paused"]["reason"] is None
    refused = events("--redis", store.url, "groups", "pause", "")
    assert refused.returncode != 0 and "group" in refused.stderr


def test_a_replay_is_started_listed_paused_resumed_and_aborted(on, store, consumer, dead):
    made = json.loads(on("replay", "start", "--topic", "order-events", "--rate", "1", "--json"))
    assert made["group"] == f"@replay-{made['id']}" and made["snapshot"]["count"] == 2
    assert re.search(rf"^{made['id']} +paused ", on("replay", "pause", made["id"]), re.M)
    assert re.search(rf"^{made['id']} +running ", on("replay", "resume", made["id"], "--rate", "2"), re.M)
    assert re.search(rf"^{made['id']} +aborted ", on("replay", "abort", made["id"]), re.M)
    assert json.loads(on("replay", "list", "--json"))["replays"][0]["state"] == "aborted"
    assert json.loads(on("replay", "show", made["id"], "--json"))["unhandled"] == 0
    refused = events("--redis", store.url, "replay", "start", "--since", "yesterday")
    assert refused.returncode == 2 and "milliseconds" in refused.stderr


def test_retention_says_what_streams_keep(on, store, consumer, dead):
    row = json.loads(on("retention", "--topic", "order-events", "--json"))["streams"][0]
    assert (row["entries"], row["beyond"], row["state"], row["trimmed"]) == (2, 0, "withinLimits", 0)
    assert re.search(r"^order-events +2 +0 +withinLimits +- +0 +0 +0$", on("retention"), re.M)


def test_audit_balances_and_ends_with_1_when_somebody_took_an_entry(on, store, consumer, dead):
    row = json.loads(on("audit", "--topic", "order-events", "--json"))["groups"][0]
    assert (row["group"], row["published"], row["dead"], row["unaccounted"]) == ("notifier", 2, 2, 0)
    assert re.search(r"^order-events +notifier +2 +0 +2 +0 +0 +0 +0 +yes$", on("audit"), re.M)
    store.cli("HINCRBY", "evs:meta:{order-events}:notifier", "@dead", "-1")
    found = events("--redis", store.url, "audit")
    assert found.returncode == 1 and re.search(r" 1 +NO$", found.stdout, re.M)


def test_the_fleet_shows_systems_and_not_the_command_itself(on, store, tmp_path):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps({"service": "shop", "transports": {"main": {"type": "redis-streams", "url": store.url}}}))
    assert on("fleet") == "no systems\n"
    watching = start("--config", path, "tail")
    try:
        row = until(lambda: json.loads(on("fleet", "--json"))["instances"])[0]
        assert row["service"] == "shop" and row["stats"]["pid"] == watching.pid
        assert re.search(rf"^shop +{row['instance']} +\S+ +{watching.pid} .* {row['stats']['generation']}$", on("fleet"), re.M)
    finally:
        watching.terminate()
        watching.communicate(timeout=HANGS_AFTER)
    assert on("fleet") == "no systems\n"


def test_health_is_an_exit_code_for_probes(on, store, tmp_path):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps({"service": "probed", "transports": {"main": {"type": "redis-streams", "url": store.url}}}))
    none = events("--redis", store.url, "health", "probed")
    assert none.returncode == 1 and "no process" in none.stdout
    watching = start("--config", path, "tail")
    try:
        until(lambda: events("--redis", store.url, "health", "probed", "--here").returncode == 0)
        report = json.loads(on("health", "probed", "--json"))
        assert report["ready"] and [row["pid"] for row in report["instances"]] == [watching.pid]
        assert report["instances"][0]["health"] == {"live": True, "ready": True, "reasons": []}
        assert re.search(rf" {watching.pid} +ready +-$", on("health", "probed"), re.M)
    finally:
        watching.terminate()
        watching.communicate(timeout=HANGS_AFTER)
    assert events("--redis", store.url, "health", "probed").returncode == 1


def test_the_doctor_says_what_is_wrong_and_what_is_guaranteed(on, store):
    assert "A restart of the server loses every event" in on("doctor")
    report = json.loads(on("doctor", "--json", "--role", "operator"))
    assert report["ok"] and report["permissions"] == {"user": "default", "role": "operator", "known": True, "missing": []}
    store.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    sick = events("--redis", store.url, "doctor")
    store.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert sick.returncode == 1 and re.search(r"^error +eviction: .*set it to noeviction$", sick.stdout, re.M)
    wrong = events("--redis", store.url, "doctor", "--role", "owner")
    assert wrong.returncode != 0 and "/role" in wrong.stderr


def test_a_certificate_that_cannot_be_read_is_a_problem_with_its_place(store, tmp_path):
    path = tmp_path / "tls.json"
    tls = {"ca": str(tmp_path / "none.crt"), "keyPassword": SECRET, "cert": "/c", "key": "/k"}
    path.write_text(json.dumps({"service": "s", "transports": {"m": {"type": "redis-streams", "tls": tls}}}))
    refused = events("--config", path, "stats")
    assert refused.returncode == 3 and "/transports/m/tls/ca" in refused.stderr and SECRET not in refused.stderr


def test_an_empty_store_has_short_answers(on):
    assert on("groups") == "no groups\n"
    assert on("stats").startswith("no topics\n")
    assert on("dlq", "list") == "no dead letters\n"
    assert json.loads(on("stats", "--json"))["topics"] == []


def test_a_wrong_password_ends_with_4_and_is_not_printed():
    with support.RedisServer("--user", "me", "on", ">right", "~*", "&*", "+@all") as store:
        port = store.port
        done = events("stats", "--redis", f"redis://me:{SECRET}@127.0.0.1:{port}", "--timeout", "2000")
        assert done.returncode == 4
        assert SECRET not in done.stderr
        assert "password" in done.stderr.lower() or "WRONGPASS" in done.stderr
        assert events("stats", "--redis", f"redis://me:right@127.0.0.1:{port}").returncode == 0


def test_a_store_that_does_not_answer_ends_with_4_in_time(tmp_path):
    with support.RedisServer() as store:
        store.process.send_signal(signal.SIGSTOP)
        try:
            done = events("stats", "--redis", store.url, "--timeout", "500", timeout=30)
        finally:
            store.process.send_signal(signal.SIGCONT)
        assert done.returncode == 4


def test_output_that_cannot_be_written_ends_with_1(store):
    ok("--redis", store.url, "publish", "order.placed", "1")
    for args in (("stats",), ("tail", "--from-start"), ("dlq", "list")):
        with open("/dev/full", "w") as full:
            done = subprocess.run((EVENTS, "--redis", store.url, *args), stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=environment(), timeout=HANGS_AFTER)
        assert done.returncode == 1, args
        assert "cannot write the output" in done.stderr


def test_what_a_transport_cannot_do_ends_with_1(routes_file):
    done = events("--config", routes_file, "dlq", "list")
    assert done.returncode == 1
    assert "EVS_UNSUPPORTED" in done.stderr
