# SPDX-License-Identifier: MIT
"""`events bench`: what it counts is what happened, and what is lost, repeated or late is seen."""

import json
import os
import pty
import signal
import time
import xml.etree.ElementTree

import pytest

from cli_support import environment, events, ok, server, start, store, until  # noqa: F401 - fixtures are used by name
from cli_support import EVENTS, HANGS_AFTER

STALL_SECONDS = 1.0


def bench(*args, code=0):
    done = events("bench", *args, "--json")
    assert (done.returncode, done.stderr) == (code, "")
    return json.loads(done.stdout)


def on_redis(store, *args):
    return start("bench", "--redis", store.url, "--json", *args)


def end(process, code):
    out, err = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == code, err
    return json.loads(out)


def topic_of(store):
    """The topic of the run that goes on, once it has an event."""
    key = until(lambda: store.cli("--raw", "KEYS", "stream:{bench-*").split())[0]
    until(lambda: int(store.cli("XLEN", key)) > 0)
    return key.removeprefix("stream:{").removesuffix("}")


@pytest.fixture(params=["memory", "redis", "file"])
def place(request, tmp_path):
    if request.param == "redis":
        return ("--redis", request.getfixturevalue("store").url)
    return ("--memory",) if request.param == "memory" else ("--file", tmp_path / "events.db")


# ---- what it counts ------------------------------------------------------------------------------------


def test_every_event_is_counted_once_on_every_store(place):
    told = bench(*place, "--count", 5000, "--publishers", 2, "--consumers", 2)
    published, handled = told["published"], told["handled"]
    assert (published["offered"], published["stored"], published["refused"], published["unknown"]) == (5000, 5000, 0, 0)
    assert (handled["handled"], handled["lost"], handled["repeated"], handled["wrong"]) == (5000, 0, 0, 0)
    assert published["latencyMs"]["count"] == handled["latencyMs"]["count"] == 5000
    assert told["corrected"] is False


def test_each_pattern_gets_the_types_that_it_matches():
    told = bench("--memory", "--count", 4000, "--types", 4, "--pattern", "bench.*", "--pattern", "bench.t3")
    assert told["handled"]["patterns"] == [{"pattern": "bench.*", "expected": 4000, "lost": 0},
                                           {"pattern": "bench.t3", "expected": 1000, "lost": 0}]
    assert told["handled"]["handled"] == 5000


def test_bodies_have_the_sizes_that_were_asked_for(store):
    process = on_redis(store, "--rate", 100, "--duration", 3, "--size", "100-140")
    key = "stream:{%s}" % topic_of(store)

    def found():
        rows = [line for line in store.cli("--raw", "XRANGE", key, "-", "+").splitlines() if '"body":' in line]
        return rows if len(rows) > 100 else None

    sizes = {len(row[row.index('"body":') + len('"body":'):-1]) for row in until(found)}
    assert min(sizes) >= 100 and max(sizes) <= 140 and len(sizes) > 5
    end(process, 0)


def test_without_consumers_it_only_publishes():
    told = bench("--memory", "--count", 100, "--consumers", 0)
    assert told["handled"] is None and told["published"]["stored"] == 100


def test_a_rate_gives_latencies_from_when_events_were_due():
    told = bench("--memory", "--rate", 1000, "--count", 500)
    assert told["corrected"] is True and told["published"]["late"] == 0
    for side in ("published", "handled"):
        due, offer = told[side]["latencyMs"], told[side]["latencyFromOfferMs"]
        assert all(due[name] >= offer[name] for name in ("mean", "p50", "p90", "p99", "p999", "p9999", "max"))


def test_a_stall_of_the_command_itself_is_in_the_latencies(store):
    process = on_redis(store, "--rate", 1000, "--count", 3000)
    topic_of(store)
    process.send_signal(signal.SIGSTOP)
    time.sleep(STALL_SECONDS)  # the stall, which is what is measured
    process.send_signal(signal.SIGCONT)
    told = end(process, 0)["published"]
    assert told["offered"] == 3000 and told["latencyMs"]["max"] >= STALL_SECONDS * 900
    assert told["latencyMs"]["mean"] > told["latencyFromOfferMs"]["mean"]


def test_nothing_of_it_stays_in_the_store(place):
    ok("bench", *place, "--count", 300, "--pattern", "bench.*", "--pattern", "bench.t0")
    if place[0] != "--memory":
        assert json.loads(ok("stats", *place, "--json"))["topics"] == []


def test_redis_has_no_key_of_it_afterwards_and_those_of_others(store):
    ok("publish", "order.placed", "7", "--redis", store.url)
    before = set(store.cli("--raw", "KEYS", "*").split())
    ok("bench", "--redis", store.url, "--count", 300)
    assert set(store.cli("--raw", "KEYS", "*").split()) == before | {"evs:audit"}
    assert store.cli("--raw", "HKEYS", "evs:topics").split().count("order-events") == 1


