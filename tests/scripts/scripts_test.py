# SPDX-License-Identifier: MIT
"""scripts_test.py - what scripts/build leaves behind works from any folder and in any shell, and the scripts say
what they need."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ["build", "test", "bench", "abi-check", "format", "lint", "sanitize", "docs", "demo"]
ALL = 'echo "$PATH|$PYTHONPATH|$NODE_PATH|$NODE_OPTIONS"'
SHELLS = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]


def clean_environment() -> dict[str, str]:
    """As in a new terminal: nothing that the test runner set."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}


def shell(name: str, script: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([name, "-c", script], cwd=cwd, env=clean_environment(), capture_output=True, text=True,
                          timeout=60)


@pytest.mark.parametrize("name", SHELLS)
def test_env_makes_command_and_module_work_from_any_folder(name, tmp_path):
    script = f". '{ROOT}/build/env' && events --version && python3 -c 'import libevents; print(libevents.__file__)'"
    done = shell(name, script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(ROOT / "build/python/libevents") in done.stdout


@pytest.mark.parametrize("name", SHELLS)
def test_env_makes_the_package_work_in_node_from_any_folder(name, tmp_path):
    (tmp_path / "a.mjs").write_text("import { version } from 'libevents';\nconsole.log(version());\n")
    required = "node -p 'require(`libevents`).version()'"
    done = shell(name, f". '{ROOT}/build/env'; . '{ROOT}/build/env' && node a.mjs && {required}", tmp_path)
    assert done.returncode == 0, done.stderr
    imported, found = done.stdout.split()
    assert imported == found


def test_what_is_built_is_not_built_again():
    first, second = (subprocess.run([ROOT / "scripts/build"], capture_output=True, text=True, timeout=600) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert "no work to do" in second.stdout


@pytest.mark.parametrize("name", SHELLS)
def test_env_read_twice_changes_nothing_more(name, tmp_path):
    once = shell(name, f". '{ROOT}/build/env'; {ALL}", tmp_path)
    twice = shell(name, f". '{ROOT}/build/env'; . '{ROOT}/build/env'; {ALL}", tmp_path)
    assert once.stdout == twice.stdout != ""


@pytest.mark.parametrize("name", SHELLS)
def test_env_works_where_unset_variables_are_errors(name, tmp_path):
    done = shell(name, f"set -eu; . '{ROOT}/build/env'; command -v events", tmp_path)
    assert done.stdout.strip() == str(ROOT / "build/bin/events"), done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_explains_itself(script, tmp_path):
    done = subprocess.run([ROOT / "scripts" / script, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: scripts/{script}")


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_refuses_an_unknown_option(script, tmp_path):
    done = subprocess.run([ROOT / "scripts" / script, "--no-such-option"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 2 and "no-such-option" in done.stderr


@pytest.mark.parametrize(("words", "said"), [(("file", "3"), "goes with speed"), (("--scale", "0.5", "gate"), "goes with speed"),
                                             (("speed", "order", "3"), "one measurement"), (("--json",), "needs a value"),
                                             (("nothing",), "no measurement")])
def test_bench_refuses_what_a_measurement_does_not_have(words, said, tmp_path):
    done = subprocess.run([ROOT / "scripts/bench", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr


def require(tools: dict[str, str], script: str, tmp_path: Path) -> subprocess.CompletedProcess:
    """Runs packages.sh with commands of our own in front: name → text of a shell script."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, text in tools.items():
        path = bin_folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    env = clean_environment() | {"PATH": f"{bin_folder}:/usr/bin:/bin"}
    return subprocess.run(["bash", "-c", f". '{ROOT}/scripts/lib/packages.sh'; {script}; echo went on"], env=env,
                          cwd=tmp_path, capture_output=True, text=True, timeout=60)


DPKG = "echo 'cmake installed'; echo 'ninja-build config-files'"


def test_an_ordinary_user_gets_one_line_and_status_3(tmp_path):
    done = require({"id": "echo 1000", "dpkg-query": DPKG, "apt-get": "echo called >&2"},
                   "require_packages testing cmake ninja-build clang", tmp_path)
    assert done.returncode == 3
    assert done.stdout == "sudo apt-get install ninja-build clang\n"
    assert "called" not in done.stderr


def test_nothing_missing_goes_on_without_apt(tmp_path):
    done = require({"id": "echo 1000", "dpkg-query": DPKG, "apt-get": "echo called >&2"},
                   "require_packages testing cmake", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_root_installs_what_is_missing_by_name(tmp_path):
    done = require({"id": "echo 0", "dpkg-query": DPKG, "apt-cache": "exit 0", "apt-get": "echo \"apt-get $*\""},
                   "require_packages testing cmake ninja-build clang", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("apt-get")] == [
        "apt-get install -y -q --no-install-recommends ninja-build clang"]


def test_root_updates_the_lists_only_where_packages_are_unknown(tmp_path):
    done = require({"id": "echo 0", "dpkg-query": DPKG, "apt-cache": "exit 100", "apt-get": "echo \"apt-get $*\""},
                   "require_packages testing clang", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stderr.splitlines() if line.startswith("apt-get")] == ["update", "install"]


def test_a_failed_installation_ends_with_status_3(tmp_path):
    done = require({"id": "echo 0", "dpkg-query": DPKG, "apt-cache": "exit 100", "apt-get": "exit 100"},
                   "require_packages testing clang", tmp_path)
    assert done.returncode == 3 and "clang" in done.stderr


def test_elsewhere_it_says_what_is_missing_and_why(tmp_path):
    done = require({}, "command() { [ \"$2\" != dpkg-query ] && [ \"$2\" != no-such-tool ] && builtin command \"$@\"; }; "
                       "evs_has_header() { :; }; require_packages testing uthash-dev python3", tmp_path)
    assert done.returncode == 3 and "testing needs" in done.stderr and "uthash-dev" in done.stderr
