# SPDX-License-Identifier: MIT
"""The command `events` as a shell sees it: output, exit codes, signals and pipes, against a redis-server of
the tests' own. EVS_EVENTS names the program, else EVS_BUILD_DIR or build/ is searched."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
EVENTS = os.environ.get("EVS_EVENTS", str(BUILD / "bin" / "events"))
VERBS = ("publish", "tail", "dlq list", "dlq show", "dlq requeue", "dlq discard", "route explain", "pattern test",
         "stats", "groups", "config check")
SECRET = "s3cr3t-word"


def load_server_support():
    spec = importlib.util.spec_from_file_location("evs_redis_server", ROOT / "tests/support/redis_server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


support = load_server_support()


def environment(**more):
    """The command carries its own sanitizer, and its leaks count: the interpreter's settings are not for it."""
    env = support.plain_environment()
    env.pop("EVENTS_REDIS_URL", None)
    if "ASAN_OPTIONS" in env:
        env["ASAN_OPTIONS"] = env["ASAN_OPTIONS"].replace("detect_leaks=0", "detect_leaks=1")
    return env | more


def events(*args, stdin=None, env=None, timeout=60):
    done = subprocess.run((EVENTS, *map(str, args)), input=stdin, env=environment(**(env or {})),
                          capture_output=True, text=True, timeout=timeout)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def ok(*args, **more):
    done = events(*args, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not reached within {seconds} s"
        time.sleep(0.02)
    return value


def start(*args, **more):
    return subprocess.Popen((EVENTS, *map(str, args)), env=environment(), text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **more)


@pytest.fixture(scope="module")
def server():
    with support.RedisServer() as running:
        yield running


@pytest.fixture
def store(server):
    server.cli("FLUSHALL")
    return server


@pytest.fixture
def on(store):
    """Runs the command on the store and gives its output."""
    return lambda *args, **more: ok("--redis", store.url, *args, **more)


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """Builds the consumer against the library that the command uses, with the same sanitizer."""
    program = tmp_path_factory.mktemp("consumer") / "consumer"
    env = support.plain_environment()
    linked = subprocess.run(("ldd", EVENTS), capture_output=True, text=True, check=True, env=env).stdout
    library = Path(re.search(r"libevents\.so\S* => (\S+)", linked)[1])
    symbols = subprocess.run(("nm", "-D", library), capture_output=True, text=True, check=True, env=env).stdout
    flags = ["-fsanitize=address,undefined"] if "__asan_init" in symbols else []
    flags += ["-fsanitize=thread"] if "__tsan_init" in symbols else []
    subprocess.run(("gcc", "-std=c11", *flags, ROOT / "tests/integration/cli_consumer.c", "-o", program,
                    f"-I{ROOT}/libevents/include", library, f"-Wl,-rpath,{library.parent}"), check=True, env=env)

    def run(url, pattern, group, how, count, message="webhook down: 503"):
        done = subprocess.run((program, url, pattern, group, how, str(count), message), env=environment(),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[1:]

    return run


def entries(store, topic):
    """The `data` fields of a topic's stream, oldest first."""
    lines = store.cli("--raw", "XRANGE", "stream:{%s}" % topic, "-", "+").splitlines()
    return [lines[i + 1] for i, line in enumerate(lines) if line == "data"]


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


ROUTES = {"service": "shop", "transports": {"main": {"type": "memory"}}, "routing": {"routes": [
    {"name": "orders", "pattern": "order.*", "transport": "main", "topic": "sales", "priority": 2},
    {"name": "deletions", "pattern": "*.deleted", "transport": "main"}]}}


@pytest.fixture
def routes_file(tmp_path):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(ROUTES))
    return path


def test_route_explain_says_which_route_won_and_why_others_lost(routes_file):
    document = json.loads(ok("route", "explain", "order.placed", "--config", routes_file, "--json"))
    assert document["topic"] == "sales-events"
    assert document["transports"] == ["main"]
    assert [(r["name"], r["matched"]) for r in document["routes"]] == [("orders", True), ("deletions", False)]
    text = ok("--config", routes_file, "route", "explain", "order.placed")
    assert re.search(r"^topic +sales-events$", text, re.M)
    assert re.search(r"^deletions +\*\.deleted +no +\S", text, re.M)


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
    assert set(receipt) == {"id", "outcome", "transport", "topic", "partition", "offset", "attempts"}
    (data,) = entries(store, "order-events")
    assert '"body":{"b":1.10, "a":2}' in data
    stored = json.loads(data)
    assert stored["headers"] == {"trace": "x=y"}
    assert stored["header"]["id"] == receipt["id"]


def test_publish_without_json_prints_one_line_with_the_address(on):
    line = on("publish", "order.placed", "7", "--id", "my-id-1", "--version", "2.0.0")
    assert re.fullmatch(r"stored my-id-1 main/order-events/\d+-\d+\n", line)


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
        assert process.wait(timeout=20) == 0


def test_lines_interrupted_finish_what_was_taken_and_end_with_1(store):
    with start("--redis", store.url, "publish", "--lines", "--json", stdin=subprocess.PIPE) as process:
        process.stdin.write('{"type":"order.placed","body":1}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["outcome"] == "stored"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 1
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
                              capture_output=True, text=True, timeout=60)
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
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tail_ends_cleanly_on_a_signal(on, store, number):
    on("publish", "order.placed", "1")
    with start("--redis", store.url, "tail", "--from-start") as process:
        assert "order.placed" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def test_tail_ends_cleanly_when_nobody_reads_any_more(on, store):
    on("publish", "order.placed", "1")
    with start("--redis", store.url, "tail", "--from-start") as process:
        assert "order.placed" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=10) == 0
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
            assert process.wait(timeout=10) == 0


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
    assert re.search(r'^body +\{"id": [12]\}$', text, re.M)
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


def test_dlq_discard_removes_for_good(on, dead):
    assert on("dlq", "discard", dead[0]["id"]) == "discarded 1\n"
    assert dead[0]["id"] not in [item["id"] for item in dead_letters(on)]
    assert json.loads(on("dlq", "discard", "--all", "--json"))["discarded"] == 2
    assert dead_letters(on) == []


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
                                  env=environment(), timeout=30)
        assert done.returncode == 1, args
        assert "cannot write the output" in done.stderr


def test_what_a_transport_cannot_do_ends_with_1(routes_file):
    done = events("--config", routes_file, "dlq", "list")
    assert done.returncode == 1
    assert "EVS_UNSUPPORTED" in done.stderr
