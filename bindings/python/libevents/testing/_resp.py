# SPDX-License-Identifier: MIT
"""Where the commands and answers of a Redis connection begin and end, found as the bytes pass.

Nothing is held back: of a command its first words are kept, of an answer nothing.
"""

from typing import Iterator, List, NamedTuple, Tuple

_NEWLINE = b"\r\n"
_BULKS = b"$=!"
_AGGREGATES = b"*~>%"
_WORDS_MAX = 64
_WORD_BYTES_MAX = 1024


class Frame(NamedTuple):
    """A whole command or answer."""

    end: int
    """Where it ends in the bytes at hand."""
    words: List[bytes]
    """The first words, each cut to a bounded size, where they are kept."""
    is_push: bool
    """Said without having been asked."""


class Frames:
    """Follows one direction of one connection."""

    def __init__(self, keeps_words: bool) -> None:
        self._keeps_words = keeps_words
        self._keeps_word = False
        self._line = b""
        self._bulk_left = 0
        self._open: List[int] = []
        self._words: List[bytes] = []
        self._is_push = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that end within `data`, which follows what was fed before."""
        at = 0
        while at < len(data):
            if self._bulk_left:
                at, is_whole = self._take_bulk(data, at)
            else:
                at, is_whole = self._take_line(data, at)
            if is_whole and self._closes_frame():
                yield Frame(at, self._words, self._is_push)
                self._words, self._is_push = [], False

    def _take_bulk(self, data: bytes, at: int) -> Tuple[int, bool]:
        content = max(0, self._bulk_left - len(_NEWLINE))
        taken = data[at : at + self._bulk_left]
        self._bulk_left -= len(taken)
        if self._keeps_word:
            room = max(0, _WORD_BYTES_MAX - len(self._words[-1]))
            self._words[-1] += taken[: min(content, room)]
        return at + len(taken), self._bulk_left == 0

    def _take_line(self, data: bytes, at: int) -> Tuple[int, bool]:
        """Reads a line; the second value says whether it is an element of its own."""
        end = data.find(b"\n", at)
        if end < 0:
            self._line += data[at:]
            return len(data), False
        line, self._line = (self._line + data[at:end]).rstrip(b"\r"), b""
        return end + 1, self._begin(line)

    def _begin(self, line: bytes) -> bool:
        kind, size = line[:1], _number(line[1:])
        if kind in _BULKS and size >= 0:
            self._bulk_left = size + len(_NEWLINE)
            self._keeps_word = self._keeps_words and len(self._words) < _WORDS_MAX
            if self._keeps_word:
                self._words.append(b"")
            return False
        if kind in _AGGREGATES and size > 0:
            self._is_push = self._is_push or kind == b">"
            self._open.append(2 * size if kind == b"%" else size)
            return False
        return True

    def _closes_frame(self) -> bool:
        while self._open:
            self._open[-1] -= 1
            if self._open[-1]:
                return False
            self._open.pop()
        return True


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        return -1
