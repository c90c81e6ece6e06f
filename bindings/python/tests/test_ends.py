# SPDX-License-Identifier: MIT
"""The ends that a process can come to under traffic, each many times, on memory, a file and Redis: no crash, no hang,
and the process ends by itself. Besides: handlers that do what a handler should not."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import libevents
import pytest
from conftest import ROOT, eventually_sync, run_script

RUNS = json.loads((ROOT / "tests/support/counts.json").read_text())["lifecycle_runs"]
COUNT = RUNS["long" if os.environ.get("EVS_LONG") else "short"]
if os.environ.get("LD_PRELOAD"):  # under a sanitizer, where a process takes seconds to begin
    COUNT = 2
SIDE_BY_SIDE = 3

BEGIN = """
import asyncio, json, os, sys, threading, time, libevents
transport, runs = json.loads(sys.argv[1]), int(sys.argv[2])
config = {"service": "ends" + str(os.getpid()), "transports": {"main": transport}}
"""

# A system under traffic, its handlers on threads.
TRAFFIC = """
system = libevents.SyncEventSystem(config)
system.connect()
system.on("life.*", concurrency=8)(lambda message, metadata: None)
system.ready()
def publish_on():
    try:
        while True:
            system.publish_batch([("life.goes", n) for n in range(20)])
    except (libevents.Closed, libevents.Error):
        pass
for _ in range(2):
    threading.Thread(target=publish_on, daemon=True).start()
time.sleep(0.02)
"""

# Each many times in a process of its own.
IN_ONE_PROCESS = {
    "fork in the middle": """
import warnings
warnings.simplefilter("ignore")
%s
for _ in range(runs):
    pid = os.fork()
    if pid == 0:
        try:
            system.publish("life.goes")
        except libevents.Forked:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
system.close()
""" % TRAFFIC,
    "close inside a handler": """
for _ in range(runs):
    system = libevents.SyncEventSystem(config)
    try:  # what the run before handed back may close it at once
        system.connect()
        system.subscribe("life.*", lambda message, metadata: system.close(), concurrency=4)
        system.publish_batch([("life.goes", n) for n in range(8)])
    except libevents.Closed:
        pass
    assert system._pump.closed.wait(30)
    system.close()
""",
    "close inside a coroutine": """
async def once():
    system = libevents.EventSystem(config)
    await system.connect()
    async def handle(message, metadata):
        await system.close()
    try:  # as above
        await system.subscribe("life.*", handle, concurrency=4)
        await system.publish_batch([("life.goes", n) for n in range(8)])
    except libevents.Closed:
        pass
    await asyncio.wait_for(system.close(), 30)
for _ in range(runs):
    asyncio.run(once())
""",
    "double close": """
for _ in range(runs):
    system = libevents.SyncEventSystem(config)
    system.connect()
    system.on("life.*")(lambda message, metadata: None)
    system.publish_batch([("life.goes", n) for n in range(20)])
    threads = [threading.Thread(target=system.close) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    system.close()
""",
}

# The end of the process itself: one process for each run.
OF_THE_PROCESS = {
    "the interpreter ends under traffic": TRAFFIC,
    "asyncio is left under traffic": """
async def main():
    await system.connect()
    @system.on("life.*", concurrency=8)
    async def handle(message, metadata):
        await system.publish("life.goes")
    await system.ready()
    await system.publish_batch([("life.goes", n) for n in range(50)])
    await asyncio.sleep(0.02)
system = libevents.EventSystem(config)
asyncio.run(main())
""",
}


@pytest.fixture(params=["memory", "file", "redis"])
def transport(request, tmp_path):
    if request.param == "memory":
        return {"type": "memory"}
    if request.param == "file":
        return {"type": "file", "path": str(tmp_path / "events.db")}
    return {"type": "redis-streams", "url": request.getfixturevalue("redis_url")}


def end_well(source, transport, runs):
    done = run_script(BEGIN + source, json.dumps(transport), str(runs), timeout=240)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.forks
@pytest.mark.parametrize("end", IN_ONE_PROCESS)
def test_a_system_ends_well(end, transport):
    end_well(IN_ONE_PROCESS[end], transport, COUNT)


@pytest.mark.parametrize("end", OF_THE_PROCESS)
def test_a_process_ends_well(end, transport):
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        ends = [pool.submit(end_well, OF_THE_PROCESS[end], transport, 1) for _ in range(COUNT)]
        for each in ends:
            each.result()


# ---- handlers ---------------------------------------------------------------------------------------------


def test_a_handler_that_unsubscribes_itself_ends_its_subscription(sync_events):
    seen = []

    def once(message, metadata):
        seen.append(message.body)
        subscription.unsubscribe()

    subscription = sync_events.system.subscribe("order.*", once)
    sync_events.publish("order.placed", 1)
    sync_events.publish("order.placed", 2)
    assert seen == [1]
    assert subscription.wait_ended(20) and not subscription.is_active


def test_a_handler_that_publishes_from_inside_is_followed(sync_events):
    def forward(message, metadata):
        if message.body < 50:
            sync_events.system.publish("order.placed", message.body + 1)

    sync_events.system.subscribe("order.*", forward)
    sync_events.publish("order.placed", 1)
    assert [each.body for each in sync_events.assert_handled("order.*", times=50)] == list(range(1, 51))


@pytest.mark.forks
def test_a_handler_that_forks_leaves_the_child_without_the_system(sync_events):
    statuses = []

    def forks(message, metadata):
        pid = os.fork()
        if pid == 0:
            try:
                sync_events.system.publish("order.placed", 2)
            except libevents.Forked:
                os._exit(7)
            os._exit(1)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    sync_events.system.subscribe("order.*", forks)
    sync_events.publish("order.placed", 1)
    sync_events.assert_handled("order.*", times=1)
    assert statuses == [7]


def test_a_handler_that_closes_the_system_is_the_last(config):
    system, handled = libevents.SyncEventSystem(config), threading.Event()

    def close(message, metadata):
        system.close()
        handled.set()

    system.connect()
    system.subscribe("order.*", close)
    system.publish("order.placed")
    assert handled.wait(20)
    eventually_sync(system._pump.closed.is_set)
    with pytest.raises(libevents.Closed):
        system.publish("order.placed")
    system.close()
