# SPDX-License-Identifier: MIT
"""stage.py - one scenario while it is played: its systems, its handlers and what these were given.

Both faces of the package are played by the same code: what one of them awaits, the other gives at once.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import re
import threading
import time
from typing import Any, Callable, Iterator

import libevents
from ledger import Ledger

LOOK_AGAIN_SECONDS = 0.005


async def result_of(value: Any) -> Any:
    """What a call of either face gives."""
    return await value if inspect.isawaitable(value) else value


class Handler:
    """Does what its plan says: word n for the n-th run of an event, the last word for all that follow."""

    def __init__(self, name: str, plan: Any) -> None:
        self.name = name
        self.plans = plan if isinstance(plan, dict) else {"*": plan}
        self.runs: dict[str, int] = {}
        self.subscription: Any = None

    def next_word(self, message: libevents.Message) -> Any:
        plan = self.plans.get(message.type) or self.plans.get("*") or ["succeed"]
        run = self.runs.get(message.id, 0)
        self.runs[message.id] = run + 1
        return plan[min(run, len(plan) - 1)]


def outcome_of(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a call ends with: its result, or what it raised."""
    try:
        return function(*arguments)
    except Exception as error:
        return error


class Stage:
    """The systems and handlers of one scenario."""

    def __init__(self, face: Callable[..., Any], transport: Callable[[str], dict[str, Any]]) -> None:
        self._face = face
        self._transport = transport
        self._ended = threading.Event()
        self._hangs: dict[str, Iterator[int]] = {}
        self.systems: dict[str, Any] = {}
        self.transports: dict[str, list[str]] = {}
        self.handlers: dict[str, Handler] = {}
        self.runs: list[dict[str, Any]] = []
        self.ledgers: dict[str, Ledger] = {}
        self.listed: list[str] = []
        self.lines: list[str] = []
        self.operation = ""

    def document(self, name: str, config: dict[str, Any], transports: dict[str, Any]) -> dict[str, Any]:
        """The configuration of a system of this name; its transports are of the kind that is being tested."""
        chosen = {each: {**self._transport(each), **more} for each, more in transports.items()}
        return {"service": name, "transports": chosen, **config}

    def create(self, name: str, config: dict[str, Any], transports: dict[str, Any]) -> Any:
        system = self._face(self.document(name, config, transports))
        self.systems[name] = system
        self.ledgers[name] = Ledger(config)
        self.transports[name] = list(transports)
        return system

    async def subscribe(self, at: str, pattern: str, handler: Handler, options: dict[str, Any]) -> None:
        function = self._function(at, handler)
        if "batch" in options:
            function = self._in_lists(function)
        given = re.compile(pattern[1:-1]) if pattern.startswith("/") else pattern
        handler.subscription = await result_of(self.systems[at].subscribe(given, function, **options))
        self.handlers[handler.name] = handler

    def _function(self, at: str, handler: Handler) -> Callable[..., Any]:
        def plain(message: libevents.Message, metadata: libevents.Metadata) -> None:
            word = self._begin(at, handler, message, metadata)
            end = self._end_of_hang(at, word)
            while not end():
                time.sleep(LOOK_AGAIN_SECONDS)
            perform(word)

        async def coroutine(message: libevents.Message, metadata: libevents.Metadata) -> None:
            word = self._begin(at, handler, message, metadata)
            end = self._end_of_hang(at, word)
            while not end():
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
            perform(word)

        return plain if self._face is libevents.SyncEventSystem else coroutine

    def _in_lists(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A handler of lists that gives the outcome of each event."""

        def plain(messages: list[libevents.Message], metadata: list[libevents.Metadata]) -> list[Any]:
            return [outcome_of(function, *item) for item in zip(messages, metadata)]

        async def coroutine(messages: list[libevents.Message], metadata: list[libevents.Metadata]) -> list[Any]:
            tasks = [asyncio.ensure_future(function(*item)) for item in zip(messages, metadata)]
            return await asyncio.gather(*tasks, return_exceptions=True)

        return plain if self._face is libevents.SyncEventSystem else coroutine

    def _begin(self, at: str, handler: Handler, message: libevents.Message, metadata: libevents.Metadata) -> Any:
        word = handler.next_word(message)
        run = run_of(message, metadata)
        self.ledgers[at].ran(run, word)
        self.runs.append({"handler": handler.name, "at": at, **run})
        return word

    def _end_of_hang(self, at: str, word: Any) -> Callable[[], bool]:
        """A handler that hangs goes on until its time limit was counted or the scenario ends. The limit may be over before
        the handler has begun: what counts is how many limits there were, not whether there is one more."""
        if word != "hang":
            return lambda: True
        number = next(self._hangs.setdefault(at, itertools.count(1)))
        return lambda: self._ended.is_set() or self._timed_out(at) >= number

    def _timed_out(self, at: str) -> int:
        try:
            return self.systems[at].stats()["consumer"]["timedOutMessages"]
        except libevents.Closed:
            return 1 << 53

    async def unsettled(self, at: str) -> list[dict[str, Any]]:
        """Groups that still have something to do."""
        system, rows = self.systems[at], []
        for transport in self.transports[at]:
            rows += await result_of(system.groups(transport=transport))
        return [row for row in rows if row["lag"] or row["pending"]]

    async def close(self) -> None:
        self._ended.set()
        for system in self.systems.values():
            await result_of(system.close(deadline=2))


def perform(word: Any) -> None:
    """What is left of a word after the run was written down."""
    if word == "fail":
        word = {"fail": {}}
    if not isinstance(word, dict):
        return
    if "reject" in word:
        raise libevents.Reject(word["reject"])
    if "later" in word:
        raise libevents.RetryLater(word["later"] / 1000)
    error = word["fail"]
    kind = type(error.get("class", "Failed"), (Exception,), {"__module__": "builtins"})
    raise kind(error.get("message", "it failed"))


def run_of(message: libevents.Message, metadata: libevents.Metadata) -> dict[str, Any]:
    """Everything that a handler was given."""
    is_json = message.content_type == "application/json"
    content = {"text": message.raw.decode(), "body": message.body} if is_json else {"bytes": message.raw.hex()}
    return {
        **content,
        "contentType": message.content_type,
        "id": message.id,
        "type": message.type,
        "origin": message.origin,
        "originPrefix": message.origin_prefix,
        "timestamp": message.timestamp,
        "version": message.version,
        "hash": message.hash,
        "headers": dict(message.headers),
        "attempt": metadata.attempt,
        "transport": metadata.transport,
        "topic": metadata.topic,
        "partition": metadata.partition,
        "group": metadata.group,
        "pattern": metadata.pattern,
        "requeue": metadata.requeue,
        "replay": metadata.replay,
    }


def error_of(error: libevents.Error) -> dict[str, Any]:
    """An error as scenarios see it."""
    return {
        "code": error.code,
        "message": error.message,
        "path": error.path,
        "problems": [vars(problem) for problem in error.problems],
        "outcome": error.receipt.outcome if error.receipt else None,
    }


def event_of(event: dict[str, Any]) -> dict[str, Any]:
    """An event of a scenario as arguments of `publish`."""
    names = {"contentType": "content_type", "batchKey": "batch_key"}
    given = {names.get(name, name): value for name, value in event.items() if name not in ("text", "bytes", "times")}
    if "text" in event:
        given.update(body=event["text"].encode(), content_type="application/json")
    if "bytes" in event:
        given["body"] = bytes.fromhex(event["bytes"])
    if "timeout" in event:
        given["timeout"] = event["timeout"] / 1000
    if "delay" in event:
        given["delay"] = event["delay"] / 1000
    level = event.get("acknowledgement")
    if isinstance(level, dict) and "timeout" in level:
        given["acknowledgement"] = {**level, "timeout": level["timeout"] / 1000}
    return given


def receipt_of(receipt: libevents.Receipt) -> dict[str, Any]:
    fields = receipt._asdict()
    fields["error"] = error_of(receipt.error) if receipt.error else None
    return fields


def show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)[:2000]
