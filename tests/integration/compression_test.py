# SPDX-License-Identifier: MIT
"""compression_test.py - compressed bodies as they lie in the store: other programs can read what is written, and what
they write is read."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import libevents
import pytest
from cli_support import support

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/fixtures")]

from resp import Connection  # noqa: E402

SECONDS = 60
BODY = json.dumps({"text": "a zebra and a zebra, " * 50})
MAGIC = {"zstd": b"\x28\xb5\x2f\xfd", "lz4": b"\x04\x22\x4d\x18"}


@pytest.fixture(scope="module")
def server():
    with support.RedisServer() as running:
        yield running


def open_system(server, service="shop", **rest):
    redis = {"type": "redis-streams", "url": server.url, "discoverInterval": 50}
    return libevents.SyncEventSystem({"service": service, "transports": {"main": redis}, **rest})


def stored(server, topic):
    """The envelope of the newest entry, and the bytes beside it."""
    with Connection(server.url, errors="surrogateescape") as redis:
        [[_, fields]] = redis.ask("XREVRANGE", "stream:{%s}" % topic, "+", "-", "COUNT", 1)
    found = dict(zip(fields[::2], fields[1::2]))
    return json.loads(found["data"]), found.get("raw", "").encode("utf-8", "surrogateescape")


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.mark.parametrize("algorithm", MAGIC)
def test_the_stored_form_is_that_of_the_wire_format(server, algorithm):
    with open_system(server, publisher={"compression": {"algorithm": algorithm}}) as system:
        system.publish(f"{algorithm}.made", BODY.encode(), content_type="application/json")
    envelope, raw = stored(server, f"{algorithm}-events")
    assert "body" not in envelope
    assert envelope["header"]["contentEncoding"] == algorithm
    assert envelope["header"]["hash"] == hashlib.sha256(BODY.encode()).hexdigest()
    assert raw.startswith(MAGIC[algorithm]) and len(raw) < len(BODY) / 4


def test_what_is_short_or_gets_no_smaller_is_stored_as_it_is(server):
    noise = hashlib.shake_256(b"noise").digest(2000)
    with open_system(server, publisher={"compression": {"algorithm": "zstd", "minBytes": 100}}) as system:
        system.publish("short.made", {"n": 1})
        system.publish("noise.made", noise, content_type="application/octet-stream")
    envelope, raw = stored(server, "short-events")
    assert envelope["body"] == {"n": 1} and "contentEncoding" not in envelope["header"]
    envelope, raw = stored(server, "noise-events")
    assert raw == noise and "contentEncoding" not in envelope["header"]


def frame_of(body: bytes) -> bytes:
    """An LZ4 frame with one block that is not compressed."""
    size = (len(body) | 0x80000000).to_bytes(4, "little")
    return MAGIC["lz4"] + b"\x60\x40\x82" + size + body + bytes(4)


def add(server, topic, encoding, raw):
    header = {"id": f"e-{encoding}", "type": f"{topic}.made", "contentEncoding": encoding}
    with Connection(server.url) as redis:
        redis.ask("XADD", "stream:{%s-events}" % topic, "*", "data", json.dumps({"v": 1, "header": header}), "raw", raw)


def test_what_another_program_wrote_is_read(server):
    seen = []
    add(server, "foreign", "lz4", frame_of(b'{"n": 1}'))
    with open_system(server) as system:
        system.subscribe("foreign.made", lambda message, metadata: seen.append(message.body))
        until(lambda: seen, "it came")
    assert seen == [{"n": 1}]


def test_what_is_compressed_in_an_unknown_way_is_a_dead_letter(server):
    seen = []
    with open_system(server) as system:
        system.subscribe("unknown.made", lambda message, metadata: seen.append(message.body))
        add(server, "unknown", "br", b"whatever")
        until(lambda: system.dlq.list(topic="unknown-events").items, "it is a dead letter")
        [letter] = system.dlq.list(topic="unknown-events").items
        assert letter["error"]["class"] == "UnknownEncoding"
    assert seen == []
