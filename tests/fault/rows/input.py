# SPDX-License-Identifier: MIT
"""input.py - what is wrong with events themselves: entries that no publisher of ours would write, bodies that are huge,
bodies at the edges of what JSON can say."""

from __future__ import annotations

import json
from pathlib import Path

import libevents

from kit.hand import Hand
from kit.members import LANGUAGES
from kit.stage import TYPE, Stage
from kit.store import DEAD

MIB = 1 << 20
COPIES = 9
HEADER = {"id": "", "type": TYPE, "origin": "hand", "timestamp": "2026-01-01T00:00:00.000Z", "version": "1"}


def _envelope(id: str, **changes: object) -> dict:
    return {"v": 1, "header": {**HEADER, "id": id}, "body": {"n": 0}, **changes}


def _text(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def _malformed() -> list[tuple[str, list[bytes | str]]]:
    """(what is wrong, fields)"""
    data = [
        ("no JSON", "{"), ("empty", ""), ("a number", "7"), ("null", "null"), ("a list", "[]"), ("no members", "{}"),
        ("no header", _text({"v": 1, "body": 1})), ("no type", _text({"v": 1, "header": {"id": "x"}, "body": 1})),
        ("a header that is a text", _text({"v": 1, "header": "h", "body": 1})),
        ("no body", _text({"v": 1, "header": HEADER})), ("unknown version", _text(_envelope("hand-v", v=2))),
        ("a version that is a text", _text(_envelope("hand-t", v="1"))), ("behind the end", _text(_envelope("hand-b")) + "x"),
        ("no UTF-8", b'{"v":1,"header":{"id":"\xff"}}'), ("a type that is none", _text({"v": 1, "header": {**HEADER, "type": "A b"}, "body": 1})),
        ("twice the body", '{"v":1,"header":{"id":"x","type":"order.created"},"body":1,"body":2}'),
        ("a lone surrogate", '{"v":1,"header":{"id":"\\ud800","type":"order.created"},"body":1}'),
        ("too deep", '{"v":1,"header":{"id":"x","type":"order.created"},"body":' + "[" * 100_000 + "]" * 100_000 + "}"),
        ("a batch that is none", "{}"),
    ]
    foreign: list[tuple[str, list[bytes | str]]] = [
        ("another library's fields", ["payload", "{}", "uuid", "1"]), ("bytes as names", [b"\x00\xff", b"\xfe"]),
        ("only the raw bytes", ["raw", b"\x00\x01"]),
    ]
    batch = [[("data", text), ("batch", "true")] if what == "a batch that is none" else [("data", text)] for what, text in data]
    return [(what, [word for pair in pairs for word in pair]) for (what, _), pairs in zip(data, batch)] + foreign


def malformed_entries(stage: Stage) -> None:
    """Entries that were written by hand and are wrong in every way: dead letters at once with all that was found,
    and their neighbours are handled."""
    hand = Hand("hand", stage.folder, stage.store)
    stage.members.append(hand)
    stage.publish(50)
    wrong = _malformed()
    for n, (_, fields) in enumerate(wrong):
        hand.add(f"hand-{n}", fields)
        stage.publish(2, language="c")
    stage.promise.dying |= frozenset(f"hand-{n}" for n in range(len(wrong)))
    stage.consumers()
    stage.until(lambda: stage.store.ask("XLEN", DEAD) == len(wrong), "all that is wrong is in the dead letters")
    stage.prove(f"{len(wrong)} entries: " + ", ".join(what for what, _ in wrong))
    for _, letter in stage.store.entries(DEAD):
        record = json.loads(letter["dead"])
        assert record["attempts"] == 0 and record["error"]["message"], record


def huge_bodies(stage: Stage) -> None:
    """Bodies of 1 to 600 MiB, a million headers, nesting without end: refused before they are sent; and when such an
    entry stands in the stream all the same, members live."""
    stage.consumers()
    config = {"service": "huge", "transports": {"main": {"type": "redis-streams", "url": stage.server.url}}}
    refused = []
    with libevents.SyncEventSystem(config) as system:
        for what, body, headers in _too_large():
            try:
                system.publish(TYPE, body, content_type="application/json", headers=headers)
            except libevents.ValidationError as error:
                refused.append(f"{what} ({error.code})")
        assert len(refused) == len(_too_large()), refused
    hand = Hand("hand", stage.folder, stage.store)
    stage.members.append(hand)
    for size in (2, 16, 64):
        body = _text({"n": 0, "pad": "x" * (size * MIB)})
        hand.add(f"hand-{size}", ["data", _text(_envelope(f"hand-{size}"))[:-len('{"n":0}}')] + body + "}"], body)
    stage.publish(200)
    stage.until(stage.store.is_drained, "all is handled")
    stage.promise.dying |= frozenset(stage.store.events(DEAD))
    stage.prove(f"refused: {', '.join(refused)}; in the stream: 2, 16 and 64 MiB, {len(stage.promise.dying)} of them dead letters")


def _too_large() -> list[tuple[str, bytes, dict[str, str]]]:
    sizes = [(f"{size} MiB", b'"' + b"x" * (size * MIB) + b'"', {}) for size in (2, 16, 64, 600)]
    return [*sizes, ("a million headers", b"1", {f"h{n}": "" for n in range(1_000_000)}),
            ("100,000 levels", b"[" * 100_000 + b"]" * 100_000, {})]


EDGES = [
    '{"n":9007199254740993}', '{"n":18446744073709551616}', '{"n":1.0}', '{"n":1e400}', '{"n":-0.0}', '{"n":0.1000000000000000055}',
    '{"t":"\\u0000"}', '{"t":"\\ud83d\\ude00"}', '{"t":"😀\u2028"}', '{ "b" : 1 , "a" : 2 }', '{"é":"\\u00e9"}', '{"t":"\\/"}',
    '{"a":{"b":[[],{}]}}', '{"":""}', '{"a":1,"a":2}', '{"t":"\\ud800"}',
]
REFUSED = ['{"n":NaN}', '{"n":01}', '{"t":"\t"}', "{'a':1}", '{"a":1,}']


def edges_of_json(stage: Stage) -> None:
    """Bodies that a re-encoding would change arrive byte for byte, from every language in every language; what is no
    JSON is refused everywhere."""
    stage.consumers()
    for language in LANGUAGES:
        job = {"publish": {"events": str(file_of_bodies(stage, language)), "batch": 1, "pause": 0}}
        stage.done(stage.start(language, job))
    stage.until(stage.store.is_drained, "all is handled")
    outcomes_are_right(stage)
    hashes = {}
    for _, fields in stage.store.entries():
        document = fields["data"]
        hashes.setdefault(document[document.index('"body":') :], set()).add(json.loads(document)["header"]["hash"])
    assert all(len(each) == 1 for each in hashes.values()), hashes
    stage.prove(f"{len(EDGES)} bodies from each language, {len(REFUSED)} refused in each")


def outcomes_are_right(stage: Stage) -> None:
    """What is no JSON was refused, all else stored."""
    outcomes = {id: event.outcomes for id, event in stage.published().items()}
    wrong = {id: each for id, each in outcomes.items() if each != ["refused" if "-bad-" in id else "stored"]}
    assert not wrong, wrong


def file_of_bodies(stage: Stage, language: str) -> Path:
    """Events with these bodies, several of each so that every member gets some."""
    path = stage.folder / f"{language}.bodies"
    lines = [(f"{language}-{n}-{copy}", body) for n, body in enumerate(EDGES) for copy in range(COPIES)]
    lines += [(f"{language}-bad-{n}", body) for n, body in enumerate(REFUSED)]
    events = ({"id": id, "key": id, "seq": 0, "type": TYPE, "body": body} for id, body in lines)
    path.write_text("".join(_text(event) + "\n" for event in events))
    return path
