# SPDX-License-Identifier: MIT
"""What the demo's programs have in common: their arguments, and how they are told to stop.

A program stops on SIGTERM, and also when its standard input ends, which is how it learns that the
orchestrator is gone, however that came about.
"""

import argparse
import asyncio
import signal
import sys


def parse_arguments(description, *more):
    """Arguments of every program; `more` are (flag, options) of argparse."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dir", required=True, help="folder of the run: ledgers and states")
    parser.add_argument("--store", help="where events are: a file, or the URL of a Redis server")
    for flag, options in more:
        parser.add_argument(flag, **options)
    return parser.parse_args()


def stop_event():
    """An asyncio.Event that is set when this program is to stop; call it within the running loop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def standard_input_is_readable():
        if not sys.stdin.buffer.read1(4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    if not sys.stdin.isatty():
        loop.add_reader(sys.stdin.fileno(), standard_input_is_readable)
    return stop


async def wait(stop, seconds):
    """Waits for the stop, at most so long; tells whether it came."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except asyncio.TimeoutError:
        return False
    return True
