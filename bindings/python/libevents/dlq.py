# SPDX-License-Identifier: MIT
"""Dead letters: look at them, send them back, throw them away. Both faces ask through the same requests."""

import json
from typing import Any, Awaitable, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ._options import camel_keys
from .errors import ValidationError

AsyncAsk = Callable[[str, Dict[str, Any], Optional[float]], Awaitable[str]]
SyncAsk = Callable[[str, Dict[str, Any], Optional[float]], str]

DeadLetter = Dict[str, Any]


class Page(NamedTuple):
    """A part of a list; `next` is the cursor of the part after it, or None."""

    items: List[DeadLetter]
    next: Optional[str]


class Requeued(NamedTuple):
    """How many went back, and for each id what became of it: {"id": …, "outcome": …}."""

    requeued: int
    results: List[Dict[str, Any]]


class Discarded(NamedTuple):
    """How many were thrown away, and for each id what became of it."""

    discarded: int
    results: List[Dict[str, Any]]


def _given(**params: Any) -> Dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _list_params(
    topic: Optional[str],
    type: Optional[str],
    group: Optional[str],
    text: Optional[str],
    limit: int,
    cursor: Optional[str],
    transport: Optional[str],
) -> Dict[str, Any]:
    return _given(
        topic=topic, type=type, group=group, text=text, limit=limit, cursor=cursor, transport=transport
    )


def _selection(
    ids: Optional[Sequence[str]], filter: Optional[Mapping[str, Any]], transport: Optional[str]
) -> Dict[str, Any]:
    if (ids is None) == (filter is None):
        raise ValidationError("give either ids=[…] or filter={…}")
    if isinstance(ids, str):
        raise ValidationError("ids is a str, expected a list of ids", path="/ids")
    return _given(
        ids=None if ids is None else list(ids),
        filter=None if filter is None else camel_keys(filter),
        transport=transport,
    )


def _requeue_params(
    ids: Optional[Sequence[str]],
    filter: Optional[Mapping[str, Any]],
    all_groups: bool,
    limit: Optional[int],
    transport: Optional[str],
) -> Dict[str, Any]:
    params = _selection(ids, filter, transport)
    if all_groups:
        params["allGroups"] = True
    if limit is not None:
        params["limit"] = limit
    return params


def _page(answer: str) -> Page:
    fields = json.loads(answer)
    return Page(fields["items"], fields.get("next"))


def _letter(answer: str) -> DeadLetter:
    letter: DeadLetter = json.loads(answer)
    return letter


def _requeued(answer: str) -> Requeued:
    fields = json.loads(answer)
    return Requeued(fields["requeued"], fields["results"])


def _discarded(answer: str) -> Discarded:
    fields = json.loads(answer)
    return Discarded(fields["discarded"], fields["results"])


class DeadLetters:
    """`system.dlq` of the asyncio face."""

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    async def list(
        self,
        topic: Optional[str] = None,
        type: Optional[str] = None,
        group: Optional[str] = None,
        text: Optional[str] = None,
        *,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """Dead letters that fit, a page at a time."""
        params = _list_params(topic, type, group, text, limit, cursor, transport)
        return _page(await self._ask("dlq.list", params, timeout))

    async def get(
        self, id: str, *, transport: Optional[str] = None, timeout: Optional[float] = None
    ) -> DeadLetter:
        """One dead letter; NotFound when there is none of this id."""
        return _letter(await self._ask("dlq.get", _given(id=id, transport=transport), timeout))

    async def requeue(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        all_groups: bool = False,
        limit: Optional[int] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Requeued:
        """Sends dead letters back to the group that failed, or with `all_groups` to every group."""
        params = _requeue_params(ids, filter, all_groups, limit, transport)
        return _requeued(await self._ask("dlq.requeue", params, timeout))

    async def discard(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Discarded:
        """Throws dead letters away for good."""
        return _discarded(await self._ask("dlq.discard", _selection(ids, filter, transport), timeout))


class SyncDeadLetters:
    """`system.dlq` of the synchronous face; the same methods, waiting."""

    def __init__(self, ask: SyncAsk) -> None:
        self._ask = ask

    def list(
        self,
        topic: Optional[str] = None,
        type: Optional[str] = None,
        group: Optional[str] = None,
        text: Optional[str] = None,
        *,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """Dead letters that fit, a page at a time."""
        params = _list_params(topic, type, group, text, limit, cursor, transport)
        return _page(self._ask("dlq.list", params, timeout))

    def get(self, id: str, *, transport: Optional[str] = None, timeout: Optional[float] = None) -> DeadLetter:
        """One dead letter; NotFound when there is none of this id."""
        return _letter(self._ask("dlq.get", _given(id=id, transport=transport), timeout))

    def requeue(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        all_groups: bool = False,
        limit: Optional[int] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Requeued:
        """Sends dead letters back to the group that failed, or with `all_groups` to every group."""
        params = _requeue_params(ids, filter, all_groups, limit, transport)
        return _requeued(self._ask("dlq.requeue", params, timeout))

    def discard(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Discarded:
        """Throws dead letters away for good."""
        return _discarded(self._ask("dlq.discard", _selection(ids, filter, transport), timeout))
