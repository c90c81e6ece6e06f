# SPDX-License-Identifier: MIT
"""Opening, closing, forgetting, forking and ending, in good order and in bad."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import libevents
import pytest
from conftest import eventually, eventually_sync, memory_config, run_script

OPEN = """
import asyncio, libevents, sys
config = {"service": "shop", "transports": {"main": {"type": "memory"}}}
"""


def open_threads():
    return len(os.listdir("/proc/self/task"))


@pytest.mark.asyncio
async def test_use_after_close_raises_closed(config):
    system = libevents.EventSystem(config)
    await system.connect()
    await system.close()
    await system.close()
    for call in (
        lambda: system.publish("a.b"),
        lambda: system.publish_batch([("a.b", 1)]),
        lambda: system.subscribe("a.b", print),
        lambda: system.groups(),
        lambda: system.flush(),
        lambda: system.connect(),
    ):
        with pytest.raises(libevents.Closed):
            await call()
    for call in (system.stats, system.metrics, system.status, lambda: system.router.explain("a.b")):
        with pytest.raises(libevents.Closed):
            call()


@pytest.mark.asyncio
async def test_close_without_connect_and_without_use(config):
    await libevents.EventSystem(config).close()


@pytest.mark.asyncio
async def test_close_sends_what_was_collected(config):
    system = libevents.EventSystem(config)
    await system.connect()
    publishes = [asyncio.ensure_future(system.publish("a.b", number)) for number in range(2000)]
    await asyncio.sleep(0)
    await system.close()
    assert {receipt.outcome for receipt in await asyncio.gather(*publishes)} == {"stored"}


@pytest.mark.asyncio
async def test_close_lets_handlers_finish(config):
    finished = []

    async def handle(message, metadata):
        await asyncio.sleep(0.05)
        finished.append(message.body)

    system = libevents.EventSystem(config)
    await system.connect()
    await system.subscribe("a.b", handle)
    await system.publish("a.b", 1)
    await eventually(lambda: system._turn._runs)
    await system.close()
    assert finished == [1]


@pytest.mark.asyncio
async def test_close_cancels_handlers_at_its_deadline(config):
    steps = []

    async def handle(message, metadata):
        steps.append("started")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise

    system = libevents.EventSystem(config)
    await system.connect()
    await system.subscribe("a.b", handle)
    await system.publish("a.b", 1)
    await eventually(lambda: steps)
    await asyncio.wait_for(system.close(deadline=0.05), 20)
    assert steps == ["started", "cancelled"]


@pytest.mark.asyncio
async def test_close_within_a_handler_only_begins(config):
    closed = []
    system = libevents.EventSystem(config)
    await system.connect()

    async def handle(message, metadata):
        await asyncio.sleep(0)
        await system.close(deadline=30)
        closed.append(True)

    await system.subscribe("a.b", handle)
    await system.publish("a.b", 1)
    await eventually(lambda: closed)
    await asyncio.wait_for(system.close(), 20)


@pytest.mark.asyncio
async def test_a_second_close_may_shorten_the_deadline(config):
    started = []

    async def handle(message, metadata):
        started.append(True)
        await asyncio.sleep(3600)

    system = libevents.EventSystem(config)
    await system.connect()
    await system.subscribe("a.b", handle)
    await system.publish("a.b", 1)
    await eventually(lambda: started)
    first = asyncio.ensure_future(system.close(deadline=3600))
    await asyncio.sleep(0)
    await asyncio.wait_for(system.close(deadline=0.01), 20)
    await first


@pytest.mark.asyncio
async def test_a_cancelled_close_goes_on(config):
    system = libevents.EventSystem(config)
    await system.connect()
    task = asyncio.ensure_future(system.close())
    await asyncio.sleep(0)
    task.cancel()
    await eventually(lambda: not system._engine.is_open)


@pytest.mark.asyncio
async def test_a_failed_connect_leaves_nothing_open():
    config = {"service": "shop", "transports": {"main": {"type": "redis-streams", "url": "redis://127.0.0.1:1"}}}
    system = libevents.EventSystem(config)
    with pytest.raises(libevents.TransportError, match="main"):
        await system.connect(timeout=0.5)
    await system.close(deadline=0)
    assert not system._engine.is_open


def test_closing_ends_the_threads_and_gives_back_descriptors(config):
    def use():
        with libevents.SyncEventSystem(config) as system:
            system.on("a.b")(lambda message, metadata: None)
            system.publish("a.b", 1)

    use()
    threads, descriptors = open_threads(), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        use()
    # A thread that was joined may take the kernel a moment more to end.
    eventually_sync(lambda: open_threads() <= threads)
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_a_forgotten_system_warns_and_closes_without_waiting(config):
    gc.collect()  # what earlier tests left is not this one's
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        system = libevents.EventSystem(config)
        handle = system._engine
        del system
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    assert not handle.is_open
    libevents.SyncEventSystem(config).close()  # opening frees what the finalizer left


def test_an_event_loop_that_closed_early_does_no_harm(config):
    seen = []
    system = libevents.EventSystem(config)

    async def first():
        await system.connect()
        await system.subscribe("a.b", handle)
        await system.publish("a.b", 1)
        await eventually(lambda: seen)

    async def handle(message, metadata):
        seen.append(message.body)
        if len(seen) == 1:
            await asyncio.get_running_loop().create_future()  # never: its loop goes first

    asyncio.run(first())

    async def second():
        await system.publish("a.b", 2)
        await eventually(lambda: len(seen) >= 3)  # the first again, and the second
        await system.close()

    asyncio.run(second())
    assert sorted(seen) == [1, 1, 2]


def test_two_loops_at_a_time_are_refused(config):
    system = libevents.EventSystem(config)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(system.connect())

    async def other():
        with pytest.raises(libevents.Error, match="another event loop"):
            await system.publish("a.b")

    asyncio.run(other())
    loop.run_until_complete(system.close())
    loop.close()


def test_keyboard_interrupt_in_a_handler_reaches_the_host_and_counts_as_failure(config):
    attempts = []
    system = libevents.EventSystem(config)

    def handle(message, metadata):
        attempts.append(metadata.attempt)
        if len(attempts) == 1:
            raise KeyboardInterrupt

    async def start():
        await system.connect()
        await system.subscribe("a.b", handle, retry={"baseDelay": 1, "jitter": 0})
        await system.publish("a.b", 1)
        await asyncio.sleep(3600)

    async def finish():
        await eventually(lambda: len(attempts) == 2)
        await system.close()

    loop = asyncio.new_event_loop()
    task = loop.create_task(start())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(finish())
    loop.close()
    assert attempts == [1, 2]


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "sys.exit(0)",
        "gc.collect()",
        "del system",
        "threading.Thread(target=time.sleep, args=(0.05,)).start()",
    ],
)
@pytest.mark.parametrize("face", ["asyncio", "sync"])
def test_a_program_that_ends_with_open_systems_ends_well(face, ending):
    use = {
        "asyncio": """
