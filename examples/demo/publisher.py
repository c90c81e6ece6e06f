#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Publishes what really happens on this machine: processes that start and end, and samples from /proc.

Each event is in published.jsonl twice: before it is sent, and with the outcome that was reported.
"""

import asyncio
import os
import time

import ledger
import libevents
import proc
import program
import settings


def new_event_id():
    """A UUID of version 7: milliseconds, then random bits (RFC 9562, section 5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = "%032x" % value
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Publisher:
    def __init__(self, system, folder):
        self._system = system
        self._records = ledger.Ledger(os.path.join(folder, "published.jsonl"))
        self._processes = proc.Processes()
        self._samples = proc.Samples()
        self._tasks = set()
        self._next_sample = 0.0

    def look(self):
        """Publishes what changed since the last look, without waiting for the outcomes."""
        started, ended = self._processes.changes()
        for type, processes in (("process.started", started), ("process.ended", ended)):
            for process in processes:
                self._publish(type, process._asdict(), str(process.pid), process.pid)
        if time.monotonic() >= self._next_sample:
            self._next_sample = time.monotonic() + settings.SAMPLE_SECONDS
            for kind, key, body in self._samples.take():
                self._publish("sample." + kind, body, key)

    def _publish(self, type, body, key, pid=None):
        task = asyncio.ensure_future(self._publish_one(type, body, key, pid))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish_one(self, type, body, key, pid):
        id = new_event_id()
        about = {} if pid is None else {"pid": pid}
        self._records.write(id=id, type=type, key=key, outcome="sending", **about)
        try:
            receipt = await self._system.publish(type, body, key=key, id=id)
        except libevents.Error as error:
            self._records.write(id=id, type=type, key=key, outcome=outcome_of(error), error=str(error))
        else:
            self._records.write(id=id, type=type, key=key, outcome=receipt.outcome, offset=receipt.offset)

    async def finish(self):
        """Waits for the outcome of everything that was sent."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def outcome_of(error):
    """What the library says of a failed publish; where it says nothing, it may have been stored."""
    return error.receipt.outcome if error.receipt else "unknown"


async def main():
    arguments = program.parse_arguments("Publishes what happens on this machine.")
    stop = program.stop_event()
    async with libevents.EventSystem(settings.system_config("publisher", arguments.store)) as system:
        publisher = Publisher(system, arguments.dir)
        ledger.write_state(arguments.dir, "publisher", ready=True)
        while not await program.wait(stop, settings.SCAN_SECONDS):
            publisher.look()
        await publisher.finish()
    ledger.write_state(arguments.dir, "publisher", ready=False, finished=True)


if __name__ == "__main__":
    asyncio.run(main())
