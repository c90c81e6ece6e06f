# SPDX-License-Identifier: MIT
"""network.py - answers of the server that are cut off: the client never learns what became of its command."""

from __future__ import annotations

from kit.members import LANGUAGES
from kit.stage import LIVE_SECONDS, Stage
from libevents.testing.faults import FaultProxy

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


def cut_answers_to_publishers(stage: Stage) -> None:
    """The answer that an event is stored is cut off after 0, 1, 2 … bytes; it is sent again and stored once."""
    stage.transport |= {"idempotent": True, "commandTimeout": 2000}
    stage.consumers()
    with FaultProxy(stage.server.url) as proxy:
        stage.url = proxy.url
        for after in range(XADD_ANSWER + 1):
            fault = proxy.cut(stores_events, after=after)
            stage.publish(5, language=LANGUAGES[after % len(LANGUAGES)], batch=5, again=True)
            assert fault.wait(LIVE_SECONDS), f"the answer was not cut after {after} bytes"
            stage.prove(f"the proxy cut the answer after {after} bytes")


def cut_answers_to_readers(stage: Stage) -> None:
    """What was read is cut off on its way: it comes again at once, not when somebody is found dead."""
    with FaultProxy(stage.server.url) as proxy:
        stage.url = proxy.url
        stage.transport["sessionTimeout"] = LONG_SESSION_MS
        stage.consumers()
        stage.url = stage.server.url
        for after in (0, 1, 5, 20, 60, 120, 200, 400, 800, 1600):
            fault = proxy.cut("XREADGROUP", after=after)
            stage.publish(60, batch=20)
            assert fault.wait(LIVE_SECONDS), f"no answer was cut after {after} bytes"
            stage.prove(f"the proxy cut an answer to XREADGROUP after {after} bytes")
            stage.until(stage.store.is_drained, "it comes again", seconds=LONG_SESSION_MS / 1000 / 3)
        assert {run.attempt for run in stage.runs()} == {1}
        end(stage)


def end(stage: Stage) -> None:
    """Members that go through a proxy end before it does."""
    for member in stage.members:
        if member.is_running:
            member.stop()


def cut_answers_to_acknowledgements(stage: Stage) -> None:
    """An acknowledgement was carried out and the answer is lost: it is sent again, and nothing runs twice."""
    with FaultProxy(stage.server.url) as proxy:
        stage.url = proxy.url
        stage.transport["sessionTimeout"] = LONG_SESSION_MS
        stage.consumers()
        stage.url = stage.server.url
        for after in (0, 1, 3, 7, 12, 20):
            fault = proxy.cut(acknowledges, after=after)
            stage.publish(60, batch=20)
            assert fault.wait(LIVE_SECONDS), f"no answer was cut after {after} bytes"
            stage.prove(f"the proxy cut the answer to an acknowledgement after {after} bytes")
            stage.until(stage.store.is_drained, "it is acknowledged", seconds=LONG_SESSION_MS / 1000 / 3)
        end(stage)


def cut_answers_to_dead_letters(stage: Stage) -> None:
    """An event was moved to the dead letters and the answer is lost: it is there once."""
    with FaultProxy(stage.server.url) as proxy:
        stage.url = proxy.url
        stage.consumers()
        stage.url = stage.server.url
        for after in (0, 1, 3, 5, 8):
            fault = proxy.cut(moves_to_the_dead, after=after)
            stage.publish(20, do={n: {"fail": -1} for n in range(0, 20, 4)})
            assert fault.wait(LIVE_SECONDS), f"no answer was cut after {after} bytes"
            stage.prove(f"the proxy cut the answer to a move to the dead letters after {after} bytes")
        stage.until(stage.store.is_drained, "all is handled")
        end(stage)
