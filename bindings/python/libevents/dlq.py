# SPDX-License-Identifier: MIT
"""Dead letters: look at them, send them back, edit them, throw them away and get them back. Both faces ask through
the same requests; bulk changes that survive their process: _operations.py."""

import base64
import json
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from ._operations import AsyncAsk, SyncAsk, given
from ._options import camel_keys
from ._transfer import SyncTransfer, Transfer
from .errors import ValidationError

DeadLetter = Dict[str, Any]


class Page(NamedTuple):
    """A part of a list; `next` is the cursor of the part after it, or None. `scanned` were looked at; only an
    `exhausted` list is known to hold nothing more."""

    items: List[DeadLetter]
    next: Optional[str]
    scanned: int = 0
    exhausted: bool = True


class Requeued(NamedTuple):
    """How many went back, and for each id what became of it: {"id": …, "outcome": …}. In a dry run none did, and
    `would_be` is how many it would have been."""

    requeued: int
    results: List[Dict[str, Any]]
    would_be: int = 0


class Discarded(NamedTuple):
    """How many were thrown away, and for each id what became of it; `would_be` as in Requeued."""

    discarded: int
    results: List[Dict[str, Any]]
    would_be: int = 0


class Restored(NamedTuple):
    """How many came back from the archive, and for each id what became of it; `newId` names it from now on."""

    restored: int
    results: List[Dict[str, Any]]


class Groups(NamedTuple):
    """Kinds of failures, the newest first, and how many dead letters there are in all."""

    groups: List[Dict[str, Any]]
    total: int


def _list_params(
    selected: Dict[str, Any], filter: Optional[Mapping[str, Any]], body: bool, **paging: Any
) -> Dict[str, Any]:
    params = given(**selected, **paging)
    params.update(camel_keys(filter or {}))
    if not body:
        params["body"] = False
    return params


def _get_params(
    id: str, max_body: Optional[int], archived: bool, transport: Optional[str]
) -> Dict[str, Any]:
    return given(id=id, maxBody=max_body, archived=archived or None, transport=transport)


def _selection(
    ids: Optional[Sequence[str]], filter: Optional[Mapping[str, Any]], **more: Any
) -> Dict[str, Any]:
    if (ids is None) == (filter is None):
        raise ValidationError("give either ids=[…] or filter={…}")
    if isinstance(ids, str):
        raise ValidationError("ids is a str, expected a list of ids", path="/ids")
    return given(
        ids=None if ids is None else list(ids),
        filter=None if filter is None else camel_keys(filter),
        **more,
    )


def _edit(edit: Union[str, bytes, None]) -> Optional[Dict[str, str]]:
    if edit is None:
        return None
    if isinstance(edit, str):
        return {"body": edit}
    return {"raw": base64.b64encode(edit).decode()}


def _page(answer: str) -> Page:
    fields = json.loads(answer)
    return Page(fields["items"], fields["next"], fields["scanned"], fields["exhausted"])


def _letter(answer: str) -> DeadLetter:
    letter: DeadLetter = json.loads(answer)
    return letter


def _requeued(answer: str) -> Requeued:
    fields = json.loads(answer)
    return Requeued(fields["requeued"], fields["results"], fields.get("wouldBe", 0))


def _discarded(answer: str) -> Discarded:
    fields = json.loads(answer)
    return Discarded(fields["discarded"], fields["results"], fields.get("wouldBe", 0))


def _restored(answer: str) -> Restored:
    fields = json.loads(answer)
    return Restored(fields["restored"], fields["results"])


def _groups(answer: str) -> Groups:
    fields = json.loads(answer)
    return Groups(fields["groups"], fields["total"])


