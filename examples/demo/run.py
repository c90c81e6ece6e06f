#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the demo: makes a file of events, or starts its own redis-server, and the programs, brings them to a quiet end, requeues the
dead letters through the dashboard's REST interface, and lets the checker judge. Called by scripts/demo after the build.

It waits for states, never for times alone, and every wait has a deadline.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import children as children_module
import dashboard
import ledger
import redis_server
import settings
import store

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("EVS_BUILD_DIR", os.path.join(ROOT, "build"))
NODE_BINDING = os.path.join(BUILD, "node", "libevents", "libevents.node")
START_SECONDS = 20.0
QUIET_SECONDS = 60.0
REQUEUE_SECONDS = 60.0
CHECK_SECONDS = 120.0
POLL_SECONDS = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Ctrl-C, or a request to terminate."""


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


FAILURES = (DemoError, dashboard.DashboardError, children_module.ChildEnded, OSError, *store.FAILURES,
            subprocess.SubprocessError)


class Demo:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = _run_folder(arguments.keep)
        self.children = children_module.Children(os.path.join(self.folder, "logs"))
        self.store = os.path.join(self.folder, "events.db")
        self.dashboard = None

    # ---- start --------------------------------------------------------------------------------------

    def start(self):
        if self.arguments.redis:
            self.store = redis_server.start(self.children, os.path.join(self.folder, "redis"))
        self._write_plan()
        self._program("webhook")
        webhook = self._wait_for("webhook", lambda state: state.get("url"))
        self._program("publisher", "--store", self.store)
        totals = [] if self.arguments.once else ["--print-every", "5"]
        lose = ["--lose-one"] if self.arguments.break_ == "lose-one" else []
        self._program("aggregator", "--store", self.store, *totals, *lose, show_output=bool(totals))
        self._program("forwarder", "--store", self.store, "--webhook", webhook["url"], runs_in="node")
        self._program("load", "--sources", os.path.join(ROOT, "examples", "c"), "--compile", compile_command())
        for name in ("publisher", "aggregator", "forwarder"):
            self._wait_for(name, lambda state: state.get("ready"))
        self.dashboard = dashboard.start(self.children, self.folder, self.source(), self.arguments.listen)
        self._begin_webhook_time()

    def source(self):
        """How the command `events` is told where events are."""
        return ("--redis" if self.arguments.redis else "--file", self.store)

    def _program(self, name, *arguments, runs_in="python", show_output=False):
        interpreter, ending = {"python": (sys.executable, ".py"), "node": ("node", ".mjs")}[runs_in]
        command = [interpreter, os.path.join(HERE, name + ending), "--dir", self.folder, *arguments]
        self.children.start(name, command, show_output)

    def _begin_webhook_time(self):
        self.children.tell("webhook", b"\n")

    def _write_plan(self):
        """What the checker and the forwarder have to know of this run."""
        groups = {settings.AGGREGATOR: None, settings.FORWARDER: settings.FORWARDED_TYPES}
        plan = {
            "store": self.store,
            "publisher": "publisher",
            "forwarder": settings.FORWARDER,
            "groups": {
                name: {"ledger": "handled-%s.jsonl" % name, "types": types} for name, types in groups.items()
            },
        }
        with open(os.path.join(self.folder, "demo.json"), "w", encoding="utf-8") as file:
            json.dump(plan, file, indent=1)

    # ---- waiting ------------------------------------------------------------------------------------

    def _wait_for(self, name, condition, seconds=START_SECONDS):
        """Waits until the state of a program fulfils a condition; returns that state."""
        until = time.monotonic() + seconds
        while True:
            state = ledger.read_state(self.folder, name)
            if condition(state):
                return state
            self.children.check()
            if time.monotonic() > until:
                raise DemoError("%s was not ready within %d s; see %s" % (name, seconds, self.children.log(name)))
            time.sleep(POLL_SECONDS)

    def wait_until_quiet(self):
        """Waits until both groups have read everything and have nothing pending."""
        until = time.monotonic() + QUIET_SECONDS
        groups = (settings.AGGREGATOR, settings.FORWARDER)
        with store.opened(self.store) as look:
            streams = [look.stream(topic) for topic in settings.TOPICS]
            while reasons := store.busy(look, streams, groups):
                self.children.check()
                if time.monotonic() > until:
                    say("Not quiet within %d s: %s" % (QUIET_SECONDS, "; ".join(reasons)))
                    return
                time.sleep(POLL_SECONDS)

    def webhook_is_up(self):
        return ledger.read_state(self.folder, "webhook").get("phase") == "up"

    # ---- the two ways to run ------------------------------------------------------------------------

    def publish_unattended(self):
        """Lets the programs run until there is enough to judge, or the deadline is over."""
        began = time.monotonic()
        while time.monotonic() - began < settings.PUBLISH_DEADLINE_SECONDS:
            self.children.check()
            long_enough = time.monotonic() - began >= settings.PUBLISH_SECONDS
            if long_enough and self.webhook_is_up() and self._has_published_enough():
                return
            time.sleep(POLL_SECONDS)

    def _has_published_enough(self):
        records = ledger.read(os.path.join(self.folder, "published.jsonl"))
        stored = {r["id"] for r in records if r["outcome"] == "stored"}
        pids = {r["pid"] for r in records if r["outcome"] == "sending" and "pid" in r and r["id"] in stored}
        return len(stored) >= settings.MIN_EVENTS and len(pids) >= settings.MIN_PIDS

    def run_until_interrupted(self):
        self._print_guide()
        told = False
        while True:
            self.children.check()
            if not told and self.webhook_is_up():
                told = True
                say("\nThe webhook is up now. The dead letters wait to be requeued, on the page %sdlq or by\n"
                    "  events %s dlq requeue --all\n" % (self.dashboard.url, " ".join(self.source())))
            time.sleep(POLL_SECONDS)

    def _print_guide(self):
        webhook = ledger.read_state(self.folder, "webhook")["url"]
        env = os.path.join(BUILD, "env")
        say(GUIDE.format(
            dashboard="%s (%s)" % (self.dashboard.url, self.dashboard.sign_in()),
            source=" ".join(self.source()),
            webhook=webhook,
            folder=self.folder,
            env=env,
            refuses=settings.WEBHOOK_REFUSES_SECONDS,
            unavailable=settings.WEBHOOK_503_SECONDS,
        ))

    # ---- end ----------------------------------------------------------------------------------------

    def finish(self):
        """Stops publishing, waits for quiet, requeues, waits again, and judges; returns the exit status."""
        self.children.stop("load")
        if self.children.stop("publisher") != 0:
            raise DemoError("the publisher failed; see %s" % self.children.log("publisher"))
        self.wait_until_quiet()
        if self._checker("snapshot") != 0:
            raise DemoError("the dead letters could not be kept")
        requeued = self.webhook_is_up()
        if requeued:
            self._requeue()
            self.wait_until_quiet()
        for name in ("forwarder", "aggregator"):
            if self.children.stop(name) != 0:
                raise DemoError("the %s failed; see %s" % (name, self.children.log(name)))
        return self._check(requeued)

    def _requeue(self):
        operation = self.dashboard.requeue_all(REQUEUE_SECONDS)
        with open(os.path.join(self.folder, "requeue.json"), "w", encoding="utf-8") as file:
            json.dump(operation, file, indent=1)
        say("Requeued through %sapi/v1/operations: %d" % (self.dashboard.url, operation["done"]))
        if operation["state"] != "done" or operation["failed"]:
            raise DemoError("requeueing the dead letters failed; see %s/requeue.json" % self.folder)

    def _check(self, requeued):
        limits = [] if requeued else ["--no-requeue"]
        if self.arguments.once:
            limits += ["--min-events", settings.MIN_EVENTS, "--min-pids", settings.MIN_PIDS]
            limits += ["--min-dead-letters", settings.MIN_DEAD_LETTERS]
        elif not requeued:
            say("The webhook never came up, so the dead letters stay where they are.")
        return self._checker("check", *map(str, limits))

    def _checker(self, verb, *limits):
        command = [sys.executable, os.path.join(HERE, "checker.py"), verb, self.folder, *limits]
        return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=CHECK_SECONDS).returncode


GUIDE = """
dashboard  {dashboard}
events     {source} (the demo's own)
webhook    {webhook} refuses connections for {refuses:.0f} s, then answers 503 for {unavailable:.0f} s, then 200
ledgers    {folder}

Try in another shell:
  . {env}
  events {source} tail 'process.*'
  events {source} stats
  events {source} dlq list
  events {source} dlq requeue --all
  events {source} publish process.ended '{{"pid": 1, "comm": "mine"}}'

Ctrl-C ends the demo and prints its summary.
"""


def say(text):
    print(text, flush=True)


def compile_command():
    """The compiler and what an example needs to be linked with the library of this build."""
    include = os.path.join(ROOT, "libevents", "include")
    command = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-I" + include, "-L" + BUILD, "-Wl,-rpath," + BUILD]
    return shlex.join(command + ["-levents", "-ljansson"])


def _run_folder(keep):
    """The folder of this run, empty at first and only for its owner."""
    if keep is None:
        folder = tempfile.mkdtemp(prefix="libevents-demo-")
    else:
        folder = os.path.abspath(keep)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.listdir(folder):
            raise SystemExit("demo: %s is not empty: ledgers of two runs would mix; name another folder" % folder)
    for name in ("logs", "state"):
        os.mkdir(os.path.join(folder, name))
    return folder


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Runs the demo of libevents.")
    parser.add_argument("--redis", action="store_true", help="on a redis-server of its own instead of a file")
    parser.add_argument("--once", action="store_true", help="run unattended and judge, about 30 s")
    parser.add_argument("--break", dest="break_", choices=["lose-one"], help="plant a defect that must be found")
    parser.add_argument("--listen", metavar="ADDRESS", help="serve the dashboard there, for those with the token")
    parser.add_argument("--keep", metavar="DIR", help="folder for ledgers and logs (default: a temporary one)")
    return parser.parse_args(argv)


def interrupt(*_):
    raise Interrupted


def catch_signals():
    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)


def run(demo):
    demo.start()
    if demo.arguments.once:
        say("Publishing what happens on this machine for about %d s …" % settings.PUBLISH_SECONDS)
        demo.publish_unattended()
        return demo.finish()
    try:
        demo.run_until_interrupted()
    except Interrupted:
        say("\nStopping: no more events; waiting until the rest is handled (Ctrl-C again: at once) …")
    return demo.finish()


def main(argv):
    arguments = parse_arguments(argv)
    for needed in ("events", "node", *(["redis-server"] if arguments.redis else [])):
        if shutil.which(needed) is None:
            raise SystemExit("demo: %s is not on the PATH; start the demo with scripts/demo" % needed)
    if not os.path.exists(NODE_BINDING):
        raise SystemExit("demo: %s is missing; scripts/build says why the Node binding was left out" % NODE_BINDING)
    catch_signals()
    demo = Demo(arguments)
    try:
        return run(demo)
    except Interrupted:
        say("\nInterrupted. What was written so far is in %s" % demo.folder)
        return 130
    except FAILURES as error:
        say("demo: %s\nWhat was written so far is in %s" % (error, demo.folder))
        return 1
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # what follows is short and must be whole
        demo.children.stop_all(children_module.STOP_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
