# SPDX-License-Identifier: MIT
"""A look at the Redis server without the library: a small RESP client and what streams and groups hold.

Used by the orchestrator to wait for quiet and by the checker; it only reads.
"""

import json
import socket
from urllib.parse import urlsplit

PAGE = 500
PENDING_SHOWN = 10000


class ServerError(Exception):
    """An error reply of the server, or an end of the connection."""


class Server:
    """One blocking connection; every call has the same timeout."""

    def __init__(self, url, timeout=5.0):
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        self._file = self._socket.makefile("rb")

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, *args):
        encoded = [str(arg).encode() for arg in args]
        head = b"*%d\r\n" % len(encoded)
        self._socket.sendall(head + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in encoded))
        return self._reply()

    def _reply(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ServerError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ServerError(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._file.read(size + 2)[:-2].decode("utf-8", "replace")
        if kind == b"*":
            return None if int(rest) < 0 else [self._reply() for _ in range(int(rest))]
        return rest.decode("utf-8", "replace")


def _pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def stream_keys(server, pattern):
    """Names of the streams that match a glob pattern, sorted."""
    cursor, found = "0", set()
    while True:
        cursor, keys = server.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000, "TYPE", "stream")
        found.update(keys)
        if cursor == "0":
            return sorted(found)


def entries(server, key):
    """Yields (entry id, fields) of a stream from its beginning."""
    start = "-"
    while True:
        page = server.call("XRANGE", key, start, "+", "COUNT", PAGE)
        for entry, flat in page:
            yield entry, _pairs(flat)
        if len(page) < PAGE:
            return
        start = "(" + page[-1][0]


def _object(text):
    """The JSON object in a field; empty if it is not one."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def header(fields):
    """The header of the event in an entry; empty if the entry is in no known form."""
    found = _object(fields.get("data")).get("header")
    return found if isinstance(found, dict) else {}


def groups(server, key):
    """{group: {pending, pendingEntries, lastDelivered, consumers}}, pending as XPENDING counts it."""
    result = {}
    for flat in server.call("XINFO", "GROUPS", key):
        info = _pairs(flat)
        name = info["name"]
        result[name] = {
            "pending": server.call("XPENDING", key, name)[0],
            "pendingEntries": [row[0] for row in server.call("XPENDING", key, name, "-", "+", PENDING_SHOWN)],
            "lastDelivered": info["last-delivered-id"],
            "consumers": info["consumers"],
        }
    return result


def overview(server):
    """Lengths, newest ids and groups of all event streams, and the dead letters."""
    streams = {}
    for key in stream_keys(server, "stream:*"):
        info = _pairs(server.call("XINFO", "STREAM", key))
        streams[key] = {
            "length": info["length"],
            "lastId": info["last-generated-id"],
            "groups": groups(server, key),
        }
    return {"streams": streams, "deadLetters": dead_letters(server)}


def events(server):
    """Yields {stream, entry, id, type, origin} for every entry of every event stream."""
    for key in stream_keys(server, "stream:*"):
        for entry, fields in entries(server, key):
            found = header(fields)
            yield {"stream": key, "entry": entry, **{name: found.get(name) for name in ("id", "type", "origin")}}


def dead_letters(server):
    """{stream: [{entry, id, group, error, fields}]} of all dead letters, empty streams included."""
    return {
        key: [_dead_letter(entry, fields) for entry, fields in entries(server, key)]
        for key in stream_keys(server, "dlq:*")
    }


def _dead_letter(entry, fields):
    record = _object(fields.get("dead"))
    return {
        "entry": entry,
        "id": header(fields).get("id"),
        "group": record.get("group"),
        "error": record.get("error"),
        "fields": fields,
    }


def busy(server, expected_streams, expected_groups):
    """What still keeps these streams from being quiet, as readable lines; none once every group has read
    each of them to its end and has nothing pending."""
    view = overview(server)["streams"]
    return [
        reason
        for key in expected_streams
        for name in expected_groups
        for reason in _group_is_busy(key, name, view.get(key))
    ]


def _group_is_busy(key, name, stream):
    if stream is None:
        return ["%s does not exist" % key]
    group = stream["groups"].get(name)
    if group is None:
        return ["%s has no group %s" % (key, name)]
    if group["pending"]:
        return ["%s, group %s: %d pending" % (key, name, group["pending"])]
    if group["lastDelivered"] != stream["lastId"]:
        return ["%s, group %s: not read to the end" % (key, name)]
    return []
