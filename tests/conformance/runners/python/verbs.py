# SPDX-License-Identifier: MIT
"""verbs.py - the steps of a scenario: one function per verb, from a step to what it gives."""

from __future__ import annotations

import inspect
import json
from typing import Any

import libevents
from form import SELECTION
from match import repeated
from stage import Handler, Stage, event_of, receipt_of, result_of

# Verbs whose result is looked at until it is as expected.
POLLED = {
    "handled", "stats", "groups", "topics", "deadLetters", "deadLetterGroups", "deadLetterCount", "archive", "operation", "retention",
    "conservation", "replay", "coverage",
    "log",
}
# Verbs that give a list without an order.
WITHOUT_ORDER = {"handled", "groups", "topics", "retention", "deadLetters", "archive"}


async def play(stage: Stage, step: dict[str, Any]) -> Any:
    """Does one step and gives its result, or raises libevents.Error."""
    return await VERBS[step["do"]](stage, step, step.get("at", "shop"))


async def _open(stage: Stage, step: dict[str, Any], at: str) -> None:
    system = stage.create(at, step.get("config", {}), step.get("transports", {"main": {}}))
    if step.get("connect", True):
        await result_of(system.connect(timeout=30))


async def _reload(stage: Stage, step: dict[str, Any], at: str) -> Any:
    document = stage.document(at, step.get("config", {}), step.get("transports", {"main": {}}))
    return await result_of(stage.systems[at].reload(document))


async def _coverage(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].coverage())


async def _connect(stage: Stage, step: dict[str, Any], at: str) -> None:
    await result_of(stage.systems[at].connect(timeout=30))


async def _close(stage: Stage, step: dict[str, Any], at: str) -> None:
    await result_of(stage.systems[at].close(deadline=step.get("deadline", 10000) / 1000))


async def _subscribe(stage: Stage, step: dict[str, Any], at: str) -> None:
    handler = Handler(step.get("handler", step["pattern"]), step.get("plan", ["succeed"]))
    replay = {"replay": stage.operation} if step.get("replayed") else {}
    await stage.subscribe(at, step["pattern"], handler, {**step.get("options", {}), **replay})


async def _unsubscribe(stage: Stage, step: dict[str, Any], at: str) -> None:
    subscription = stage.handlers[step["handler"]].subscription
    await result_of(subscription.unsubscribe())
    await result_of(subscription.wait_ended())


async def _publish(stage: Stage, step: dict[str, Any], at: str) -> Any:
    event = event_of({name: value for name, value in step.items() if name not in ("do", "at", "gives", "fails")})
    ledger = stage.ledgers[at]
    try:
        receipt = receipt_of(await result_of(stage.systems[at].publish(**event)))
    except libevents.Error as error:
        if error.receipt:
            ledger.published(receipt_of(error.receipt), failed=True)
        raise
    ledger.published(receipt, failed=False)
    return receipt


async def _publish_batch(stage: Stage, step: dict[str, Any], at: str) -> Any:
    events = [event_of(event) for event in repeated(step["events"])]
    receipts = [receipt_of(receipt) for receipt in await result_of(stage.systems[at].publish_batch(events))]
    for receipt in receipts:
        stage.ledgers[at].published(receipt, failed=receipt["error"] is not None)
    return receipts


async def _flush(stage: Stage, step: dict[str, Any], at: str) -> None:
    await result_of(stage.systems[at].flush(timeout=30))


async def _drain(stage: Stage, step: dict[str, Any], at: str) -> None:
    await result_of(stage.systems[at].drain(timeout=30))


async def _handled(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return list(stage.runs)


async def _explain(stage: Stage, step: dict[str, Any], at: str) -> Any:
    names = {"originPrefix": "origin_prefix", "headers": "headers", "key": "key", "body": "body"}
    query = {names[name]: value for name, value in step.items() if name in names}
    return stage.systems[at].router.explain(step["type"], **query)


async def _stats(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return stage.systems[at].stats()


async def _groups(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].groups(topic=step.get("topic")))


async def _topics(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].topics())


async def _pause(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].pause_group(step["group"], **_given(step, "reason", "actor")))


async def _resume(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].resume_group(step["group"], **_given(step, "actor")))


async def _dead_letters(stage: Stage, step: dict[str, Any], at: str) -> Any:
    page = await result_of(stage.systems[at].dlq.list(filter=_given(step, *SELECTION), **_given(step, "limit")))
    stage.listed = [item["id"] for item in page.items]
    return page.items


async def _dead_letter(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].dlq.get(_ids(stage, step["id"])[0]))


async def _dead_letter_groups(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return (await result_of(stage.systems[at].dlq.groups(**_given(step, "topic"))))._asdict()


async def _dead_letter_count(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].dlq.count(step.get("filter")))


async def _requeue(stage: Stage, step: dict[str, Any], at: str) -> Any:
    options = {**_redrive(step), **_given(step, "edit", "actor")}
    return (await result_of(stage.systems[at].dlq.requeue(**_selection(stage, step), **options)))._asdict()


