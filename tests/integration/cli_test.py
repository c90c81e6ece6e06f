# SPDX-License-Identifier: MIT
"""The command `events`: what needs no store, publish and tail."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from cli_support import (  # noqa: F401 - fixtures are used by name
    EVENTS,
    HANGS_AFTER,
    ROUTES,
    SECRET,
    VERBS,
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

# ---- without a store ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_shows_an_example(verb):
    for args in ((*verb.split(), "--help"), ("--help", *verb.split())):
        text = ok(*args)
        assert f"Usage: events {verb}" in text
        assert re.search(r"Examples?:\n +events .*" + verb, text)


def test_help_lists_every_verb_and_every_exit_code():
    text = ok("--help")
    assert all(f"\n  {verb} " in text for verb in VERBS)
    flat = " ".join(text.split())
    assert all(f"{code} {what}" in flat for code, what in (
        (0, "done"), (1, "the operation"), (2, "wrong usage"), (3, "the configuration"), (4, "the store"), (5, "not found")))
    assert ok("--version").startswith("events 0.")


@pytest.mark.parametrize(("args", "says"), [
    ((), "no command given"),
    (("pubish",), "did you mean `publish`?"),
    (("dlq", "lst"), "did you mean `dlq list`?"),
    (("dlq",), "needs a second word"),
    (("frobnicate",), "no command `frobnicate`"),
    (("tail", "--key", "7"), "no option --key"),
    (("--no-such", "tail"), "--no-such"),
    (("tail", "--count", "0"), "from 1 to"),
    (("tail", "--count", "-3"), "from 1 to"),
    (("publish", "a", "1", "2"), "too much"),
    (("publish",), "the type is missing"),
    (("publish", "a", "--header", "x"), "NAME=VALUE"),
    (("publish", "a", "--header", "x=1", "--header", "x=2"), "given twice"),
    (("publish", "--lines", "--key", "7"), "each line"),
    (("dlq", "show"), "argument is missing"),
    (("dlq", "requeue"), "ids, or --all"),
    (("dlq", "discard", "x", "--all"), "not both"),
    (("dlq", "discard", "x", "--topic", "t"), "--all"),
    (("stats", "--config", "a", "--redis", "b"), "one of them"),
    (("config", "check"), "which file"),
    (("publish", "--lines", "--config", "-"), "both"),
])
def test_wrong_usage_ends_with_2_and_says_why(args, says):
    done = events(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.startswith("events: ") or done.stderr.startswith(EVENTS)


@pytest.mark.parametrize(("args", "code"), [
    (("user.*", "user.created"), 0),
    (("user.*", "order.created"), 1),
    (("user.*", "eu.de.user.created", "--origin-prefix", "eu.de"), 0),
    (("user.*", "us.ca.user.created", "--origin-prefix", "eu.de"), 1),
    (("user..x", "user.created"), 2),
])
def test_pattern_test_answers_by_its_exit_code(args, code):
    assert events("pattern", "test", *args).returncode == code
    done = events("--json", "pattern", "test", *args)
    assert done.returncode == code
    if code < 2:
        assert json.loads(done.stdout)["matches"] is (code == 0)
    else:
        assert "EVS_VALIDATION" in done.stderr


def test_route_explain_says_which_route_won_and_why_others_lost(routes_file):
    document = json.loads(ok("route", "explain", "order.placed", "--config", routes_file, "--json"))
    assert document["topic"] == "sales-events"
    assert document["transports"] == ["main"]
    assert [(r["name"], r["matched"]) for r in document["routes"]] == [("orders", True), ("deletions", False)]
    text = ok("--config", routes_file, "route", "explain", "order.placed")
    assert re.search(r"^topic +sales-events$", text, re.M)
    assert re.search(r"^deletions +\*\.deleted +no +\S", text, re.M)


def test_route_coverage_says_which_routes_are_never_taken_and_ends_with_1(tmp_path):
    path = tmp_path / "shadow.json"
    routes = [{"name": "all", "pattern": "order.*", "transport": "main", "priority": 1},
              {"name": "cards", "pattern": "order.card.*", "transport": "main"}]
    path.write_text(json.dumps({**ROUTES, "routing": {"routes": routes}}))
    done = events("--config", path, "route", "coverage")
    assert done.returncode == 1
    assert re.search(r"^cards +never taken, all goes to +all +priority$", done.stdout, re.M)
    done = events("--config", path, "route", "coverage", "--json")
    assert json.loads(done.stdout)["shadowed"] == [{"route": 1, "by": 0, "because": "priority"}]


def test_route_explain_works_without_a_configuration_and_without_a_store():
    document = json.loads(ok("--json", "route", "explain", "user.created", "--redis", "redis://127.0.0.1:1"))
    assert (document["topic"], document["transports"]) == ("user-events", ["main"])


def test_route_explain_ends_with_1_when_nothing_takes_the_event(tmp_path):
    path = tmp_path / "none.json"
    path.write_text(json.dumps({**ROUTES, "routing": {**ROUTES["routing"], "defaultTransport": None}}))
    done = events("--config", path, "route", "explain", "user.created")
    assert done.returncode == 1
    assert "none takes it" in done.stdout


def test_config_check_accepts_a_valid_document_from_file_and_stdin(routes_file):
    assert "valid" in ok("config", "check", routes_file)
    assert "stdin: valid" in ok("config", "check", "-", stdin=json.dumps(ROUTES))
    assert json.loads(ok("config", "check", "--json", "--config", routes_file))["valid"] is True


def test_config_check_reports_every_fault_with_its_pointer(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"servce": "shop", "transports": {"main": {"type": "memry"}}, "publisher": {"timeout": "x"}}))
    done = events("config", "check", path)
    assert done.returncode == 3
    for pointer in ("/servce", "/transports/main/type", "/publisher/timeout"):
        assert pointer in done.stderr
    assert "service" in done.stderr
    report = json.loads(events("--json", "config", "check", path).stdout)
    assert report["valid"] is False and len(report["problems"]) >= 3


@pytest.mark.parametrize("text", ["{", "", "[]", "\x00", '{"service": "a"', "\ufeff{}"])
def test_config_check_ends_with_3_for_what_is_no_configuration(tmp_path, text):
    path = tmp_path / "odd.json"
    path.write_text(text)
    assert events("config", "check", path).returncode == 3


def test_a_configuration_that_cannot_be_read_ends_with_3(tmp_path):
    done = events("stats", "--config", tmp_path / "absent.json")
    assert done.returncode == 3
    assert "absent.json" in done.stderr and "No such file" in done.stderr
    assert events("config", "check", tmp_path).returncode == 3


def test_an_absent_store_ends_with_4_and_names_the_address():
    port = support.free_port()
    done = events("stats", "--redis", f"redis://127.0.0.1:{port}", "--timeout", "300")
    assert done.returncode == 4
    assert f"127.0.0.1:{port}" in done.stderr
    assert "default address" not in done.stderr
    done = events("stats", "--timeout", "300", env={"EVENTS_REDIS_URL": f"redis://127.0.0.1:{port}"})
    assert done.returncode == 4 and f"127.0.0.1:{port}" in done.stderr


def test_a_password_is_never_printed(tmp_path):
    port = support.free_port()
    url = f"redis://me:{SECRET}@127.0.0.1:{port}"
    path = tmp_path / "config.json"
    transports = {"main": {"type": "redis-streams", "url": url, "password": SECRET}}
    path.write_text(json.dumps({"service": "shop", "transports": transports, "oops": 1}))
    for done in (events("stats", "--redis", url, "--timeout", "300"), events("stats", "--redis", f"me:{SECRET}@nowhere"),
                 events("config", "check", path), events("--json", "config", "check", path),
                 events("--config", path, "stats"), events("stats", env={"EVENTS_REDIS_URL": url}),
                 events("--redis", f"http://{SECRET}@x", "publish", "a.b")):
        assert done.returncode in (3, 4)
        assert SECRET not in done.stdout + done.stderr


# ---- publish -----------------------------------------------------------------------------------------


def test_publish_prints_a_receipt_and_stores_the_exact_bytes(on, store):
    receipt = json.loads(on("publish", "order.placed", '{"b":1.10, "a":2}', "--json", "--key", "7", "--header", "trace=x=y"))
    assert receipt["outcome"] == "stored"
    assert (receipt["transport"], receipt["topic"], receipt["attempts"]) == ("main", "order-events", 1)
    assert set(receipt) == {
        "id", "outcome", "transport", "topic", "partition", "offset", "attempts", "acknowledgement", "duplicate",
    }
    assert (receipt["acknowledgement"], receipt["duplicate"]) == ("stored", False)
    (data,) = entries(store, "order-events")
    assert '"body":{"b":1.10, "a":2}' in data
    stored = json.loads(data)
    assert stored["headers"] == {"trace": "x=y"}
    assert stored["header"]["id"] == receipt["id"]


def test_publish_without_json_prints_one_line_with_the_address(on):
    line = on("publish", "order.placed", "7", "--id", "my-id-1", "--version", "2.0.0")
    assert re.fullmatch(r"stored my-id-1 main/order-events/\d+-\d+\n", line)


def test_publish_waits_for_what_is_asked_for_and_refuses_other_words(on, store):
    receipt = json.loads(on("publish", "order.placed", "7", "--json", "--ack", "none"))
    assert (receipt["outcome"], receipt["acknowledgement"]) == ("unknown", "none")
    done = events("publish", "order.placed", "7", "--json", "--ack", "replicated:2", "--redis", store.url)
    receipt = json.loads(done.stdout)
    assert (done.returncode != 0, receipt["outcome"], receipt["acknowledgement"]) == (True, "unknown", "stored")
    assert "0 of 2 replicas" in done.stderr and "it is unknown" in done.stderr
    for word in ("some", "stored:2", "replicated:x"):
        assert events("publish", "order.placed", "7", "--ack", word, "--redis", store.url).returncode == 2


def test_a_delayed_event_is_listed_and_taken_back(on, store):
    receipt = json.loads(on("publish", "order.later", "7", "--json", "--delay", "3600000", "--id", "e-1"))
    text = on("delayed", "--topic", "order-events")
    (row,) = text.splitlines()[1:]
    address = f"main/order-events/{receipt['offset']}"
    assert row.split()[0] == address and row.split()[2:] == ["order.later", "e-1"]
    assert on("delayed", "cancel", address) == "cancelled 1 of 1\n"
    assert events("delayed", "cancel", address, "--redis", store.url).returncode == 5
    assert json.loads(on("delayed", "--json")) == {"items": [], "next": None}
    assert entries(store, "order-events") == []


def test_publish_takes_the_body_from_stdin_and_null_when_there_is_none(on, store):
    on("publish", "order.placed", "-", stdin='{"id": 7}\n')
    on("publish", "order.placed")
    first, second = entries(store, "order-events")
    assert '"body":{"id": 7}}' in first
    assert json.loads(second)["body"] is None


@pytest.mark.parametrize(("type_", "body"), [("no good", "{}"), ("order.placed", "{oops"), ("", "{}"), ("a..b", "1"),
                                             ("order.placed", '"' + "x" * 1100000 + '"')],
                         ids=["type with a space", "body that is no JSON", "empty type", "empty segment", "body over the limit"])
def test_publish_of_an_invalid_event_ends_with_1_and_stores_nothing(store, type_, body):
    done = events("--redis", store.url, "publish", type_, "-", stdin=body)
    assert done.returncode == 1
    assert done.stderr.startswith("events: not stored")
    assert store.cli("DBSIZE") == "0"


def test_publish_refused_with_json_is_one_document_that_holds_the_error(store):
    done = events("--redis", store.url, "--json", "publish", "no good")
    receipt = json.loads(done.stdout)
    assert (done.returncode, receipt["outcome"], receipt["error"]["code"]) == (1, "refused", "EVS_VALIDATION")


def test_lines_are_all_stored_in_order_under_back_pressure(on, store):
    count = 25000
    text = "".join('{"type":"order.placed","body":%d,"id":"n%d"}\n' % (i, i) for i in range(count))
    receipts = [json.loads(line) for line in on("publish", "--lines", "--json", stdin=text).splitlines()]
    assert [receipt["id"] for receipt in receipts] == [f"n{i}" for i in range(count)]
    assert {receipt["outcome"] for receipt in receipts} == {"stored"}
    assert [receipt["line"] for receipt in receipts] == list(range(1, count + 1))
    assert int(store.cli("XLEN", "stream:{order-events}")) == count


def test_a_bad_line_is_reported_with_its_number_and_the_others_go_on(store):
    lines = ['{"type":"order.placed","body":1}', "{oops", "", '{"type":"no good"}', "[1]", '{"body":1}', '{"type":7}',
             '{"type":"order.placed","headers":[]}', '{"type":"order.placed","colour":1}', '{"type":"order.paid","body":2}']
    done = events("--redis", store.url, "publish", "-", stdin="\n".join(lines))
    assert done.returncode == 1
    assert re.findall(r"line (\d+):", done.stderr) == ["2", "4", "5", "6", "7", "8", "9"]
    assert "published 2 of 9" in done.stdout
    assert len(entries(store, "order-events")) == 2
    done = events("--redis", store.url, "publish", "--lines", "--json", stdin="\n".join(lines))
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [o["line"] for o in outcomes] == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert [o["outcome"] for o in outcomes] == ["stored"] + ["refused"] * 7 + ["stored"]
    assert all(o["error"]["message"] for o in outcomes[1:-1])


def test_lines_keep_the_exact_bytes_of_a_body_and_all_members(on, store):
    body = '{"z":0.1, "a":[1e5, 1.10, 123456789012345678901234567890], "t":"\\u00e4 } ] \\" \\\\"}'
    line = '{"headers":{"k":"v"}, "key":"7","id":"x1", "version":"2.1.0", "type":"order.placed", "%s" : ' + body + " }\r\n"
    on("publish", "--lines", stdin=line % "body" + line % "\\u0062ody")
    data, escaped = entries(store, "order-events")
    assert '"body":' + body in data and '"body":' + body in escaped
    stored = json.loads(data)
    assert stored["headers"] == {"k": "v"}
    assert (stored["header"]["id"], stored["header"]["version"]) == ("x1", "2.1.0")


def test_lines_tell_each_outcome_while_the_input_is_still_open(store):
    with start("--redis", store.url, "publish", "--lines", "--json", stdin=subprocess.PIPE) as process:
        for i in range(3):
            process.stdin.write('{"type":"order.placed","body":%d}\n' % i)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["outcome"] == "stored"
        process.stdin.close()
        assert process.wait(timeout=HANGS_AFTER) == 0


def test_lines_interrupted_finish_what_was_taken_and_end_with_1(store):
    with start("--redis", store.url, "publish", "--lines", "--json", stdin=subprocess.PIPE) as process:
        process.stdin.write('{"type":"order.placed","body":1}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["outcome"] == "stored"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=HANGS_AFTER) == 1
        assert "interrupted" in process.stderr.read()


def test_a_line_longer_than_any_body_is_skipped_without_the_others(store, tmp_path):
    path = tmp_path / "long.jsonl"
    with path.open("w") as file:
        file.write('{"type":"order.placed","body":"')
        for _ in range(66):
            file.write("x" * 1024 * 1024)
        file.write('"}\n{"type":"order.placed","body":2}\n')
    with path.open() as file:
        done = subprocess.run((EVENTS, "--redis", store.url, "publish", "--lines"), stdin=file, env=environment(),
                              capture_output=True, text=True, timeout=HANGS_AFTER)
    assert done.returncode == 1
    assert "line 1: the line is longer" in done.stderr
    assert "published 1 of 2" in done.stdout


# ---- tail --------------------------------------------------------------------------------------------


def test_tail_from_the_start_filters_by_pattern_and_stops_at_the_count(on):
    for i in range(3):
        on("publish", "order.placed", json.dumps({"id": i}))
        on("publish", "user.created", "1.10")
    lines = on("tail", "order.*", "--from-start", "--count", "2", "--json").splitlines()
    assert [json.loads(line)["body"] for line in lines] == [{"id": 0}, {"id": 1}]
    text = on("tail", "user.*", "--from-start", "--count", "1")
    assert re.fullmatch(r"\S+Z  user-events  \d+-\d+  user.created  1.10\n", text)


def test_tail_follows_and_shows_only_what_comes_after_it_started(on, store):
    on("publish", "order.placed", "0")
    with start("tail", "--json", "--redis", store.url) as process:
        seen = []

        def shown():
            on("publish", "order.placed", str(len(seen) + 1))
            seen.append(1)
            time.sleep(0.3)
            return process.poll() is None and os.read(process.stdout.fileno(), 65536)

        os.set_blocking(process.stdout.fileno(), False)

        def first():
            try:
                return shown()
            except BlockingIOError:
                return None

        text = until(first).decode()
        assert all(json.loads(line)["body"] >= 1 for line in text.splitlines())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=HANGS_AFTER) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tail_ends_cleanly_on_a_signal(on, store, number):
    on("publish", "order.placed", "1")
    with start("--redis", store.url, "tail", "--from-start") as process:
        assert "order.placed" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=HANGS_AFTER) == 0
        assert process.stderr.read() == ""


def test_tail_ends_cleanly_when_nobody_reads_any_more(on, store):
    on("publish", "order.placed", "1")
    with start("--redis", store.url, "tail", "--from-start") as process:
        assert "order.placed" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=HANGS_AFTER) == 0
        assert process.stderr.read() == ""


def test_tail_goes_on_by_itself_after_the_store_was_away():
    with support.RedisServer() as store:
        ok("--redis", store.url, "publish", "order.placed", "1")
        with start("--redis", store.url, "tail", "--from-start", "--json", "--timeout", "2000") as process:
            assert json.loads(process.stdout.readline())["body"] == 1
            store.process.terminate()
            store.process.wait()
            assert "waiting for the store" in process.stderr.readline()
            assert until(store._start)
            os.set_blocking(process.stdout.fileno(), False)

            def again():
                events("--redis", store.url, "publish", "order.placed", "2")
                return process.stdout.readline()

            assert json.loads(until(again))["body"] == 2
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=HANGS_AFTER) == 0


def test_tail_of_an_invalid_pattern_ends_with_2(store):
    done = events("--redis", store.url, "tail", "order..x")
    assert done.returncode == 2 and "EVS_VALIDATION" in done.stderr


def test_tail_makes_control_characters_harmless(on, store):
    on("publish", "order.placed", '"\u009b31m\u007f"')
    text = on("tail", "--from-start", "--count", "1")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u009b]", text)
    assert "\\x9b31m\\x7f" in text


def test_tail_shows_numbers_that_no_double_can_hold(on, store):
    on("publish", "order.placed", "[1e999, 123456789012345678901234567890]")
    text = on("tail", "order.*", "--from-start", "--count", "1")
    assert text.endswith("  order.placed  [1e999, 123456789012345678901234567890]\n")


def test_tail_survives_entries_that_others_wrote_wrongly(on, store):
    on("publish", "order.placed", "1")
    for fields in (("data", "{oops"), ("nonsense", "1"), ("data", ""), ("data", '{"v":99,"header":{}}'), ("data", "[]")):
        store.cli("XADD", "stream:{order-events}", "*", *fields)
    on("publish", "order.placed", "2")
    lines = on("tail", "order.*", "--from-start", "--count", "2", "--json").splitlines()
    assert [json.loads(line)["body"] for line in lines] == [1, 2]
    shown = on("tail", "--from-start", "--count", "7").splitlines()
    assert len([line for line in shown if "(malformed)" in line]) == 5
    assert any("{oops" in line for line in shown) and any("nonsense" in line for line in shown)
