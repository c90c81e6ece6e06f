#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keeps the machine honestly busy: compiles the C examples, and runs those that need no server.

One at a time, and it rests as long as it worked, so that at most half of one processor is used. It writes
load.jsonl with what it ran and how that ended.
"""

import glob
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time

import ledger
import program

REST_SECONDS = 0.1
STEP_DEADLINE_SECONDS = 20


class Stopped(Exception):
    pass


def stop(*_):
    raise Stopped


def has(source, text):
    with open(source, encoding="utf-8") as file:
        return text in file.read()


def run(records, source, command):
    """Runs one command to its end; its output goes to this program's log."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        code = child.wait(timeout=STEP_DEADLINE_SECONDS)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    records.write(example=os.path.basename(source), command=command[0], pid=child.pid, exit=code)
    if code != 0:
        raise SystemExit("load: %s ended with %d" % (" ".join(command), code))
    return time.monotonic() - began


def rest(seconds):
    """Waits, but not beyond the end of standard input, which says that the orchestrator is gone."""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if selector.select(left) and not sys.stdin.buffer.read1(4096):
                raise Stopped


def main():
    arguments = program.parse_arguments(
        "Compiles and runs the C examples.",
        ("--sources", {"required": True, "help": "folder of the C examples"}),
        ("--compile", {"required": True, "help": "compiler and flags, quoted as for a shell"}),
    )
    # A plug-in is no program.
    sources = sorted(source for source in glob.glob(os.path.join(arguments.sources, "*.c")) if has(source, "int main("))
    if not sources:
        raise SystemExit("load: no *.c in %s" % arguments.sources)
    signal.signal(signal.SIGTERM, stop)
    records = ledger.Ledger(os.path.join(arguments.dir, "load.jsonl"))
    compiler, *flags = shlex.split(arguments.compile)
    binary = os.path.join(arguments.dir, "example")
    try:
        while True:
            for source in sources:
                took = run(records, source, [compiler, source, "-o", binary, *flags])
                if not has(source, "redis"):
                    took += run(records, source, [binary])
                rest(max(took, REST_SECONDS))
    except Stopped:
        pass
    finally:
        if os.path.exists(binary):
            os.unlink(binary)


if __name__ == "__main__":
    main()
