# SPDX-License-Identifier: MIT
"""stores.py - stores with more in them than anybody wants, made without the library: for what gate.py measures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fixtures"))

import sets  # noqa: E402
from letters import topic_rows  # noqa: E402
from resp import Connection, command  # noqa: E402

TOPIC = "bulk-events"
GROUP = "bulk"
MEMBER = "gone-1-1-00000000#00000000"  # of the group, dead for long
AT_ONCE = 20_000  # of what one script adds: the server serves nobody else meanwhile

ADD = """
for n = ARGV[1], ARGV[1] + ARGV[2] - 1 do
  local number = string.format('%012d', n)
  redis.call('XADD', KEYS[1], '*', 'data', '{"v":1,"header":{"id":"019ab1f3-5c00-7c5e-8a54-' .. number ..
    '","type":"bulk.' .. ARGV[3 + n % (#ARGV - 2)] .. '","origin":"bench","timestamp":"2025-11-23T17:46:40.000Z",' ..
    '"version":"1.0.0"},"body":{"number":' .. n .. '}}')
end"""

TAKE = """
for _ = 1, ARGV[1] / 1000 do
  redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', 1000, 'STREAMS', KEYS[1], '>')
end"""


def stream(topic: str = TOPIC) -> str:
    return "stream:{%s}" % topic


def events(count: int, types: tuple[str, ...] = ("done",)) -> Iterator[bytes]:
    """`count` events with numbers from 0, of these types in turn."""
    yield from topic_rows({TOPIC: [f"bulk.{type}" for type in types]})
    for first in range(0, count, AT_ONCE):
        yield command("EVAL", ADD, 1, stream(), first, min(AT_ONCE, count - first), *types)


def pending(count: int) -> Iterator[bytes]:
    """The same, all of them pending under the name of a member that does not live any more."""
    yield from events(count)
    yield command("XGROUP", "CREATE", stream(), GROUP, "0")
    heartbeat = "evs:hb:{%s}:%s" % (TOPIC, GROUP)
    yield command("HSET", heartbeat, f"c:{MEMBER}", 7, f"e:{MEMBER}", "0123456789abcdef", f"i:{MEMBER}", "{}")
    for _ in range(0, count, AT_ONCE):
        yield command("EVAL", TAKE, 1, stream(), AT_ONCE, GROUP, MEMBER)


def unread(count: int) -> Iterator[bytes]:
    """The same, and a group that has read none of them."""
    yield from events(count)
    yield command("XGROUP", "CREATE", stream(), GROUP, "0")


def letters(count: int) -> Iterator[bytes]:
    """`count` dead letters in two topics and three fingerprints."""
    return sets.dead(count)


def fill(url: str, commands: Iterator[bytes]) -> None:
    with Connection(url) as redis:
        redis.send(commands)
