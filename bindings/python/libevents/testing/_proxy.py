# SPDX-License-Identifier: MIT
"""The fault proxy: stands between a program and its Redis server, and breaks what passes on demand.

It runs on a thread of its own with a loop of its own, so a test of any kind can use it. It understands where
commands and answers begin and end, so a fault can be aimed at the answer to one command.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter, deque
from typing import Any, Callable, Coroutine, Deque, List, NamedTuple, Optional, Sequence, Set, Tuple, Union
from urllib.parse import urlsplit, urlunsplit

from ._resp import Frames

Match = Union[str, Callable[[Sequence[bytes]], bool], None]

_CHUNK_BYTES = 64 * 1024
_QUEUED_CHUNKS = 64
_RECORD_MAX = 10_000
_THROTTLE_TICKS = 20
_NIL = (b"*-1", b"$-1", b"_\r\n")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close() sends RST


class Incident(NamedTuple):
    """What the proxy did, for the proof that a fault has happened."""

    at: float
    """time.monotonic()"""
    what: str
    detail: str


class Cut:
    """A cut that was ordered with `FaultProxy.cut`."""

    def __init__(self, match: Match, after: int, times: int) -> None:
        self._match = match
        self._left = times
        self._happened = threading.Event()
        self.after = after
        self.count = 0
        """How often it has happened."""

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits until it has happened at least once; False where it did not in time."""
        return self._happened.wait(timeout)

    def applies_to(self, words: Sequence[bytes]) -> bool:
        """Is the answer to this command to be cut?"""
        if self._left == 0 or not words:
            return False
        if self._match is None:
            return True
        if callable(self._match):
            return self._match(words)
        return words[0].upper() == self._match.upper().encode()

    def take(self) -> None:
        """It happens now."""
        self._left -= 1
        self.count += 1
        self._happened.set()


class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: "FaultProxy", client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._task = asyncio.current_task()
        self.is_silent = False
        self._commands = Frames(keeps_words=True)
        self._answers = Frames(keeps_words=False)
        self._asked: Deque[List[bytes]] = deque()
        self._said = 0  # bytes of the answer that is under way
        self._cut: Optional[Cut] = None

    def see_commands(self, data: bytes) -> Tuple[bytes, bool]:
        """Notes what is asked; all of it passes."""
        for frame in self._commands.feed(data):
            self._asked.append(frame.words)
            self._proxy.commands[_name(frame.words)] += 1
        return data, False

    def see_answers(self, data: bytes) -> Tuple[bytes, bool]:
        """What of it passes, and whether the connection is cut behind that."""
        begin = 0
        for frame in self._answers.feed(data):
            passing = self._pass_answer(data, begin, frame.end, True)
            if passing is not None:
                return data[:passing], True
            if self._asked and not frame.is_push:
                self._asked.popleft()
            begin, self._said, self._cut = frame.end, 0, None
        passing = self._pass_answer(data, begin, len(data), False)
        return (data, False) if passing is None else (data[:passing], True)

    def _pass_answer(self, data: bytes, begin: int, end: int, is_whole: bool) -> Optional[int]:
        """A piece of one answer. None: it passes. Else where to cut."""
        if self._said == 0 and begin < end and self._asked and not data.startswith(_NIL, begin):
            self._cut = self._proxy.cut_for(self._asked[0])
        size = end - begin
        if self._cut is not None and (is_whole or self._said + size > self._cut.after):
            passing = min(size, max(0, self._cut.after - self._said))
            self._cut.take()
            self._proxy.note("cut", f"{_name(self._asked[0])} behind {self._said + passing} bytes of its answer")
            return begin + passing
        self._said += size
        return None

    def close(self) -> None:
        self._client.close()
        self._server.close()

    def reset(self) -> None:
        """Ends it at once, with RST to both sides."""
        _reset(self._client)
        _reset(self._server)
        if self._task is not None:
            self._task.cancel()