# ---- what is wrong -------------------------------------------------------------------------------------


def test_an_event_that_another_one_took_is_lost_and_ends_with_1(store):
    process = on_redis(store, "--duration", 3, "--timeout", 2000)
    topic = topic_of(store)
    until(lambda: "bench.t0" in store.cli("XREADGROUP", "GROUP", f"{topic}-0", "thief", "COUNT", "1", "NOACK", "STREAMS",
                                          "stream:{%s}" % topic, ">"))
    assert end(process, 1)["handled"]["lost"] >= 1


def test_repeated_and_foreign_events_are_told_apart(store):
    process = on_redis(store, "--rate", 100, "--duration", 3)
    key = "stream:{%s}" % topic_of(store)
    data = store.cli("--raw", "XRANGE", key, "-", "+", "COUNT", "1").splitlines()[2]
    foreign = json.loads(data)
    foreign["header"].pop("hash", None)
    foreign["body"]["run"] = "00000000"
    for text in (data, json.dumps(foreign, separators=(",", ":"))):
        store.cli("XADD", key, "*", "data", text)
    handled = end(process, 1)["handled"]
    assert (handled["lost"], handled["repeated"], handled["wrong"]) == (0, 1, 1)


def test_what_is_refused_is_counted_with_the_reason_and_ends_with_1():
    told = bench("--memory", "--count", 3, "--size", 2000000, code=1)
    assert told["published"]["refused"] == 3 and "1048576" in told["refusal"]


def test_a_rate_that_cannot_be_held_is_said():
    told = bench("--memory", "--rate", 10000000, "--duration", 1)
    assert told["published"]["late"] > 0
    assert "too fast" in ok("bench", "--memory", "--rate", 10000000, "--duration", 1)


@pytest.mark.parametrize(("args", "says"), [
    (("--size", "99"), "100 to"),
    (("--size", "200-100"), "a range"),
    (("--size", "1x"), "a range"),
    (("--rate", "0"), "from 1 to"),
    (("--consumers", "0", "--pattern", "bench.*"), "--consumers 0"),
    (("--pattern", "user.*"), "takes nothing"),
    (("--pattern", "bench..x"), "byte 6"),
    (("--chart", "/nowhere/at/all.svg"), "cannot be written"),
    (("--redis", "redis://127.0.0.1:1"), "one of them"),
    (("--pattern", "bench.*") * 17, "16 times"),
])
def test_wrong_options_end_with_2_and_say_why(args, says):
    done = events("bench", "--memory", *args)
    assert (done.returncode, done.stdout) == (2, "") and says in done.stderr


@pytest.mark.parametrize(("transports", "says"), [
    ({"a": {"type": "memory"}}, "give it a `name`"),
    ({"a": {"type": "memory", "name": "x"}, "b": {"type": "memory", "name": "y"}}, "--transport NAME"),
])
def test_a_configuration_has_to_say_where_the_events_go(tmp_path, transports, says):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps({"service": "shop", "transports": transports}))
    done = events("bench", "--config", path, "--count", 5)
    assert done.returncode == 2 and says in done.stderr


# ---- what people see -----------------------------------------------------------------------------------


def test_ctrl_c_ends_it_with_what_was_measured(store):
    process = on_redis(store, "--rate", 500, "--duration", 600)
    topic_of(store)
    process.send_signal(signal.SIGINT)
    told = end(process, 0)
    assert told["published"]["stored"] == told["handled"]["handled"] > 0


def test_progress_is_shown_on_a_terminal_and_not_in_a_pipe():
    ours, theirs = pty.openpty()
    pid = os.posix_spawn(EVENTS, [EVENTS, "bench", "--memory", "--rate", "100", "--duration", "3"], environment(),
                         file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 2), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    assert os.waitpid(pid, 0)[1] == 0
    assert b"to be handled" in os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)
    assert events("bench", "--memory", "--rate", 100, "--duration", 2).stderr == ""


def test_the_chart_is_a_picture_with_both_panels(tmp_path):
    path = tmp_path / "bench.svg"
    ok("bench", "--memory", "--rate", 1000, "--duration", 1, "--chart", path)
    root = xml.etree.ElementTree.parse(path).getroot()
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 4 and all(len(line.get("points").split()) > 3 for line in lines)


def test_what_a_killed_one_left_is_removed_by_force(store):
    process = on_redis(store, "--rate", 100, "--duration", 60)
    topic = topic_of(store)
    process.kill()
    process.wait()
    refused = events("topics", "remove", topic, "--redis", store.url)
    assert refused.returncode == 1 and "members" in refused.stderr
    assert json.loads(ok("topics", "remove", topic, "--force", "--json", "--redis", store.url))["entries"] > 0
    assert store.cli("--raw", "KEYS", f"*{topic}*").split() == []
