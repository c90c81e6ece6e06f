# SPDX-License-Identifier: MIT
"""network.py - answers of the server that are cut off: the client never learns what became of its command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

from kit.members import LANGUAGES
from kit.stage import LIVE_SECONDS, Stage
from libevents.testing.faults import Cut, FaultProxy

Match = Union[str, Callable[[Sequence[bytes]], bool]]

SCRIPT = (b"EVALSHA", b"EVAL")
LONG_SESSION_MS = 60_000  # nobody is found dead in these rows: what comes back was recovered at once
XADD_ANSWER = len(b"$15\r\n1763920000000-0\r\n")


def stores_events(words: list[bytes]) -> bool:
    """The script of idempotent publishing, or a plain XADD."""
    return words[0] == b"XADD" or (words[0] in SCRIPT and any(key.startswith(b"evs:idem:") for key in keys(words)))


def acknowledges(words: list[bytes]) -> bool:
    """ack.lua: three keys, then group, member, epoch, version, how many have state, and ids of entries."""
    return (words[0] in SCRIPT and len(keys(words)) == 3 and len(words) > 11 and words[10].isdigit()
            and b"-" in words[11] and b"-" not in words[9])


def moves_to_the_dead(words: list[bytes]) -> bool:
    """dead.lua: among its keys are those of the dead letters."""
    return words[0] in SCRIPT and any(key.startswith(b"dlq:") for key in keys(words))


def keys(words: list[bytes]) -> list[bytes]:
    return words[3 : 3 + int(words[2])]


def through_a_proxy(stage: Stage, **transport) -> FaultProxy:
    """Members that are started from now on go through it."""
    proxy = stage.enter(FaultProxy(stage.server.url))
    stage.url = proxy.url
    stage.transport |= transport
    return proxy


def happened(stage: Stage, fault: Cut, to: str) -> None:
    assert fault.wait(LIVE_SECONDS), f"no answer to {to} was cut after {fault.after} bytes"
    stage.prove(f"the proxy cut the answer to {to} after {fault.after} bytes")


def cut_answers_to_publishers(stage: Stage) -> None:
    """The answer that an event is stored is cut off after 0, 1, 2 … bytes; it is sent again and stored once."""
    stage.consumers()
    proxy = through_a_proxy(stage, idempotent=True, commandTimeout=2000)
    for after in range(XADD_ANSWER + 1):
        fault = proxy.cut(stores_events, after=after)
        stage.publish(5, language=LANGUAGES[after % len(LANGUAGES)], batch=5, again=True)
        happened(stage, fault, "a publisher")


def cut_answers_to_consumers(stage: Stage, match: Match, to: str, after: Sequence[int], do: dict[int, dict]) -> None:
    """Cuts one answer after the other. Nobody is found dead: what comes back is recovered at once."""
    proxy = through_a_proxy(stage, sessionTimeout=LONG_SESSION_MS)
    stage.consumers()
    stage.url = stage.server.url
    for count in after:
        fault = proxy.cut(match, after=count)
        stage.publish(60, batch=20, do=do)
        happened(stage, fault, to)
        stage.until(stage.store.is_drained, "all is settled", seconds=LONG_SESSION_MS / 1000 / 3)


def cut_answers_to_readers(stage: Stage) -> None:
    """What was read is cut off on its way: it comes again at once, as its first attempt."""
    cut_answers_to_consumers(stage, "XREADGROUP", "a reader", (0, 1, 5, 20, 60, 120, 200, 400, 800, 1600), {})
    assert {run.attempt for run in stage.runs()} == {1}


def cut_answers_to_acknowledgements(stage: Stage) -> None:
    """An acknowledgement was carried out and the answer is lost: it is sent again, and nothing runs twice."""
    cut_answers_to_consumers(stage, acknowledges, "an acknowledgement", (0, 1, 3, 7, 12, 20), {})


def cut_answers_to_dead_letters(stage: Stage) -> None:
    """An event was moved to the dead letters and the answer is lost: it is there once."""
    dying = {n: {"fail": -1} for n in range(0, 60, 6)}
    cut_answers_to_consumers(stage, moves_to_the_dead, "a move to the dead letters", (0, 1, 3, 5, 8), dying)


def go_silent(stage: Stage) -> None:
    """Connections go silent without an end, also those whose reads wait in the server: it is noticed when the time
    of a read is over, and what the server said into them comes again at once."""
    proxy = through_a_proxy(stage, sessionTimeout=LONG_SESSION_MS, commandTimeout=1000)
    members = stage.consumers()
    stage.url = stage.server.url
    publisher = stage.publisher(100_000, batch=10, pause=50)
    for _ in range(3):
        done = stage.completed()
        stage.until(lambda: stage.completed() > done + 100, "events are handled")
        before = proxy.connections
        proxy.half_open()
        took = stage.until(lambda: proxy.connections >= before + 2 * len(members), "each connects anew, twice",
                           seconds=LONG_SESSION_MS / 1000 / 3)
        stage.prove(f"the proxy forwards nothing more on {before} connections; {proxy.connections - before} new ones "
                    f"after {took:.1f} s")
    stage.enough(publisher)
    stage.until(stage.store.is_drained, "what was lost on the way comes again", seconds=LONG_SESSION_MS / 1000 / 3)