class DeadLetters(Transfer):
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
        filter: Optional[Mapping[str, Any]] = None,
        order: Optional[str] = None,
        body: bool = True,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """Dead letters that fit, a page at a time; `order` is "oldest" or "newest". Without `body` each has its
        `size` instead of body, stack and history. `filter` holds further members, such as fingerprint or since."""
        selected = {"topic": topic, "type": type, "group": group, "text": text}
        params = _list_params(
            selected, filter, body, order=order, limit=limit, cursor=cursor, transport=transport
        )
        return _page(await self._ask("dlq.list", params, timeout))

    async def get(
        self,
        id: str,
        *,
        max_body: Optional[int] = None,
        archived: bool = False,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> DeadLetter:
        """One dead letter, or what the archive kept of it; NotFound when there is none of this id. Of a body larger
        than `max_body` only its beginning is given."""
        params = _get_params(id, max_body, archived, transport)
        return _letter(await self._ask("dlq.get", params, timeout))

    async def groups(
        self,
        topic: Optional[str] = None,
        *,
        limit: Optional[int] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Groups:
        """Dead letters by kind of failure, counted."""
        params = given(topic=topic, limit=limit, transport=transport)
        return _groups(await self._ask("dlq.groups", params, timeout))

    async def count(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """How many a filter selects, by type and group; `exact` is False when looking ended at its budget."""
        params = given(filter=camel_keys(filter or {}), transport=transport)
        return _letter(await self._ask("dlq.count", params, timeout))

    async def requeue(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        all_groups: bool = False,
        edit: Union[str, bytes, None] = None,
        to: Optional[str] = None,
        create: bool = False,
        max_redrives: Optional[int] = None,
        force: bool = False,
        dry_run: bool = False,
        limit: Optional[int] = None,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Requeued:
        """Sends dead letters back to the group that failed, or with `all_groups` to every group. With `edit` the only
        one gets another body, JSON text or bytes, and the original stays in the archive. `to` is another topic, which
        `create` may make. What came back `max_redrives` times (10) is refused, unless with `force`."""
        params = _selection(
            ids,
            filter,
            allGroups=all_groups or None,
            edit=_edit(edit),
            to=to,
            create=create or None,
            maxRedrives=max_redrives,
            force=force or None,
            dryRun=dry_run or None,
            limit=limit,
            actor=actor,
            transport=transport,
        )
        return _requeued(await self._ask("dlq.requeue", params, timeout))

    async def discard(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        reason: Optional[str] = None,
        purge: bool = False,
        dry_run: bool = False,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Discarded:
        """Moves dead letters to the archive, from where `restore` brings them back; with `purge` for good."""
        params = _selection(
            ids,
            filter,
            reason=reason,
            purge=purge or None,
            dryRun=dry_run or None,
            actor=actor,
            transport=transport,
        )
        return _discarded(await self._ask("dlq.discard", params, timeout))

    async def archive(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        body: bool = True,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """What was requeued, edited or discarded, the newest first."""
        params = _list_params({}, filter, body, limit=limit, cursor=cursor, transport=transport)
        return _page(await self._ask("dlq.archive", params, timeout))

    async def restore(
        self,
        ids: Sequence[str],
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Restored:
        """Makes discarded ones dead letters again, named by the ids that they had."""
        params = _selection(ids, None, actor=actor, transport=transport)
        return _restored(await self._ask("dlq.restore", params, timeout))


class SyncDeadLetters(SyncTransfer):
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
        filter: Optional[Mapping[str, Any]] = None,
        order: Optional[str] = None,
        body: bool = True,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """Dead letters that fit, a page at a time; `order` is "oldest" or "newest". Without `body` each has its
        `size` instead of body, stack and history. `filter` holds further members, such as fingerprint or since."""
        selected = {"topic": topic, "type": type, "group": group, "text": text}
        params = _list_params(
            selected, filter, body, order=order, limit=limit, cursor=cursor, transport=transport
        )
        return _page(self._ask("dlq.list", params, timeout))

    def get(
        self,
        id: str,
        *,
        max_body: Optional[int] = None,
        archived: bool = False,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> DeadLetter:
        """One dead letter, or what the archive kept of it; NotFound when there is none of this id. Of a body larger
        than `max_body` only its beginning is given."""
        params = _get_params(id, max_body, archived, transport)
        return _letter(self._ask("dlq.get", params, timeout))

    def groups(
        self,
        topic: Optional[str] = None,
        *,
        limit: Optional[int] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Groups:
        """Dead letters by kind of failure, counted."""
        params = given(topic=topic, limit=limit, transport=transport)
        return _groups(self._ask("dlq.groups", params, timeout))

    def count(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Dict[str, Any]:
        """How many a filter selects, by type and group; `exact` is False when looking ended at its budget."""
        params = given(filter=camel_keys(filter or {}), transport=transport)
        return _letter(self._ask("dlq.count", params, timeout))

    def requeue(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        all_groups: bool = False,
        edit: Union[str, bytes, None] = None,
        to: Optional[str] = None,
        create: bool = False,
        max_redrives: Optional[int] = None,
        force: bool = False,
        dry_run: bool = False,
        limit: Optional[int] = None,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Requeued:
        """Sends dead letters back to the group that failed, or with `all_groups` to every group. With `edit` the only
        one gets another body, JSON text or bytes, and the original stays in the archive. `to` is another topic, which
        `create` may make. What came back `max_redrives` times (10) is refused, unless with `force`."""
        params = _selection(
            ids,
            filter,
            allGroups=all_groups or None,
            edit=_edit(edit),
            to=to,
            create=create or None,
            maxRedrives=max_redrives,
            force=force or None,
            dryRun=dry_run or None,
            limit=limit,
            actor=actor,
            transport=transport,
        )
        return _requeued(self._ask("dlq.requeue", params, timeout))

    def discard(
        self,
        ids: Optional[Sequence[str]] = None,
        *,
        filter: Optional[Mapping[str, Any]] = None,
        reason: Optional[str] = None,
        purge: bool = False,
        dry_run: bool = False,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Discarded:
        """Moves dead letters to the archive, from where `restore` brings them back; with `purge` for good."""
        params = _selection(
            ids,
            filter,
            reason=reason,
            purge=purge or None,
            dryRun=dry_run or None,
            actor=actor,
            transport=transport,
        )
        return _discarded(self._ask("dlq.discard", params, timeout))

    def archive(
        self,
        filter: Optional[Mapping[str, Any]] = None,
        *,
        body: bool = True,
        limit: int = 50,
        cursor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """What was requeued, edited or discarded, the newest first."""
        params = _list_params({}, filter, body, limit=limit, cursor=cursor, transport=transport)
        return _page(self._ask("dlq.archive", params, timeout))

    def restore(
        self,
        ids: Sequence[str],
        *,
        actor: Optional[str] = None,
        transport: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Restored:
        """Makes discarded ones dead letters again, named by the ids that they had."""
        params = _selection(ids, None, actor=actor, transport=transport)
        return _restored(self._ask("dlq.restore", params, timeout))
