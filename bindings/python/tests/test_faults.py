# SPDX-License-Identifier: MIT
"""libevents.testing.faults: each fault happens, is recorded, and ends."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import libevents
import pytest
from conftest import eventually, eventually_sync, memory_config, run_script
from libevents.testing._resp import Frames
from libevents.testing.faults import FaultProxy, crash_after, delivered_twice, frozen

PING, PONG = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"
ECHO, ECHOED = b"*2\r\n$4\r\nECHO\r\n$10\r\n0123456789\r\n", b"$10\r\n0123456789\r\n"


@pytest.fixture
def proxy(redis_url):
    with FaultProxy(redis_url) as started:
        yield started


@contextlib.contextmanager
def connection(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as opened:
        yield opened


def read(opened, size):
    """Up to so many bytes: fewer where the connection ends first."""
    data = b""
    while len(data) < size:
        try:
            piece = opened.recv(size - len(data))
        except ConnectionResetError:
            piece = b""
        if not piece:
            break
        data += piece
    return data


def says_nothing(opened, seconds=0.3):
    opened.settimeout(seconds)
    try:
        return opened.recv(1) is None
    except socket.timeout:
        return True
    finally:
        opened.settimeout(20)


def is_gone(opened):
    return read(opened, 1) == b""


# ---- what the proxy understands ---------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_frames_are_found_however_they_are_cut_up(step):
    said = b"+OK\r\n:1\r\n$-1\r\n$0\r\n\r\n*2\r\n$3\r\na\r\n\r\n*1\r\n:5\r\n*0\r\n*-1\r\n>2\r\n+m\r\n+x\r\n%1\r\n+k\r\n_\r\n-ERR no\r\n"
    sizes = [5, 4, 5, 6, 4 + 9 + 8, 4, 5, 12, 11, 9]
    frames, ends, pushes = Frames(keeps_words=False), [], []
    for at in range(0, len(said), step):
        for frame in frames.feed(said[at : at + step]):
            ends.append(at + frame.end)
            pushes.append(frame.is_push)
    assert ends == [sum(sizes[: n + 1]) for n in range(len(sizes))]
    assert [n for n, is_push in enumerate(pushes) if is_push] == [7]


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_words_of_a_command_are_kept_and_bounded(step):
    said = b"*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$2000\r\n" + b"x" * 2000 + b"\r\n" + PING
    frames, found = Frames(keeps_words=True), []
    for at in range(0, len(said), step):
        found += [frame.words for frame in frames.feed(said[at : at + step])]
    assert found == [[b"SET", b"\r\n", b"x" * 1024], [b"PING"]]


# ---- the connection ---------------------------------------------------------------------------------------


def test_what_is_healthy_passes_and_is_counted(proxy):
    with connection(proxy) as opened:
        opened.sendall(PING + ECHO + PING)
        assert read(opened, 2 * len(PONG) + len(ECHOED)) == PONG + ECHOED + PONG
    assert proxy.commands == {"PING": 2, "ECHO": 1}
    assert proxy.connections == 1
    assert not proxy.record


def test_a_large_answer_passes_whole(proxy):
    size = 3_000_000
    with connection(proxy) as opened:
        opened.sendall(b"*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n" % (size, b"x" * size))
        header = b"$%d\r\n" % size
        assert read(opened, len(header) + size + 2) == header + b"x" * size + b"\r\n"


@pytest.mark.parametrize("after", [0, 1, 9, len(ECHOED), 1000])
def test_an_answer_is_cut_behind_so_many_bytes(proxy, after):
    fault = proxy.cut("echo", after=after)
    with connection(proxy) as opened:
        opened.sendall(PING + ECHO + PING)
        assert read(opened, 1000) == PONG + ECHOED[:after]
    assert fault.wait(20) and fault.count == 1
    assert [incident.what for incident in proxy.record] == ["cut"]
    with connection(proxy) as opened:
        opened.sendall(ECHO)
        assert read(opened, len(ECHOED)) == ECHOED


def test_a_cut_is_aimed_by_the_words_of_a_command(proxy):
    fault = proxy.cut(lambda words: words[-1].endswith(b"9"))
    with connection(proxy) as opened:
        opened.sendall(PING + ECHO)
        assert read(opened, 1000) == PONG
    assert fault.count == 1


def test_nil_is_no_answer_to_cut(proxy):
    fault = proxy.cut("GET")
    with connection(proxy) as opened:
        opened.sendall(b"*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n")
        assert read(opened, 5) == b"$-1\r\n"
        assert fault.count == 0


def test_drop_resets_what_is_open_and_new_connections_pass(proxy):
    with connection(proxy) as first:
        first.sendall(PING)
        assert read(first, len(PONG)) == PONG
        proxy.drop()
        assert is_gone(first)
    with connection(proxy) as second:
        second.sendall(PING)
        assert read(second, len(PONG)) == PONG


def test_half_open_is_silent_without_an_end(proxy):
    with connection(proxy) as first, connection(proxy) as second:
        first.sendall(PING)
        assert read(first, len(PONG)) == PONG
        eventually_sync(lambda: proxy.connections == 2)
        proxy.half_open()
        first.sendall(PING)
        assert says_nothing(first)
        with connection(proxy) as third:
            third.sendall(PING)
            assert read(third, len(PONG)) == PONG
        proxy.heal()
        assert is_gone(first) and is_gone(second)


def test_pause_holds_back_and_loses_nothing(proxy):
    with connection(proxy) as opened:
        proxy.pause()
        opened.sendall(PING + ECHO)
        assert says_nothing(opened)
        proxy.resume()
        assert read(opened, len(PONG + ECHOED)) == PONG + ECHOED


def test_refuse_resets_new_connections_only(proxy):
    with connection(proxy) as first:
        first.sendall(PING)
        assert read(first, len(PONG)) == PONG
        proxy.refuse()
        with contextlib.suppress(ConnectionResetError), connection(proxy) as second:
            assert is_gone(second)
        first.sendall(PING)
        assert read(first, len(PONG)) == PONG
        proxy.heal()
    with connection(proxy) as third:
        third.sendall(PING)
        assert read(third, len(PONG)) == PONG


def test_redirect_leads_new_connections_to_another_server(proxy, redis_url):
    with socket.socket() as other, connection(proxy) as first:
        other.bind(("127.0.0.1", 0))
        other.listen()
        first.sendall(PING)
        assert read(first, len(PONG)) == PONG
        proxy.redirect(f"redis://127.0.0.1:{other.getsockname()[1]}")
        with connection(proxy) as second:
            second.sendall(b"+hello\r\n")
            accepted, _ = other.accept()
            with accepted:
                assert read(accepted, 8) == b"+hello\r\n"
        first.sendall(PING)
        assert read(first, len(PONG)) == PONG


def test_delay_makes_late_and_keeps_the_order(proxy):
    proxy.delay(0.1, jitter=0.05)
    with connection(proxy) as opened:
        began = time.monotonic()
        opened.sendall(PING)
        opened.sendall(ECHO)
        assert read(opened, len(PONG + ECHOED)) == PONG + ECHOED
        assert time.monotonic() - began >= 0.1


def test_throttle_bounds_what_a_second_carries(proxy):
    size, rate = 5_000, 10_000
    proxy.throttle(rate)
    with connection(proxy) as opened:
        began = time.monotonic()
        opened.sendall(b"*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n" % (size, b"x" * size))
        assert len(read(opened, size + 9)) == size + 9
        assert time.monotonic() - began >= 2 * size / rate * 0.9


def test_the_url_keeps_what_is_not_the_address(redis_url):
    port = redis_url.rpartition(":")[2]
    with FaultProxy(f"redis://user:p%40ss@localhost:{port}/2?timeout=5") as proxy:
        assert proxy.url == f"redis://user:p%40ss@127.0.0.1:{proxy.port}/2?timeout=5"
    with pytest.raises(ValueError, match="a URL with a host is needed"):
        FaultProxy("localhost")


def test_stop_ends_connections_and_twice_is_fine(redis_url):
    proxy = FaultProxy(redis_url)
    proxy.stop()
    proxy.start()
    with connection(proxy) as opened:
        opened.sendall(PING)
        assert read(opened, len(PONG)) == PONG
        proxy.stop()
        assert is_gone(opened)
    proxy.stop()


@pytest.mark.asyncio
async def test_a_publish_whose_answer_was_cut_is_stored_all_the_same(redis_config, proxy):
    config, word = redis_config, redis_config["service"]
    config["transports"]["main"] |= {"url": proxy.url, "idempotent": True}
    seen = []
    async with libevents.EventSystem(config) as system:
        await system.subscribe(f"{word}.*", lambda message, metadata: seen.append(message.body))
        await system.publish(f"{word}.placed", 1)
        fault = proxy.cut(lambda words: any(b"the-second" in each for each in words), after=3)
        receipt = await system.publish(f"{word}.placed", 2, id="the-second")
        assert fault.count == 1
        assert (receipt.outcome, receipt.attempts) == ("stored", 2)
        await eventually(lambda: len(seen) == 2)
        await system.drain()
    assert sorted(seen) == [1, 2]


# ---- processes and handlers -------------------------------------------------------------------------------


def test_a_frozen_process_stands_still_and_goes_on():
    def state():
        return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with frozen(child.pid):
            assert state() == "T"
        eventually_sync(lambda: state() != "T")
        child.communicate(b"\n", timeout=20)
    assert child.returncode == 0


def test_to_freeze_what_is_gone_is_an_error():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait(20)
    with pytest.raises(ProcessLookupError), frozen(child.pid):
        pass


CRASHING = """
import sys, json, libevents
from libevents.testing.faults import crash_after
with libevents.SyncEventSystem(json.loads(sys.argv[1])) as system:
    word = json.loads(sys.argv[1])["service"]
    system.subscribe(word + ".*", crash_after(lambda message, metadata: print("handled", message.body)))
    system.publish(word + ".placed", 7)
    system.run_forever()