class FaultProxy:
    """with FaultProxy("redis://localhost:6379") as proxy: connect to proxy.url

    All methods may be called from any thread; each has had its effect when it returns.
    """

    def __init__(self, url: str) -> None:
        self._target = _address(url)
        self._parts = urlsplit(url)
        self._loop: asyncio.AbstractEventLoop
        self._thread: Optional[threading.Thread] = None
        self._links: Set[_Link] = set()
        self._tasks: "Set[asyncio.Task[None]]" = set()
        self._cuts: List[Cut] = []
        self._is_refusing = False
        self._delay = 0.0
        self._jitter = 0.0
        self._rate: Optional[float] = None
        self.port = 0
        self.connections = 0
        """How many connections were made so far."""
        self.commands: "Counter[str]" = Counter()
        """How many commands passed, by name."""
        self.record: Deque[Incident] = deque(maxlen=_RECORD_MAX)
        """What was done to the connections, oldest first."""

    # ---- life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listens on a free port of loopback."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        """Ends all connections and the thread. Twice is fine."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join()
        self._loop.close()

    def __enter__(self) -> "FaultProxy":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of the server, by way of the proxy."""
        user, at, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{user}{at}127.0.0.1:{self.port}"))

    # ---- faults ---------------------------------------------------------------------------------------

    def cut(self, command: Match = None, *, after: int = 0, times: int = 1) -> Cut:
        """The next answer to such a command is cut behind `after` bytes, or behind its last where it is shorter.

        `command` is a name such as "XADD", or a function of a command's words, or None for any. The connection is
        closed on both sides; nil answers do not count.
        """
        fault = Cut(command, after, times)
        self._call(self._now(lambda: self._cuts.append(fault)))
        return fault

    def drop(self) -> None:
        """Resets all connections that are open now."""
        self._call(self._now(self._drop))

    def half_open(self) -> None:
        """Connections that are open now go silent for good, without a word to either side; new ones pass."""
        self._call(self._now(self._silence))

    def pause(self) -> None:
        """Nothing passes in any direction until `resume`, and nothing is lost."""
        self._call(self._now(lambda: self._hold(True)))

    def resume(self) -> None:
        """Ends `pause`."""
        self._call(self._now(lambda: self._hold(False)))

    def refuse(self) -> None:
        """New connections are reset at once; those that are open stay."""
        self._call(self._now(lambda: self._set_refusing(True)))

    def delay(self, seconds: float, jitter: float = 0.0) -> None:
        """Every piece of data takes so long, plus or minus `jitter`, in each direction; the order stays."""
        self._call(self._now(lambda: self._set_delay(seconds, jitter)))

    def redirect(self, url: str) -> None:
        """New connections go to that server, as after a failover; those that are open stay."""
        self._call(self._now(lambda: self._set_target(url)))

    def throttle(self, bytes_per_second: Optional[float]) -> None:
        """No direction of a connection carries more than that. None: no limit."""
        self._call(self._now(lambda: self._set_rate(bytes_per_second)))

    def heal(self) -> None:
        """Takes all faults back; silent connections are reset, and cuts that did not happen will not."""
        self._call(self._now(self._heal))

    # ---- on the loop's thread -------------------------------------------------------------------------

    def cut_for(self, words: Sequence[bytes]) -> Optional[Cut]:
        """The cut that the answer to this command gets."""
        return next((cut for cut in self._cuts if cut.applies_to(words)), None)

    def note(self, what: str, detail: str) -> None:
        self.record.append(Incident(time.monotonic(), what, detail))

    def _call(self, what: "Coroutine[Any, Any, None]") -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _now(self, act: Callable[[], None]) -> None:
        act()

    async def _listen(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_CHUNK_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.close()
        finally:
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_refusing:
            self.note("refuse", "a connection")
            _reset(writer)
            return
        from_server, to_server = await asyncio.open_connection(*self._target, limit=_CHUNK_BYTES)
        link = _Link(self, writer, to_server)
        self._links.add(link)
        ways = [
            asyncio.ensure_future(self._carry(link, reader, to_server, link.see_commands)),
            asyncio.ensure_future(self._carry(link, from_server, writer, link.see_answers)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._links.discard(link)
            link.close()

    async def _carry(
        self,
        link: _Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        see: Callable[[bytes], Tuple[bytes, bool]],
    ) -> None:
        """One direction, until it ends."""
        queue: "asyncio.Queue[Tuple[float, bytes]]" = asyncio.Queue(_QUEUED_CHUNKS)
        filler = asyncio.ensure_future(self._fill(reader, queue))
        try:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                await self._open.wait()
                if link.is_silent:
                    await asyncio.Event().wait()  # until the link is reset
                passing, is_cut = see(data)
                await self._write(writer, passing)
                if is_cut or not data:
                    return
        finally:
            filler.cancel()

    async def _fill(self, reader: asyncio.StreamReader, queue: "asyncio.Queue[Tuple[float, bytes]]") -> None:
        """Reads ahead, so that a delay does not make a connection slower than it makes it late."""
        due, data = 0.0, b"."
        while data:
            try:
                data = await reader.read(_CHUNK_BYTES)
            except OSError:
                data = b""
            late = max(0.0, self._delay + random.uniform(-self._jitter, self._jitter))
            due = max(due, self._loop.time() + late)
            await queue.put((due, data))

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while data:
            rate = self._rate
            piece = data if rate is None else data[: max(1, int(rate / _THROTTLE_TICKS))]
            writer.write(piece)
            await writer.drain()
            data = data[len(piece) :]
            if rate is not None:
                await asyncio.sleep(len(piece) / rate)

    def _drop(self) -> None:
        for link in list(self._links):
            link.reset()
        self.note("drop", f"{len(self._links)} connections")

    def _silence(self) -> None:
        for link in self._links:
            link.is_silent = True
        self.note("half_open", f"{len(self._links)} connections")

    def _hold(self, is_held: bool) -> None:
        if is_held:
            self._open.clear()
        else:
            self._open.set()
        self.note("pause" if is_held else "resume", f"{len(self._links)} connections")

    def _set_refusing(self, is_refusing: bool) -> None:
        self._is_refusing = is_refusing
        self.note("refuse", "new connections" if is_refusing else "no more")

    def _set_target(self, url: str) -> None:
        self._target = _address(url)
        self.note("redirect", f"to {self._target[0]}:{self._target[1]}")

    def _set_delay(self, seconds: float, jitter: float) -> None:
        self._delay, self._jitter = seconds, jitter
        self.note("delay", f"{seconds} s, jitter {jitter} s")

    def _set_rate(self, rate: Optional[float]) -> None:
        self._rate = rate
        self.note("throttle", f"{rate} bytes a second")

    def _heal(self) -> None:
        for link in list(self._links):
            if link.is_silent:
                link.reset()
        self._cuts.clear()
        self._is_refusing, self._delay, self._jitter, self._rate = False, 0.0, 0.0, None
        self._open.set()
        self.note("heal", f"{len(self._links)} connections")


def _address(url: str) -> Tuple[str, int]:
    parts = urlsplit(url)
    if parts.hostname is None:
        raise ValueError(f"a URL with a host is needed, such as redis://localhost:6379, got {url!r}")
    return parts.hostname, parts.port or 6379


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _name(words: Sequence[bytes]) -> str:
    return words[0].decode("ascii", "replace").upper() if words else ""
