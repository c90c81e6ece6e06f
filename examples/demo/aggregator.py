#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keeps running totals of everything that the publisher tells, and prints them now and then.

Each event that it handled is in handled-aggregator.jsonl. `--lose-one` plants the worst defect that a
consumer can have, so that the checker can be seen to find it: one event is acknowledged unhandled.
"""

import asyncio
import collections
import os

import ledger
import libevents
import program
import settings

LOSE_AT = 50


class Aggregator:
    def __init__(self, folder, lose_one):
        self._records = ledger.Ledger(os.path.join(folder, "handled-%s.jsonl" % settings.AGGREGATOR))
        self._lose_one = lose_one
        self._received = 0
        self.counts = collections.Counter()
        self.busy = {}
        self.running = collections.Counter()

    async def handle(self, message, metadata):
        self._received += 1
        if self._lose_one and self._received == LOSE_AT:
            return
        self._add(message.type, message.body)
        self._records.write(id=message.id, attempt=metadata.attempt, outcome="ok")

    def _add(self, type, body):
        self.counts[type] += 1
        if not isinstance(body, dict):
            return  # somebody tries the command line beside the demo
        if type == "process.started":
            self.running[str(body.get("comm"))] += 1
        if type == "sample.cpu":
            self.busy[body.get("cpu")] = body.get("busy")

    def line(self):
        busiest = ", ".join("%s %d" % pair for pair in self.running.most_common(3))
        busy = self.busy.get("cpu")
        return "%d events: %d processes started (%s), %d ended, %d samples; processors %s busy" % (
            sum(self.counts.values()),
            self.counts["process.started"],
            busiest or "none",
            self.counts["process.ended"],
            sum(count for type, count in self.counts.items() if type.startswith("sample.")),
            "?" if busy is None else "%d %%" % round(100 * busy),
        )


async def main():
    arguments = program.parse_arguments(
        "Keeps totals of the events.",
        ("--print-every", {"type": float, "default": 0.0, "help": "seconds; 0: print nothing"}),
        ("--lose-one", {"action": "store_true", "help": "acknowledge one event without handling it"}),
    )
    stop = program.stop_event()
    aggregator = Aggregator(arguments.dir, arguments.lose_one)
    async with libevents.EventSystem(settings.system_config(settings.AGGREGATOR, arguments.store)) as system:
        for pattern in settings.AGGREGATED_PATTERNS:
            system.on(pattern, concurrency=4)(aggregator.handle)
        await system.ready()
        ledger.write_state(arguments.dir, "aggregator", ready=True)
        while not await program.wait(stop, arguments.print_every or 3600):
            if arguments.print_every:
                print("aggregator: " + aggregator.line(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
