# SPDX-License-Identifier: MIT
"""Replays: what is stored comes again, to a handler of its own, without the groups that had it noticing."""

from typing import Any, AsyncIterator, Dict, Iterator, List, Mapping, Optional

from ._operations import AsyncAsk, SyncAsk, change_params, document_of, given, watched, watched_sync
from ._options import camel_keys

Replay = Dict[str, Any]


class Replays:
    """`system.replays` of the asyncio face: what is stored comes again to a subscription with `replay=id`."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def start(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        group: Optional[str] = None,
        rate: Optional[int] = None,
        key: Optional[str] = None,
        actor: Optional[str] = None,
        reason: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Replay:
        """Begins to bring again what the filter (topic, type, since, until, from_offset, to_offset) selects now,
        `rate` a second, for a handler's own group or a new one. The same `key` is the same replay."""
        params = given(
            filter=camel_keys(filter or {}),
            group=group,
            rate=rate,
            key=key,
            actor=actor,
            reason=reason,
            transport=transport,
        )
        return document_of(await self._ask("replay.start", params, timeout))

    async def list(
        self, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Replay]:
        """All replays, the newest first."""
        answer = document_of(await self._ask("replay.list", given(transport=transport), timeout))
        found: List[Replay] = answer["replays"]
        return found

    async def get(
        self, id: str, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Replay:
        """One replay with its progress; `unhandled` events are brought and not handled yet."""
        return document_of(await self._ask("replay.get", given(id=id, transport=transport), timeout))

    async def change(
        self,
        id: str,
        *,
        state: Optional[str] = None,
        rate: Optional[int] = None,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Replay:
        """Makes it "paused", "running" again or "aborted", or changes its rate; 0 is no limit."""
        params = change_params(id, state, rate, actor, transport)
        return document_of(await self._ask("replay.set", params, timeout))

    def watch(
        self, id: str, *, interval: float = 0.25, transport: Optional[str] = None
    ) -> AsyncIterator[Replay]:
        """Gives the replay every `interval` seconds, the last time when it has ended."""
        return watched(lambda: self.get(id, transport=transport), interval)


class SyncReplays:
    """`system.replays` of the synchronous face: what is stored comes again to a subscription with `replay=id`."""

    def __init__(self, ask: SyncAsk) -> None:
        self._ask = ask

    def start(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        group: Optional[str] = None,
        rate: Optional[int] = None,
        key: Optional[str] = None,
        actor: Optional[str] = None,
        reason: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Replay:
        """Begins to bring again what the filter (topic, type, since, until, from_offset, to_offset) selects now,
        `rate` a second, for a handler's own group or a new one. The same `key` is the same replay."""
        params = given(
            filter=camel_keys(filter or {}),
            group=group,
            rate=rate,
            key=key,
            actor=actor,
            reason=reason,
            transport=transport,
        )
        return document_of(self._ask("replay.start", params, timeout))

    def list(
        self, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> List[Replay]:
        """All replays, the newest first."""
        answer = document_of(self._ask("replay.list", given(transport=transport), timeout))
        found: List[Replay] = answer["replays"]
        return found

    def get(
        self, id: str, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> Replay:
        """One replay with its progress; `unhandled` events are brought and not handled yet."""
        return document_of(self._ask("replay.get", given(id=id, transport=transport), timeout))

    def change(
        self,
        id: str,
        *,
        state: Optional[str] = None,
        rate: Optional[int] = None,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Replay:
        """Makes it "paused", "running" again or "aborted", or changes its rate; 0 is no limit."""
        params = change_params(id, state, rate, actor, transport)
        return document_of(self._ask("replay.set", params, timeout))

    def watch(
        self, id: str, *, interval: float = 0.25, transport: Optional[str] = None
    ) -> Iterator[Replay]:
        """Gives the replay every `interval` seconds, the last time when it has ended."""
        return watched_sync(lambda: self.get(id, transport=transport), interval)
