#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Serves one of the fixtures of tests/fixtures: a redis-server of its own, filled, and a dashboard over it.
Called by scripts/demo --fixture NAME; runs until it is interrupted.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time

import children as children_module
import dashboard
import redis_server

HERE = os.path.dirname(os.path.abspath(__file__))
FILL = os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests", "fixtures", "fill.py")
POLL_SECONDS = 0.2


def serve(children, folder, arguments):
    redis = redis_server.start(children, os.path.join(folder, "redis"))
    config = os.path.join(folder, "config.json")
    fill = [sys.executable, FILL, arguments.fixture, "--redis", redis, "--config", config]
    subprocess.run([*fill, "--count", str(arguments.count)], check=True)
    served = dashboard.start(children, folder, ("--config", config), arguments.listen)
    print("Dashboard  %s (%s)\nRedis      %s\nCtrl-C ends both." % (served.url, served.sign_in(), redis), flush=True)
    while True:
        children.check()
        time.sleep(POLL_SECONDS)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Serves a fixture.")
    parser.add_argument("--fixture", required=True, metavar="NAME")
    parser.add_argument("--count", type=int, default=1000, metavar="N")
    parser.add_argument("--listen", metavar="ADDRESS")
    return parser.parse_args(argv)


def interrupt(*_):
    raise KeyboardInterrupt


def main(argv):
    arguments = parse_arguments(argv)
    signal.signal(signal.SIGTERM, interrupt)
    with tempfile.TemporaryDirectory(prefix="libevents-fixture-") as folder:
        children = children_module.Children(folder)
        try:
            serve(children, folder, arguments)
        except KeyboardInterrupt:
            return 0
        except (dashboard.DashboardError, children_module.ChildEnded, OSError, subprocess.SubprocessError) as error:
            print("demo: %s" % error, file=sys.stderr)
            return 1
        finally:
            children.stop_all(children_module.STOP_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
