# SPDX-License-Identifier: MIT
"""schemas.py - schemas of event types while members work: bodies that break them, and what keeps them is lost, or
filled by somebody who does not know the rules."""

from __future__ import annotations

import json

import libevents

from kit.hand import Hand
from kit.stage import TYPE, Stage
from kit.store import DEAD

KEY = "evs:schemas"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": True}
STRICT = {"validationMode": "strict", "schemas": {"registry": "transport", "refresh": 200}}


def _envelope(id: str, version: str, body: object) -> str:
    header = {"id": id, "type": TYPE, "origin": "hand", "timestamp": "2026-01-01T00:00:00.000Z", "version": version}
    return json.dumps({"v": 1, "header": header, "body": body}, separators=(",", ":"))


def _with_schemas(stage: Stage, **more: object) -> None:
    stage.config = {**STRICT, "schemas": {**STRICT["schemas"], **more}}


def _registrar(stage: Stage) -> libevents.SyncEventSystem:
    transports = {"main": {"type": "redis-streams", "url": stage.url}}
    return libevents.SyncEventSystem({"service": "registrar", "transports": transports, **stage.config})


def _ask(system: libevents.SyncEventSystem, method: str, **params: object) -> dict:
    return json.loads(system._ask(f"schemas.{method}", params, None))


def _register(system: libevents.SyncEventSystem, schema: object, version: str) -> None:
    _ask(system, "register", type=TYPE, version=version, schemaText=json.dumps(schema))


def _wrong_bodies() -> list[tuple[str, str, object]]:
    """(what is wrong, version, body)"""
    return [("a member lacks", "1.0.0", {}), ("of another type", "1.0.0", {"n": "1"}), ("no object", "1.0.0", [1]),
            ("null", "1.0.0", None), ("half a number", "1.0.0", {"n": 0.5}), ("unknown version", "9.9.9", {"n": 1})]


def bodies_that_break_a_schema(stage: Stage) -> None:
    """Bodies that are not valid by the schema of their version, and a version that nobody knows: dead letters at once,
    with all errors, and their neighbours are handled."""
    _with_schemas(stage, onUnknownVersion="dlq")
    with _registrar(stage) as system:
        _register(system, SCHEMA, "1.0.0")
    hand = Hand("hand", stage.folder, stage.store)
    stage.members.append(hand)
    wrong = _wrong_bodies()
    stage.publish(50)
    for n, (_, version, body) in enumerate(wrong):
        hand.add(f"hand-{n}", ["data", _envelope(f"hand-{n}", version, body)], json.dumps(body))
    stage.promise.dying |= frozenset(f"hand-{n}" for n in range(len(wrong)))
    stage.consumers()
    stage.until(lambda: stage.store.ask("XLEN", DEAD) == len(wrong), "all that is wrong is in the dead letters")
    for _, letter in stage.store.entries(DEAD):
        error = json.loads(letter["dead"])["error"]
        assert error["class"] == "ValidationError" and error["validation"]["errors"], error
        assert json.loads(letter["dead"])["attempts"] == 0, letter
    stage.prove(f"{len(wrong)} bodies: " + ", ".join(what for what, _, _ in wrong))


def _alarm(system: libevents.SyncEventSystem) -> str:
    return _ask(system, "list")["registry"]["alarm"] or ""


def _is_refused(system: libevents.SyncEventSystem, body: object) -> bool:
    try:
        system.publish(TYPE, body)
    except libevents.ValidationError:
        return True
    return False


def registry_lost(stage: Stage) -> None:
    """The key of the registry is deleted: what was known stays in use, and that is told. Somebody puts a version there
    that may not follow: it is not used, and that is told. Then it is registered again as it should be."""
    _with_schemas(stage)
    with _registrar(stage) as system:
        _register(system, SCHEMA, "1.0.0")
        stage.consumers(delay=2)
        publisher = stage.publisher(100_000, batch=20, pause=20)
        stage.until(lambda: stage.completed() > 200, "events flow")
        fields = stage.store.ask("HGETALL", KEY)
        stage.store.ask("DEL", KEY)
        stage.until(lambda: "not kept any more" in _alarm(system), "the loss is told")
        assert _is_refused(system, {"n": "no number"}), "a body was not held against the schema that is known"
        stage.store.ask("HSET", KEY, *fields)
        stage.until(lambda: not _alarm(system), "it is whole again")
        incompatible = {"schemaText": json.dumps({"type": "string"}), "registeredAt": 1}
        stage.store.ask("HSET", KEY, f"{TYPE}@2.0.0", json.dumps(incompatible))
        stage.until(lambda: "2.0.0" in _alarm(system), "what may not follow is told")
        assert _ask(system, "get", type=TYPE)["version"] == "1.0.0"
        before = stage.completed()
        stage.until(lambda: stage.completed() > before + 200, "events flow again")
        stage.prove("the key was deleted, and 2.0.0 put in by hand: " + _alarm(system))
        stage.store.ask("HDEL", KEY, f"{TYPE}@2.0.0")
        stage.until(lambda: not _alarm(system), "it is as it should be")
    stage.enough(publisher)
