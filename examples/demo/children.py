# SPDX-License-Identifier: MIT
"""Starts the demo's processes and stops exactly these, by their process ids, however the demo ends.

A child is in a session of its own, so that Ctrl-C in the terminal reaches the orchestrator alone, which
then stops the children in order. Should the orchestrator be killed, the kernel ends the children.
"""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 10.0
_libc = ctypes.CDLL(None)


class ChildEnded(Exception):
    """A program of the demo ended though nobody had stopped it."""


class Children:
    def __init__(self, logs):
        self._logs = logs
        self._running = {}
        self._asked = set()

    def start(self, name, command, show_output=False, **options):
        """Starts a program; what it writes goes to its log, or to the terminal where that is asked for."""
        parent = os.getpid()

        def in_child():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)  # the orchestrator was gone before the line above

        with open(self.log(name), "ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=None if show_output else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=in_child,
                **options,
            )
        self._running[name] = child
        self._asked.discard(name)
        return child

    def tell(self, name, content):
        """Writes to a child's standard input."""
        self._running[name].stdin.write(content)
        self._running[name].stdin.flush()

    def log(self, name):
        return os.path.join(self._logs, name + ".log")

    def check(self):
        """Raises if a child ended by itself."""
        for name, child in self._running.items():
            if child.poll() is not None:
                raise ChildEnded("%s ended by itself with %d\n%s" % (name, child.returncode, self._tail(name)))

    def _tail(self, name):
        with open(self.log(name), encoding="utf-8", errors="replace") as file:
            return "".join("  | " + line for line in file.readlines()[-15:])

    def stop(self, name, seconds=STOP_SECONDS):
        """Asks a child to stop and waits for its end; returns its exit status, None if it was not running."""
        child = self._running.pop(name, None)
        if child is None:
            return None
        self._ask_to_stop(name, child)
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdin.close()
        return child.returncode

    def _ask_to_stop(self, name, child):
        """Once: a second request would disturb a program that is ending."""
        if name not in self._asked and child.poll() is None:
            self._asked.add(name)
            child.terminate()

    def stop_all(self, seconds):
        """Stops what still runs, the newest first, all within `seconds`."""
        until = time.monotonic() + seconds
        for name, child in self._running.items():
            self._ask_to_stop(name, child)
        for name in reversed(list(self._running)):
            self.stop(name, max(0.1, until - time.monotonic()))
