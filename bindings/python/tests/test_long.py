# SPDX-License-Identifier: MIT
"""What takes too long for every run: memory over many events."""

import os

import pytest
from conftest import run_script

MEBIBYTE = 1024 * 1024

# In a process of its own, so that nothing else is measured: argument 1 is the number of events. Prints the smallest
# resident size of the second tenth and of the last. Batch by batch, since a queue that was long once is memory that
# the C library's allocator keeps.
PROGRAM = """
import asyncio, gc, os, sys, libevents

EVENTS, BATCH = int(sys.argv[1]), 1000
handled = 0

def resident_size():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def main():
    async with libevents.EventSystem({"service": "shop", "transports": {"main": {"type": "memory"}}}) as system:
        @system.on("a.*", concurrency=BATCH)
        async def handle(message, metadata):
            global handled
            handled += 1

        published = 0
        looks = []
        while published < EVENTS:
            await system.publish_batch([("a.b", {"index": index}) for index in range(BATCH)])
            published += BATCH
            while handled < published:
                await asyncio.sleep(0)
            if published % (EVENTS // 100) == 0:
                looks.append(resident_size())
        print(handled, min(looks[10:20]), min(looks[90:]))

asyncio.run(main())
"""


@pytest.mark.skipif("EVS_LONG" not in os.environ, reason="only with --long")
def test_memory_does_not_grow_over_ten_million_events():
    done = run_script(PROGRAM, "10000000", timeout=3600)
    assert done.returncode == 0, done.stderr
    handled, early, late = map(int, done.stdout.split())
    print("resident: %.2f MiB, at the end %.2f MiB" % (early / MEBIBYTE, late / MEBIBYTE))
    assert handled == 10_000_000
    assert late - early < 2 * MEBIBYTE