"""


def test_after_a_crash_between_handler_and_acknowledgement_the_event_comes_again(redis_config):
    redis_config["transports"]["main"]["sessionTimeout"] = 1000
    done = run_script(CRASHING, json.dumps(redis_config))
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "handled 7\n")
    seen = []
    with libevents.SyncEventSystem(redis_config) as system:
        handler = crash_after(lambda message, metadata: seen.append((message.body, metadata.attempt)))
        system.subscribe(f"{redis_config['service']}.*", handler)
        eventually_sync(lambda: seen)
        system.drain()
    assert seen == [(7, 1)]


@pytest.mark.asyncio
async def test_crash_after_leaves_alone_what_is_not_meant():
    seen = []

    async def handle(message, metadata):
        await asyncio.sleep(0)
        seen.append(message.body)

    async with libevents.EventSystem(memory_config()) as system:
        await system.subscribe("order.*", crash_after(handle, when=lambda message, metadata: message.body == 2))
        await system.publish("order.placed", 1)
        await system.drain()
    assert seen == [1]


@pytest.mark.asyncio
@pytest.mark.parametrize("is_async", [True, False])
async def test_an_event_is_delivered_twice_and_that_is_no_failure(is_async):
    seen = []

    def note(message, metadata):
        seen.append((message.body, metadata.attempt, metadata.deliveries))

    async def note_async(message, metadata):
        await asyncio.sleep(0)
        note(message, metadata)

    async with libevents.EventSystem(memory_config()) as system:
        await system.subscribe("order.*", delivered_twice(note_async if is_async else note))
        await system.publish_batch([("order.placed", number) for number in (1, 2)])
        await eventually(lambda: len(seen) == 4)
        await system.drain()
    assert sorted(seen) == [(1, 1, 1), (1, 1, 2), (2, 1, 1), (2, 1, 2)]


def test_delivered_three_times_without_asyncio():
    seen = []
    with libevents.SyncEventSystem(memory_config()) as system:
        handler = delivered_twice(lambda message, metadata: seen.append(message.body), times=3)
        system.subscribe("order.*", handler)
        system.publish("order.placed", 1)
        eventually_sync(lambda: len(seen) == 3)
        system.drain()
    assert seen == [1, 1, 1]
