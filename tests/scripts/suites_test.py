# SPDX-License-Identifier: MIT
"""suites_test.py - the runner of the suites counts what ran, and a failure cannot hide."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

import suites  # noqa: E402

PYTEST = "..F\n=== short test summary info ===\nFAILED a.py::b\n1 failed, 42 passed, 3 skipped in 75.31s (0:01:15)\n"
CTEST = ("1: [==========] Running 3 test(s).\n1: [  PASSED  ] 2 test(s).\n1: [  FAILED  ] 1 test(s), listed below:\n"
         "2: [  PASSED  ] 5 test(s).\n50% tests passed, 1 tests failed out of 2\n")
NODE = "\u2139 tests 9\n\u2139 pass 6\n\u2139 fail 1\n\u2139 cancelled 0\n\u2139 skipped 2\n"


@pytest.fixture(autouse=True)
def logs_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(suites, "LOGS", tmp_path)
    monkeypatch.setattr(suites, "ROOT", tmp_path)


def suite(*steps: suites.Step, seconds: int = 60) -> suites.Suite:
    return suites.Suite("sample", "", steps, seconds=(seconds, seconds))


def verdict(sample: suites.Suite) -> tuple[int, int]:
    result = suites.run_suite(sample, False)
    return result.passed, result.failed


@pytest.mark.parametrize("text,ok,expected", [
    (PYTEST, False, (42, 1, 3)),
    ("7 passed in 0.10s\n", True, (7, 0, 0)),
    ("1 passed, 2 errors in 0.10s\n", False, (1, 2, 0)),
    (CTEST, False, (7, 1, 0)),
    ("100% tests passed, 0 tests failed out of 4\n", True, (4, 0, 0)),
    (NODE, False, (6, 1, 2)),
    ("whatever\n", True, (1, 0, 0)),
    ("whatever\n", False, (0, 1, 0)),
    ("7 passed in 0.10s\n", False, (7, 1, 0)),
])
def test_counts_tests_of_a_step(text, ok, expected):
    assert suites.count(text, ok) == expected


def test_what_takes_longest_runs_by_name_or_with_long_only():
    table = {each.name: each for each in (suites.Suite("quick", "", ()), suites.Suite("slow", "", (), by_name=True))}
    assert [each.name for each in suites.choose(table, [], False)] == ["quick"]
    assert [each.name for each in suites.choose(table, [], True)] == ["quick", "slow"]
    assert [each.name for each in suites.choose(table, ["slow"], False)] == ["slow"]


def test_a_step_that_fails_fails_its_suite():
    assert verdict(suite(suites.sh("true"), suites.sh("false"))) == (1, 1)


def test_steps_beside_each_other_run_at_the_same_time_and_each_counts(tmp_path):
    meet = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.02; done; echo {3} passed in 0.1s"
    both = tuple(suites.sh("sh", "-c", meet.format(tmp_path, *names, number))
                 for names, number in ((("a", "b"), 3), (("b", "a"), 4)))
    assert verdict(suite(both)) == (7, 0)
    log = (tmp_path / "sample.log").read_text()
    assert log.index("3 passed") < log.index("4 passed")
    assert verdict(suite((suites.sh("true"), suites.sh("false"), suites.sh("false")))) == (1, 2)


def test_a_step_that_should_fail_and_does_not_fails_its_suite():
    assert verdict(suite(suites.sh("false", status=1))) == (1, 0)
    assert verdict(suite(suites.sh("true", status=1))) == (0, 1)


def test_a_program_that_does_not_exist_fails_its_suite():
    assert verdict(suite(suites.sh("no-such-program"))) == (0, 1)


def test_a_suite_past_its_time_is_stopped_with_its_children_and_fails(tmp_path):
    begun = time.monotonic()
    step = suites.sh("sh", "-c", f"sleep 600 & echo $! > {tmp_path}/child; wait")
    assert verdict(suite(step, seconds=1)) == (0, 1)
    assert time.monotonic() - begun < 60
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and "State:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline, "the child outlived its suite"
        time.sleep(0.02)


def named(name: str, kind: str, script: str) -> suites.Suite:
    return suites.Suite(name, "", (suites.sh("sh", "-c", script),), kind=kind)


def test_a_suite_that_waits_is_run_beside_one_that_works_and_all_are_told(tmp_path, capsys):
    meet = "touch {0}/{1}; until [ -e {0}/{2} ]; do sleep 0.02; done"
    results = suites.run([named("waits", suites.WAITS, meet.format(tmp_path, "a", "b")),
                          named("first", suites.FIRST, f"[ ! -e {tmp_path}/a ] && [ ! -e {tmp_path}/b ]"),
                          named("works", suites.WORKS, meet.format(tmp_path, "b", "a")),
                          named("fails", suites.WORKS, "false")], False)
    assert (sum(each.passed for each in results), sum(each.failed for each in results)) == (3, 1)
    told = [line.split()[:2] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert told[0] == ["first", "ok"] and sorted(told[1:]) == [["fails", "failed"], ["waits", "ok"], ["works", "ok"]]


def test_suites_whose_runner_ends_have_failed(capsys):
    def run(suite: suites.Suite) -> suites.Result:
        if suite.name == "deadly":
            os._exit(0)
        return suites.Result("fine\n", 1, 0)

    lane = [named(name, suites.WAITS, "true") for name in ("fine", "deadly", "never")]
    results = suites.run_lanes([lane], run)
    assert [(each.passed, each.failed) for each in results] == [(1, 0), (0, 1), (0, 1)]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["fine", "deadly", "never"]


def test_ending_the_runner_ends_what_it_runs(tmp_path):
    program = (f"import sys; sys.path.insert(0, '{ROOT}/scripts/lib'); from pathlib import Path; import suites\n"
               f"suites.LOGS = Path('{tmp_path}')\n"
               f"suites.table = lambda long: [suites.Suite('sample', '', (suites.sh('sh', '-c', "
               f"'echo $$ > {tmp_path}/child; exec sleep 600'),))]\n"
               "sys.argv = ['test']; sys.exit(suites.main())")
    runner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    runner.terminate()
    assert runner.wait(timeout=20) == 130
    assert not Path(f"/proc/{int((tmp_path / 'child').read_text())}").exists()


def test_a_step_can_be_interrupted_though_the_runner_ignores_that():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert verdict(suite(suites.sh("sh", "-c", "kill -INT $$; sleep 600", status=-signal.SIGINT))) == (1, 0)
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_suite_is_listed_with_what_it_is():
    done = subprocess.run([ROOT / "scripts/test", "--list"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    listed = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert [name for name, _ in listed] == [entry.name for entry in suites.table(False)]


def test_an_unknown_suite_is_an_error_that_names_the_known_ones():
    done = subprocess.run([ROOT / "scripts/test", "no-such-suite"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "no-such-suite" in done.stderr and "structure" in done.stderr


def test_long_runs_are_longer():
    short = {entry.name: entry for entry in suites.table(False)}
    assert all(entry.seconds[1] > short[entry.name].seconds[0] for entry in suites.table(True))
    assert all(count["long"] > count["short"] for count in suites.COUNTS.values())
