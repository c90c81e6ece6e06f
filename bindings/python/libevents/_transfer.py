# SPDX-License-Identifier: MIT
"""Dead letters as lines: out of one store and into another, and notes on them: a part of `system.dlq` of both
faces."""

import json
from typing import Any, AsyncIterable, AsyncIterator, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ._operations import Operations, SyncOperations, given
from ._options import camel_keys
from .errors import ValidationError

# Lines in one request, and their bytes: what the store answers within one time limit.
_LINES = 200
_BYTES = 8 * 1024 * 1024


class Noted(NamedTuple):
    """On how many the note is now, and for each id what became of it."""

    noted: int
    results: List[Dict[str, Any]]


class Imported(NamedTuple):
    """How many lines were taken, and for each of them, by its number, what became of it."""

    imported: int
    results: List[Dict[str, Any]]


def _note_params(
    ids: Iterable[str], note: Optional[str], actor: Optional[str], transport: Optional[str]
) -> Dict[str, Any]:
    if isinstance(ids, str):
        raise ValidationError("ids is a str, expected a list of ids", path="/ids")
    return {"ids": list(ids), "note": note, **given(actor=actor, transport=transport)}


def _export_params(
    filter: Optional[Mapping[str, Any]], cursor: Optional[str], transport: Optional[str]
) -> Dict[str, Any]:
    return {**camel_keys(filter or {}), **given(limit=_LINES, cursor=cursor, transport=transport)}


def _lines_of(answer: str) -> Tuple[List[str], Optional[str]]:
    page = json.loads(answer)
    lines = [json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in page["items"]]
    return lines, page["next"]


def _noted(answer: str) -> Noted:
    fields = json.loads(answer)
    return Noted(fields["noted"], fields["results"])


class _Chunks:
    """Gathers lines until there are enough for a request."""

    def __init__(self, into: str, all_groups: bool, actor: Optional[str], transport: Optional[str]) -> None:
        self._params = given(into=into, allGroups=all_groups or None, actor=actor, transport=transport)
        self._lines: List[str] = []
        self._bytes = 0
        self._first = 1
        self._imported = 0
        self._results: List[Dict[str, Any]] = []

    def add(self, line: str) -> bool:
        """True: there are enough."""
        text = line.rstrip("\r\n")
        self._lines.append(text)
        self._bytes += len(text)
        return len(self._lines) >= _LINES or self._bytes >= _BYTES

    def take(self) -> Optional[Dict[str, Any]]:
        if not self._lines:
            return None
        params = {**self._params, "lines": self._lines, "from": self._first}
        self._first += len(self._lines)
        self._lines, self._bytes = [], 0
        return params

    def keep(self, answer: str) -> None:
        fields = json.loads(answer)
        self._imported += fields["imported"]
        self._results += fields["results"]

    def sum(self) -> Imported:
        return Imported(self._imported, self._results)


class Transfer(Operations):
    """For the asyncio face."""

    async def note(
        self,
        ids: Iterable[str],
        note: Optional[str],
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Noted:
        """Writes a note on dead letters, or with None takes it away."""
        return _noted(await self._ask("dlq.note", _note_params(ids, note, actor, transport), timeout))

    async def export(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> AsyncIterator[str]:
        """Gives dead letters, each as a line of JSON that holds all that is stored of it."""
        cursor: Optional[str] = None
        while True:
            answer = await self._ask("dlq.export", _export_params(filter, cursor, transport), timeout)
            lines, cursor = _lines_of(answer)
            for line in lines:
                yield line
            if cursor is None:
                return

    async def import_lines(
        self,
        lines: AsyncIterable[str],
        *,
        into: str = "dead",
        all_groups: bool = False,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Imported:
        """Makes dead letters of such lines again, or with into="stream" their events; the same line is taken once. A
        wrong one is refused by its number."""
        chunks = _Chunks(into, all_groups, actor, transport)
        async for line in lines:
            if chunks.add(line):
                chunks.keep(await self._ask("dlq.import", chunks.take() or {}, timeout))
        rest = chunks.take()
        if rest:
            chunks.keep(await self._ask("dlq.import", rest, timeout))
        return chunks.sum()


class SyncTransfer(SyncOperations):
    """The same for the synchronous face."""

    def note(
        self,
        ids: Iterable[str],
        note: Optional[str],
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Noted:
        """Writes a note on dead letters, or with None takes it away."""
        return _noted(self._ask("dlq.note", _note_params(ids, note, actor, transport), timeout))

    def export(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Iterator[str]:
        """Gives dead letters, each as a line of JSON that holds all that is stored of it."""
        cursor: Optional[str] = None
        while True:
            answer = self._ask("dlq.export", _export_params(filter, cursor, transport), timeout)
            lines, cursor = _lines_of(answer)
            yield from lines
            if cursor is None:
                return

    def import_lines(
        self,
        lines: Iterable[str],
        *,
        into: str = "dead",
        all_groups: bool = False,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Imported:
        """Makes dead letters of such lines again, or with into="stream" their events; the same line is taken once. A
        wrong one is refused by its number."""
        chunks = _Chunks(into, all_groups, actor, transport)
        for line in lines:
            if chunks.add(line):
                chunks.keep(self._ask("dlq.import", chunks.take() or {}, timeout))
        rest = chunks.take()
        if rest:
            chunks.keep(self._ask("dlq.import", rest, timeout))
        return chunks.sum()