async def main():
    await system.connect()
    system.on("a.*", concurrency=4)(handle)
    await system.publish_batch([("a.b", n) for n in range(200)])
    asyncio.ensure_future(system.publish("a.b", 1))
async def handle(message, metadata):
    await asyncio.sleep(0.001)
system = libevents.EventSystem(config)
asyncio.run(main())
""",
        "sync": """
system = libevents.SyncEventSystem(config)
system.connect()
system.on("a.*", concurrency=4)(lambda message, metadata: time.sleep(0.001))
system.publish_batch([("a.b", n) for n in range(200)])
""",
    }
    done = run_script(OPEN + "import gc, threading, time\n" + use[face] + ending)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_handler_that_hangs_does_not_keep_the_program_alive():
    source = OPEN + (
        "import threading\n"
        "started = threading.Event()\n"
        "system = libevents.SyncEventSystem(config)\n"
        "system.connect()\n"
        "@system.on('a.b')\n"
        "def handle(message, metadata):\n"
        "    started.set()\n"
        "    threading.Event().wait()\n"
        "system.publish('a.b', 1)\n"
        "started.wait(20)\n"
    )
    done = run_script(source)
    assert (done.returncode, done.stderr) == (0, "")


FORK = """
import os
def in_child(system):
    outcomes = []
    for call in (lambda: system.publish("a.b"), lambda: system.subscribe("a.b", print), system.stats, system.flush):
        try:
            result = call()
            if asyncio.iscoroutine(result):
                asyncio.new_event_loop().run_until_complete(result)
        except libevents.Forked as error:
            outcomes.append(error.code)
    with libevents.SyncEventSystem(config) as own:
        outcomes.append(own.publish("a.b", 1).outcome)
    print(outcomes, flush=True)
