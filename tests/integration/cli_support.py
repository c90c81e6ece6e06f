# SPDX-License-Identifier: MIT
"""For tests of the command `events`, as a shell sees it: output, exit codes, signals and pipes, against a redis-server of
the tests' own. EVS_EVENTS names the program, else EVS_BUILD_DIR or build/ is searched."""

import importlib.util
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))
EVENTS = os.environ.get("EVS_EVENTS", str(BUILD / "bin" / "events"))
VERBS = ("publish", "delayed", "delayed cancel", "tail", "dlq list", "dlq groups", "dlq show", "dlq requeue",
         "dlq discard", "dlq archive", "dlq restore", "dlq log", "route explain", "route coverage", "pattern test", "stats", "topics remove", "groups",
         "groups pause", "groups resume", "replay start", "replay list", "replay show", "replay pause",
         "replay resume", "replay abort", "retention", "file check", "file vacuum", "file backup", "file copy", "audit",
         "fleet", "health", "doctor", "schema check", "schema compat", "schema register", "schema list", "schema show",
         "schema set", "schema remove", "schema diff", "asyncapi", "bench", "config check")
SECRET = "s3cr3t-word"
HANGS_AFTER = 300  # seconds: a program that has not ended then stands still, however busy the machine is


def load_server_support():
    spec = importlib.util.spec_from_file_location("evs_redis_server", ROOT / "tests/support/redis_server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


support = load_server_support()


def counts(name):
    """How many, in a short or a long run."""
    table = json.loads((ROOT / "tests/support/counts.json").read_text())
    return table[name]["long" if os.environ.get("EVS_LONG") else "short"]


def environment(**more):
    """The command carries its own sanitizer, and its leaks count: the interpreter's settings are not for it."""
    env = support.plain_environment()
    env.pop("EVENTS_REDIS_URL", None)
    if "ASAN_OPTIONS" in env:
        env["ASAN_OPTIONS"] = env["ASAN_OPTIONS"].replace("detect_leaks=0", "detect_leaks=1")
    return env | more


def events(*args, stdin=None, env=None, timeout=HANGS_AFTER):
    done = subprocess.run((EVENTS, *map(str, args)), input=stdin, env=environment(**(env or {})),
                          capture_output=True, text=True, timeout=timeout)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def ok(*args, **more):
    done = events(*args, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(condition, seconds=60.0):
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
                              capture_output=True, text=True, timeout=HANGS_AFTER)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[1:]

    return run


def entries(store, topic):
    """The `data` fields of a topic's stream, oldest first."""
    lines = store.cli("--raw", "XRANGE", "stream:{%s}" % topic, "-", "+").splitlines()
    return [lines[i + 1] for i, line in enumerate(lines) if line == "data"]


ROUTES = {"service": "shop", "transports": {"main": {"type": "memory"}}, "routing": {"routes": [
    {"name": "orders", "pattern": "order.*", "transport": "main", "topic": "sales", "priority": 2},
    {"name": "deletions", "pattern": "*.deleted", "transport": "main"}]}}


@pytest.fixture
def routes_file(tmp_path):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(ROUTES))
    return path
