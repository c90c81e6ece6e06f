# SPDX-License-Identifier: MIT
"""reply_sizes.py - stands between a client and its Redis server, and notes how large the answer of each command was.
Changes nothing; understands as much of the protocol as it takes to tell where a command and an answer end."""

from __future__ import annotations

import collections
import contextlib
import socket
import threading

CHUNK = 65536


class Frames:
    """Tells where the messages of one direction end."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # of the message that is not whole yet
        self._left = [1]  # so many parts are missing, of each array that is open
        self._size = 0
        self._words: list[bytes] = []

    def feed(self, data: bytes) -> list[tuple[int, list[bytes]]]:
        """Size and texts, the first two, of each message that is whole now."""
        self._buffer += data
        whole = []
        while self._step():
            if not self._left:
                whole.append((self._size, self._words))
                self._left, self._size, self._words = [1], 0, []
        del self._buffer[:self._at]
        self._at = 0
        return whole

    def _step(self) -> bool:
        """One part; False: it is not here as a whole."""
        end = self._buffer.find(b"\r\n", self._at)
        if end < 0:
            return False
        kind, head, after = self._buffer[self._at:self._at + 1], self._buffer[self._at + 1:end], end + 2
        if kind == b"$" and int(head) >= 0:
            after += int(head) + 2
            if len(self._buffer) < after:
                return False
            if len(self._words) < 2:
                self._words.append(bytes(self._buffer[end + 2:after - 2]))
        self._size += after - self._at
        self._at = after
        self._left[-1] -= 1
        if kind == b"*" and int(head) > 0:
            self._left.append(int(head))
        while self._left and self._left[-1] == 0:
            self._left.pop()
        return True


class ReplySizes:
    """with ReplySizes(port) as proxy: … proxy.port … proxy.largest"""

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self.largest: dict[str, int] = {}  # of each command, in bytes

    def __enter__(self) -> ReplySizes:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        commands: collections.deque[str] = collections.deque()
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=self._answers, args=(server, client, commands), daemon=True)
            back.start()
            frames = Frames()
            with contextlib.suppress(OSError):
                while data := client.recv(CHUNK):
                    for _, words in frames.feed(data):
                        commands.append(words[0].decode("latin-1").upper())
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)
            back.join()

    def _answers(self, server: socket.socket, client: socket.socket, commands: collections.deque[str]) -> None:
        frames = Frames()
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                for size, _ in frames.feed(data):
                    name = commands.popleft()
                    with self._lock:
                        self.largest[name] = max(size, self.largest.get(name, 0))
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