"""
EXPECTED = "['EVS_FORKED', 'EVS_FORKED', 'EVS_FORKED', 'EVS_FORKED', 'stored']\n"


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)", "system.close(); os._exit(0)"])
def test_a_forked_child_is_told_so_and_opens_its_own(end):
    source = (
        OPEN
        + FORK
        + "system = libevents.SyncEventSystem(config)\nsystem.connect()\n"
        + "pid = os.fork()\nif pid == 0:\n    in_child(system)\n    "
        + end
        + "\nstatus = os.waitpid(pid, 0)[1]\n"
        + "print(system.publish('a.b', 1).outcome, status)\nsystem.close()\n"
    )
    # Newer interpreters warn of every fork with threads; that such a fork does no harm is what is tested.
    done = run_script(source, env={"PYTHONWARNINGS": "ignore::DeprecationWarning"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == EXPECTED + "stored 0\n"


def test_a_child_forked_from_asyncio_is_told_so():
    source = (
        OPEN
        + FORK
        + """
async def main():
    system = libevents.EventSystem(config)
    await system.connect()
    pid = os.fork()
    if pid == 0:
        asyncio.events._set_running_loop(None)
        in_child(system)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    print((await system.publish("a.b", 1)).outcome, status)
    await system.close()
asyncio.run(main())
"""
    )
    # Newer interpreters warn of every fork with threads; that such a fork does no harm is what is tested.
    done = run_script(source, env={"PYTHONWARNINGS": "ignore::DeprecationWarning"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == EXPECTED + "stored 0\n"


def is_sleeping(pid):
    """Does the main thread wait in the kernel?"""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


@pytest.mark.parametrize("waiting", ["system.run_forever()", "next(system.messages('a.b'))", "system.drain(3600)"])
def test_ctrl_c_ends_a_wait_of_the_synchronous_face(waiting):
    source = OPEN + (
        "import threading\n"
        "with libevents.SyncEventSystem(config) as system:\n"
        "    hold = threading.Event()\n"
        "    system.on('hold.it')(lambda message, metadata: hold.wait())\n"
        "    system.publish('hold.it', 1)\n"
        "    try:\n"
        "        print('waiting', flush=True)\n"
        f"        {waiting}\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', flush=True)\n"
        "    hold.set()\n"
    )
    package = str(Path(libevents.__file__).parent.parent)
    program = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": package},
    )
    try:
        assert program.stdout.readline() == "waiting\n"
        eventually_sync(lambda: is_sleeping(program.pid))
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=30)
    finally:
        program.kill()
    assert (out, err, program.returncode) == ("interrupted\n", "", 0)


def test_signal_dispositions_are_left_alone(config):
    numbers = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]
    before = [signal.getsignal(number) for number in numbers]
    with libevents.SyncEventSystem(config):
        assert [signal.getsignal(number) for number in numbers] == before


def test_a_configuration_may_be_text():
    libevents.SyncEventSystem('{"service": "shop", "transports": {"main": {"type": "memory"}}}').close()
    libevents.SyncEventSystem(b'{"service": "shop", "transports": {"main": {"type": "memory"}}}').close()
    with pytest.raises(libevents.ConfigurationError):
        libevents.SyncEventSystem("{not json")
    assert memory_config()["service"] == "shop"
