# SPDX-License-Identifier: MIT
"""matrix_test.py - every language publishes, every language consumes. What one stored the other handles: byte by
byte, with headers, hash and partition; a dead letter of the one is requeued by the other."""

from __future__ import annotations

import contextlib
import ctypes
import json
import subprocess
import sys
import threading
import time

import libevents
import pytest
from languages import BUILD, HERE, RUNNERS, play

sys.path[:0] = [str(HERE.parent / "support"), str(HERE / "runners/python")]
from match import difference_in_any_order  # noqa: E402
from redis_server import RedisServer  # noqa: E402
from stage import event_of, run_of  # noqa: E402

MATRIX = HERE / "matrix"
LANGUAGES = [language for language in RUNNERS if "-" not in language]
SECONDS = 60
PAIRS = [(one, other) for one in LANGUAGES for other in LANGUAGES]


@pytest.fixture(scope="module")
def server():
    with RedisServer("--databases", str(len(PAIRS) + 1)) as running:
        yield running


def transports_file(path, config, *capabilities):
    path.write_text(json.dumps({"one": {"capabilities": [*capabilities], "config": config}}))
    return path


def play_acts(publisher, consumer, transports):
    acts = {"1-publish": publisher, "2-consume": consumer, "3-requeue": publisher, "4-consume-again": consumer}
    assert sorted(acts) == sorted(path.name for path in MATRIX.iterdir())
    for act, language in acts.items():
        played = play(language, MATRIX / act, transports)
        assert played.status == 0, f"{act} in {language}:\n{played.output}"
        assert played.counts()[-1] == "1 scenarios ran, 0 skipped, 0 failed"


@pytest.mark.parametrize("publisher,consumer", PAIRS)
def test_what_one_language_publishes_another_handles_over_redis(publisher, consumer, server, tmp_path):
    url = f"{server.url}/{PAIRS.index((publisher, consumer))}"
    play_acts(publisher, consumer, transports_file(tmp_path / "transports.json", {"type": "redis-streams", "url": url}))


@pytest.mark.parametrize("publisher,consumer", PAIRS)
def test_what_one_language_publishes_another_handles_over_a_file(publisher, consumer, tmp_path):
    file = {"type": "file", "path": str(tmp_path / "events.db")}
    play_acts(publisher, consumer, transports_file(tmp_path / "transports.json", file))


# ---- one process, one bus: the C library is loaded once, so C meets Python, and Node, in memory ---------------


def play_c(folder, transports):
    """Plays scenarios with the C runner within this process; gives whether all hold."""
    runner = ctypes.CDLL(str(BUILD / "tests/libevs_scenarios.so"))
    return runner.scenarios_run(str(folder).encode(), str(transports).encode()) == 0


def steps_of(act):
    return json.loads((MATRIX / act).read_text())[0]["steps"]


def openings(act):
    """Configurations of the systems that an act opens, by name."""
    return {step["at"]: step["config"] for step in steps_of(act) if step["do"] == "open"}


def system_on(bus, service, config):
    return libevents.SyncEventSystem({"service": service, "transports": {"main": bus}, **config})


def wait_until(condition):
    end = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def test_what_c_publishes_python_handles_over_a_memory_bus(tmp_path):
    bus = {"type": "memory", "name": "from c"}
    expected = next(step["gives"] for step in steps_of("2-consume/values.json") if step["do"] == "handled")
    runs = []
    with system_on(bus, "reader", openings("2-consume/values.json")["reader"]) as system:
        system.subscribe("*", lambda message, metadata: runs.append(run_of(message, metadata)))
        assert play_c(MATRIX / "1-publish", transports_file(tmp_path / "transports.json", bus))
        wait_until(lambda: len(runs) >= len(expected))
    assert difference_in_any_order(expected, runs) is None


def test_what_python_publishes_c_handles_over_a_memory_bus(tmp_path):
    bus = {"type": "memory", "name": "from python"}
    transports = transports_file(tmp_path / "transports.json", bus)
    holds = []
    with contextlib.ExitStack() as stack:
        writers = {
            name: stack.enter_context(system_on(bus, name, config))
            for name, config in openings("1-publish/values.json").items()
        }
        runner = threading.Thread(target=lambda: holds.append(play_c(MATRIX / "2-consume", transports)))
        runner.start()
        wait_until(lambda: writers["writer"].groups() or not runner.is_alive())  # the C side has subscribed
        for step in steps_of("1-publish/values.json"):
            if step["do"] == "publish":
                event = {name: step[name] for name in step.keys() - {"do", "at", "gives"}}
                writers[step["at"]].publish(**event_of(event))
        runner.join()
    assert holds == [True]


def test_what_c_and_node_publish_the_other_handles_over_a_memory_bus(tmp_path):
    program, addon = HERE / "runners/node/bus.mjs", BUILD / "tests/scenarios.node"
    done = subprocess.run(["node", str(program), str(addon), str(MATRIX), str(tmp_path)], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
