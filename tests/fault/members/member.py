# SPDX-License-Identifier: MIT
"""member.py - the member program in Python: reads its job (tests/fault/README.md), writes its ledger, publishes or
handles events until it is told to stop. It does the same as c/member.c and member.mjs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import time

import libevents


class Refused(Exception):
    """A handler's failure, on purpose."""


class Wrong(BaseException):
    """What a handler may raise and hardly anybody expects."""


# What `throw` raises, one after the other.
THROWN = (Refused("an error"), ValueError("\x00"), SystemExit(3), Wrong(), KeyError(), MemoryError())


class Member:
    def __init__(self, job: dict) -> None:
        self.job = job
        self.consume = job.get("consume") or {}
        self.runs = itertools.count(1)
        path = os.path.join(job["folder"], f"{job['name']}.ledger")
        self.ledger = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, what: str, **fields) -> None:
        line = json.dumps({"what": what, **fields, "t": time.monotonic()}, separators=(",", ":")).encode() + b"\n"
        if os.write(self.ledger, line) != len(line):
            raise OSError("a line of the ledger was written in part")

    def mark(self, id: str, number: int) -> bool:
        """Leaves a mark that outlives the process; False where it was there."""
        path = os.path.join(self.job["folder"], "marks", f"{id}.{number}")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    # ---- consuming ------------------------------------------------------------------------------------

    async def handle(self, message: libevents.Message, metadata: libevents.Metadata) -> None:
        if self.consume.get("cheat"):
            return
        what, run = message.body.get("do") or {}, next(self.runs)
        self.write("start", run=run, id=message.id, attempt=metadata.attempt, deliveries=metadata.deliveries,
                   body=message.raw.decode())
        if delay := self.consume.get("delay", 0) + what.get("sleep", 0):
            await asyncio.sleep(delay / 1000)
        self.die(what, "start", message.id)
        if is_due(what, "hang", metadata.attempt):
            await asyncio.Event().wait()
        for name in ("fail", "throw"):
            if is_due(what, name, metadata.attempt):
                self.write("end", run=run, ok=False)
                raise Refused("on purpose") if name == "fail" else THROWN[(metadata.attempt - 1) % len(THROWN)]
        if any(self.mark(message.id, time_) for time_ in range(1, what.get("fail_in_all", 0) + 1)):
            self.write("end", run=run, ok=False)
            raise Refused("once more")
        is_done = bool(self.consume.get("inbox")) and not self.mark(message.id, 0)
        self.write("end", run=run, ok=True, skipped=is_done)
        if not is_done:
            self.die(what, "end", message.id)

    def die(self, what: dict, moment: str, id: str) -> None:
        """Ends the process at this moment of a run, as often as the event says."""
        if "die" not in what or what.get("at", "start") != moment:
            return
        number = {"segv": signal.SIGSEGV, "abort": signal.SIGABRT}.get(what["die"], signal.SIGKILL)
        for time_ in range(1, what["times"] + 1):
            if self.mark(id, time_):
                os.kill(os.getpid(), number)

    # ---- publishing -----------------------------------------------------------------------------------

    async def publish(self, system: libevents.EventSystem, options: dict) -> None:
        with open(options["events"]) as file:
            while not self.stopping.is_set() and (lines := list(itertools.islice(file, options["batch"]))):
                batch = [json.loads(line) for line in lines]
                while (batch := await self.send(system, batch)) and options.get("again") and not self.stopping.is_set():
                    pass
                await asyncio.sleep(options.get("pause", 0) / 1000)
        self.write("done")

    async def send(self, system: libevents.EventSystem, batch: list[dict]) -> list[dict]:
        """Sends once; gives back those whose outcome nobody knows."""
        for line in batch:
            self.write("sending", **line)
        receipts = await system.publish_batch(
            {"type": line["type"], "body": line["body"].encode(), "content_type": "application/json", "id": line["id"],
             "key": line["key"]} for line in batch)
        for line, receipt in zip(batch, receipts):
            self.write("sent", id=line["id"], outcome=receipt.outcome, message=str(receipt.error or ""))
        return [line for line, receipt in zip(batch, receipts) if receipt.outcome == "unknown"]

    # ---- life -----------------------------------------------------------------------------------------

    async def live(self) -> None:
        self.stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stopping.set)
        system = libevents.EventSystem(self.job["config"])
        if self.consume:
            options = {name: value for name, value in self.consume["options"].items()}
            system.on(self.consume["pattern"], **options)(self.handle)
        await system.connect(timeout=60)
        self.write("ready", pid=os.getpid())
        if self.job.get("publish"):
            await self.publish(system, self.job["publish"])
        if self.consume:
            await self.stopping.wait()
        self.write("stats", asked=time.monotonic(), stats=system.stats())
        await system.close(deadline=self.job["closeDeadline"] / 1000)
        self.write("closed")


def is_due(what: dict, name: str, attempt: int) -> bool:
    """Does the action concern this attempt? Its number says how many do, -1 all."""
    times = what.get(name, 0)
    return times < 0 or attempt <= times


def main() -> None:
    """Runs until the member has ended; that a handler called sys.exit() is no reason for this program to end."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    loop = asyncio.new_event_loop()
    life = loop.create_task(Member(job).live())
    while not life.done():
        with contextlib.suppress(SystemExit):
            loop.run_until_complete(life)
    loop.close()
    life.result()


if __name__ == "__main__":
    main()
