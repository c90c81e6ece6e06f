# SPDX-License-Identifier: MIT
"""form.py - reads scenarios and refuses what the format does not have: a misspelt key would test nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

EVENT = {
    "type": str, "body": object, "text": str, "bytes": str, "contentType": str, "key": str, "partition": int,
    "headers": dict, "id": str, "timestamp": str, "version": str, "transport": str, "timeout": int,
    "delay": int, "acknowledgement": object, "batchKey": str,
}
REDRIVE = {"allGroups": bool, "to": str, "create": bool, "maxRedrives": int, "force": bool, "dryRun": bool}
SELECTION = {
    "topic": str, "type": str, "group": str, "subscription": str, "text": str, "minAttempts": int, "requeued": bool,
}
EXPECTED = {"gives": object, "fails": dict}

# What each verb takes, besides `do`, `at` and what is expected.
VERBS: dict[str, dict[str, type]] = {
    "open": {"config": dict, "transports": dict, "connect": bool},
    "reload": {"config": dict, "transports": dict},
    "coverage": {},
    "connect": {},
    "close": {"deadline": int},
    "subscribe": {"pattern": str, "options": dict, "handler": str, "plan": object, "replayed": bool},
    "unsubscribe": {"handler": str},
    "publish": EVENT,
    "publishBatch": {"events": list},
    "flush": {},
    "drain": {},
    "handled": {"inOrder": bool},
    "explain": {"type": str, "originPrefix": str, "headers": dict, "key": str, "body": object},
    "stats": {},
    "groups": {"topic": str},
    "topics": {},
    "pause": {"group": str, "reason": str, "actor": str},
    "resume": {"group": str, "actor": str},
    "deadLetters": {**SELECTION, "limit": int},
    "deadLetter": {"id": str},
    "deadLetterGroups": {"topic": str},
    "deadLetterCount": {"filter": dict},
    "requeue": {"ids": object, "filter": dict, "edit": str, "actor": str, **REDRIVE},
    "note": {"ids": object, "note": object, "actor": str},
    "exportLetters": SELECTION,
    "importLetters": {"into": str, "allGroups": bool, "actor": str},
    "discard": {"ids": object, "filter": dict, "reason": str, "purge": bool, "actor": str},
    "archive": {**SELECTION, "limit": int},
    "restore": {"ids": object, "actor": str},
    "startOperation": {
        **{"kind": str, "filter": dict, "rate": int, "key": str, "reason": str, "actor": str},
        **{"canary": dict, "stop": dict, **REDRIVE},
    },
    "operation": {},
    "changeOperation": {"state": str, "rate": int, "actor": str},
    "log": {"limit": int},
    "retention": {"topic": str},
    "conservation": {"topic": str},
    "startReplay": {"filter": dict, "group": str, "rate": int, "key": str, "reason": str, "actor": str},
    "replay": {},
    "changeReplay": {"state": str, "rate": int, "actor": str},
}
WORDS = {"succeed", "fail", "hang"}
WORDS_WITH = {"fail": dict, "reject": str, "later": int}


class Scenario(NamedTuple):
    """One entry of a file."""

    file: str
    name: str
    needs: list[str]
    lacks: list[str]
    steps: list[dict[str, Any]]


class Malformed(Exception):
    """The file is not in the format."""


def load(folder: Path) -> list[Scenario]:
    """Every scenario of every file of a folder, in the order of names."""
    found = [scenario for path in sorted(folder.glob("*.json")) for scenario in load_file(path)]
    if not found:
        raise Malformed(f"{folder}: no scenarios")
    return found


def load_file(path: Path) -> list[Scenario]:
    entries = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_no_twin)
    scenarios = []
    for entry in entries:
        where = f"{path.name} {entry.get('name')!r}"
        _check(entry, {"name": str, "needs": list, "lacks": list, "steps": list}, where)
        for index, step in enumerate(entry["steps"]):
            _check_step(step, f"{where}, step {index + 1}")
        scenarios.append(
            Scenario(path.name, entry["name"], entry.get("needs", []), entry.get("lacks", []), entry["steps"])
        )
    return scenarios


def _check_step(step: dict, where: str) -> None:
    if step.get("do") not in VERBS:
        raise Malformed(f"{where}: no verb {step.get('do')!r}")
    _check(step, {"do": str, "at": str, **VERBS[step["do"]], **EXPECTED}, where)
    if "gives" in step and "fails" in step:
        raise Malformed(f"{where}: it cannot both give and fail")
    for event in step.get("events", []):
        _check(event, {**EVENT, "times": int}, where)
    _check(step.get("filter", {}), SELECTION, where)
    plan = step.get("plan", [])
    for words in plan.values() if isinstance(plan, dict) else [plan]:
        for word in words:
            _check_word(word, where)


def _check_word(word: Any, where: str) -> None:
    if isinstance(word, dict) and len(word) == 1:
        _check(word, WORDS_WITH, where)
        _check(word["fail"] if "fail" in word else {}, {"class": str, "message": str}, where)
    elif not isinstance(word, str) or word not in WORDS:
        raise Malformed(f"{where}: a plan has no word {word!r}")


def _check(entry: dict, known: dict[str, type], where: str) -> None:
    for name, value in entry.items():
        if name not in known:
            raise Malformed(f"{where}: no key {name!r}; there are {', '.join(known)}")
        if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] is int):
            raise Malformed(f"{where}: {name} is {value!r}, expected {known[name].__name__}")


def _no_twin(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise Malformed(f"a key stands twice among {names}")
    return dict(pairs)
