# SPDX-License-Identifier: MIT
"""Bulk changes of dead letters as operations that survive their process, and the log of all changes: a part of
`system.dlq` of both faces."""

import asyncio
import json
import time
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional

from ._options import camel_keys

AsyncAsk = Callable[[str, Dict[str, Any], Optional[float]], Awaitable[str]]
SyncAsk = Callable[[str, Dict[str, Any], Optional[float]], str]

Operation = Dict[str, Any]

_UNFINISHED = ("running", "paused")


class LogPage(NamedTuple):
    """A part of the log; `next` is the cursor of the part after it, or None."""

    items: List[Dict[str, Any]]
    next: Optional[str]


def given(**params: Any) -> Dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in params.items() if value is not None}


def change_params(
    id: str, state: Optional[str], rate: Optional[int], actor: Optional[str], transport: Optional[str]
) -> Dict[str, Any]:
    params = given(id=id, state=state, actor=actor, transport=transport)
    if rate is not None:
        params["rate"] = rate or None
    return params


def document_of(answer: str) -> Dict[str, Any]:
    document: Dict[str, Any] = json.loads(answer)
    return document


async def watched(look: Callable[[], Awaitable[Operation]], interval: float) -> AsyncIterator[Operation]:
    """Looks every `interval` seconds, the last time when what is looked at has ended."""
    while True:
        current = await look()
        yield current
        if current["state"] not in _UNFINISHED:
            return
        await asyncio.sleep(interval)


def watched_sync(look: Callable[[], Operation], interval: float) -> Iterator[Operation]:
    """The same for the synchronous face."""
    while True:
        current = look()
        yield current
        if current["state"] not in _UNFINISHED:
            return
        time.sleep(interval)


def _log_page(answer: str) -> LogPage:
    fields = json.loads(answer)
    return LogPage(fields["items"], fields["next"])


class Operations:
    """What `system.dlq` of the asyncio face offers for bulk changes and their log."""

    _ask: AsyncAsk

    async def start(
        self,
        kind: str,
        filter: Mapping[str, Any],
        *,
        rate: Optional[int] = None,
        key: Optional[str] = None,
        all_groups: bool = False,
        to: Optional[str] = None,
        create: bool = False,
        max_redrives: Optional[int] = None,
        force: bool = False,
        canary: Optional[Mapping[str, Any]] = None,
        stop: Optional[Mapping[str, Any]] = None,
        dry_run: bool = False,
        actor: Optional[str] = None,
        reason: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Operation:
        """Begins to "requeue", "discard" or "restore" all that the filter selects now, `rate` a second. It goes on
        when this process ends, in any other that looks at operations. The same `key` is the same operation.
        With `canary={"count": n, "outcome_timeout": ms}` the first n have to succeed before it goes on; with
        `stop={"share": 0.2}` it stops itself when more than that share dies again. A `dry_run` only counts."""
        params = given(
            kind=kind,
            filter=camel_keys(filter),
            rate=rate,
            key=key,
            allGroups=all_groups or None,
            to=to,
            create=create or None,
            maxRedrives=max_redrives,
            force=force or None,
            canary=None if canary is None else camel_keys(canary),
            stop=stop,
            dryRun=dry_run or None,
            actor=actor,
            reason=reason,
            transport=transport,
        )
        return document_of(await self._ask("operations.start", params, timeout))

    async def operations(
        self, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Operation]:
        """All operations, the newest first."""
        answer = document_of(await self._ask("operations.list", given(transport=transport), timeout))
        found: List[Operation] = answer["operations"]
        return found

    async def operation(
        self, id: str, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Operation:
        """One operation with its progress; NotFound when there is none of this id."""
        return document_of(await self._ask("operations.get", given(id=id, transport=transport), timeout))

    async def change_operation(
        self,
        id: str,
        *,
        state: Optional[str] = None,
        rate: Optional[int] = None,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Operation:
        """Makes it "paused", "running" again or "aborted", or changes its rate; 0 is no limit."""
        params = change_params(id, state, rate, actor, transport)
        return document_of(await self._ask("operations.set", params, timeout))

    def watch(
        self, id: str, *, interval: float = 0.25, transport: Optional[str] = None
    ) -> AsyncIterator[Operation]:
        """Gives the operation every `interval` seconds, the last time when it has ended."""
        return watched(lambda: self.operation(id, transport=transport), interval)

    async def log(
        self,
        *,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> LogPage:
        """Who changed what, the newest first."""
        params = given(limit=limit, cursor=cursor, transport=transport)
        return _log_page(await self._ask("audit", params, timeout))


class SyncOperations:
    """The same for the synchronous face: bulk changes and their log."""

    _ask: SyncAsk

    def start(
        self,
        kind: str,
        filter: Mapping[str, Any],
        *,
        rate: Optional[int] = None,
        key: Optional[str] = None,
        all_groups: bool = False,
        to: Optional[str] = None,
        create: bool = False,
        max_redrives: Optional[int] = None,
        force: bool = False,
        canary: Optional[Mapping[str, Any]] = None,
        stop: Optional[Mapping[str, Any]] = None,
        dry_run: bool = False,
        actor: Optional[str] = None,
        reason: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Operation:
        """Begins to "requeue", "discard" or "restore" all that the filter selects now, `rate` a second. It goes on
        when this process ends, in any other that looks at operations. The same `key` is the same operation.
        With `canary={"count": n, "outcome_timeout": ms}` the first n have to succeed before it goes on; with
        `stop={"share": 0.2}` it stops itself when more than that share dies again. A `dry_run` only counts."""
        params = given(
            kind=kind,
            filter=camel_keys(filter),
            rate=rate,
            key=key,
            allGroups=all_groups or None,
            to=to,
            create=create or None,
            maxRedrives=max_redrives,
            force=force or None,
            canary=None if canary is None else camel_keys(canary),
            stop=stop,
            dryRun=dry_run or None,
            actor=actor,
            reason=reason,
            transport=transport,
        )
        return document_of(self._ask("operations.start", params, timeout))

    def operations(
        self, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Operation]:
        """All operations, the newest first."""
        answer = document_of(self._ask("operations.list", given(transport=transport), timeout))
        found: List[Operation] = answer["operations"]
        return found

    def operation(
        self, id: str, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Operation:
        """One operation with its progress; NotFound when there is none of this id."""
        return document_of(self._ask("operations.get", given(id=id, transport=transport), timeout))

    def change_operation(
        self,
        id: str,
        *,
        state: Optional[str] = None,
        rate: Optional[int] = None,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Operation:
        """Makes it "paused", "running" again or "aborted", or changes its rate; 0 is no limit."""
        params = change_params(id, state, rate, actor, transport)
        return document_of(self._ask("operations.set", params, timeout))

    def watch(
        self, id: str, *, interval: float = 0.25, transport: Optional[str] = None
    ) -> Iterator[Operation]:
        """Gives the operation every `interval` seconds, the last time when it has ended."""
        return watched_sync(lambda: self.operation(id, transport=transport), interval)

    def log(
        self,
        *,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> LogPage:
        """Who changed what, the newest first."""
        params = given(limit=limit, cursor=cursor, transport=transport)
        return _log_page(self._ask("audit", params, timeout))