async def _discard(stage: Stage, step: dict[str, Any], at: str) -> Any:
    options = _given(step, "reason", "purge", "actor")
    return (await result_of(stage.systems[at].dlq.discard(**_selection(stage, step), **options)))._asdict()


async def _note(stage: Stage, step: dict[str, Any], at: str) -> Any:
    ids = _ids(stage, step["ids"])
    return (await result_of(stage.systems[at].dlq.note(ids, step["note"], **_given(step, "actor"))))._asdict()


async def _export_letters(stage: Stage, step: dict[str, Any], at: str) -> Any:
    found = stage.systems[at].dlq.export(_given(step, *SELECTION))
    stage.lines = [line async for line in found] if hasattr(found, "__aiter__") else list(found)
    return [json.loads(line) for line in stage.lines]


async def _import_letters(stage: Stage, step: dict[str, Any], at: str) -> Any:
    dlq = stage.systems[at].dlq
    options = {"all_groups": step.get("allGroups", False), **_given(step, "into", "actor")}
    lines = _one_by_one(stage.lines) if inspect.iscoroutinefunction(dlq.import_lines) else stage.lines
    return (await result_of(dlq.import_lines(lines, **options)))._asdict()


async def _one_by_one(lines: list[str]) -> Any:
    for line in lines:
        yield line


async def _archive(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return (await result_of(stage.systems[at].dlq.archive(_given(step, *SELECTION), **_given(step, "limit")))).items


async def _restore(stage: Stage, step: dict[str, Any], at: str) -> Any:
    ids = _ids(stage, step["ids"])
    return (await result_of(stage.systems[at].dlq.restore(ids, **_given(step, "actor"))))._asdict()


# ---- bulk changes and their log ----------------------------------------------------------------------------


async def _start_operation(stage: Stage, step: dict[str, Any], at: str) -> Any:
    options = {**_redrive(step), **_given(step, "rate", "key", "reason", "actor", "canary", "stop")}
    started = await result_of(stage.systems[at].dlq.start(step["kind"], step["filter"], **options))
    stage.operation = started["id"]
    return started


async def _operation(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].dlq.operation(stage.operation))


async def _change_operation(stage: Stage, step: dict[str, Any], at: str) -> Any:
    options = _given(step, "state", "rate", "actor")
    return await result_of(stage.systems[at].dlq.change_operation(stage.operation, **options))


async def _log(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return (await result_of(stage.systems[at].dlq.log(**_given(step, "limit")))).items


def _redrive(step: dict[str, Any]) -> dict[str, Any]:
    names = {"allGroups": "all_groups", "maxRedrives": "max_redrives", "dryRun": "dry_run"}
    given = _given(step, "allGroups", "to", "create", "maxRedrives", "force", "dryRun")
    return {names.get(name, name): value for name, value in given.items()}


async def _retention(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].retention(step.get("topic")))


async def _conservation(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].conservation(step.get("topic")))


async def _start_replay(stage: Stage, step: dict[str, Any], at: str) -> Any:
    options = _given(step, "group", "rate", "key", "reason", "actor")
    started = await result_of(stage.systems[at].replays.start(step.get("filter"), **options))
    stage.operation = started["id"]
    return started


async def _replay(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].replays.get(stage.operation))


async def _change_replay(stage: Stage, step: dict[str, Any], at: str) -> Any:
    return await result_of(stage.systems[at].replays.change(stage.operation, **_given(step, "state", "rate", "actor")))


def _given(step: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: step[name] for name in names if name in step}


def _selection(stage: Stage, step: dict[str, Any]) -> dict[str, Any]:
    return {"filter": step["filter"]} if "filter" in step else {"ids": _ids(stage, step["ids"])}


def _ids(stage: Stage, ids: Any) -> list[str]:
    """`listed`: those that the last step `deadLetters` listed."""
    return stage.listed if ids == "listed" else [ids] if isinstance(ids, str) else ids


VERBS = {
    "open": _open,
    "reload": _reload,
    "coverage": _coverage,
    "connect": _connect,
    "close": _close,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "publish": _publish,
    "publishBatch": _publish_batch,
    "flush": _flush,
    "drain": _drain,
    "handled": _handled,
    "explain": _explain,
    "stats": _stats,
    "groups": _groups,
    "topics": _topics,
    "pause": _pause,
    "resume": _resume,
    "deadLetters": _dead_letters,
    "deadLetter": _dead_letter,
    "deadLetterGroups": _dead_letter_groups,
    "deadLetterCount": _dead_letter_count,
    "requeue": _requeue,
    "discard": _discard,
    "archive": _archive,
    "restore": _restore,
    "note": _note,
    "exportLetters": _export_letters,
    "importLetters": _import_letters,
    "startOperation": _start_operation,
    "operation": _operation,
    "changeOperation": _change_operation,
    "log": _log,
    "retention": _retention,
    "conservation": _conservation,
    "startReplay": _start_replay,
    "replay": _replay,
    "changeReplay": _change_replay,
}
