# SPDX-License-Identifier: MIT
"""A look into the store without the library: what streams and groups hold, in a Redis server (a small RESP client) or
in a file.

Used by the orchestrator to wait for quiet and by the checker; it only reads.
"""

import json
import socket
import sqlite3
from urllib.parse import urlsplit

PAGE = 500
PENDING_SHOWN = 10000


class ServerError(Exception):
    """An error reply of the server, or an end of the connection."""


FAILURES = (ServerError, sqlite3.Error)


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

    @staticmethod
    def stream(topic):
        """The name of a topic's stream."""
        return "stream:{%s}" % topic

    def overview(self):
        """Lengths, newest ids and groups of all event streams, and the dead letters."""
        streams = {}
        for key in stream_keys(self, "stream:*"):
            info = _pairs(self.call("XINFO", "STREAM", key))
            streams[key] = {"length": info["length"], "lastId": info["last-generated-id"], "groups": groups(self, key)}
        return {"streams": streams, "deadLetters": self.dead_letters()}

    def events(self):
        """Yields {stream, entry, id, type, origin} for every entry of every event stream."""
        for key in stream_keys(self, "stream:*"):
            for entry, fields in entries(self, key):
                yield _event(key, entry, fields)

    def dead_letters(self):
        """{stream: [{entry, id, group, error, fields}]} of all dead letters, empty streams included."""
        return {
            key: [_dead_letter(entry, fields) for entry, fields in entries(self, key)]
            for key in stream_keys(self, "dlq:*")
        }


class File:
    """A file of events, read beside those who use it; libevents/src/transport/file/schema.sql says what is in it."""

    def __init__(self, path):
        self._file = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=5.0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    @staticmethod
    def stream(topic):
        return topic

    def _streams(self):
        return self._file.execute("SELECT id, name, first, last FROM stream WHERE feed IS NULL ORDER BY name").fetchall()

    def _groups(self, stream):
        rows = self._file.execute("SELECT id, grp, delivered FROM reader WHERE stream = ?", (stream,)).fetchall()
        return {name: self._group(reader, delivered) for reader, name, delivered in rows}

    def _group(self, reader, delivered):
        pending = [row[0] & 0xFFFFFFFFFF for row in self._file.execute("SELECT id FROM pending WHERE reader = ?", (reader,))]
        members = self._file.execute("SELECT count(*) FROM reading WHERE reader = ?", (reader,)).fetchone()[0]
        return {"pending": len(pending), "pendingEntries": [str(number) for number in pending],
                "lastDelivered": str(delivered), "consumers": members}

    def overview(self):
        self._file.execute("BEGIN")  # all of one moment
        try:
            streams = {
                name: {"length": last - first + 1, "lastId": str(last), "groups": self._groups(stream)}
                for stream, name, first, last in self._streams()
            }
            return {"streams": streams, "deadLetters": self.dead_letters()}
        finally:
            self._file.execute("ROLLBACK")

    def events(self):
        for stream, name, first, last in self._streams():
            rows = self._file.execute("SELECT id, data FROM entry WHERE id BETWEEN ? AND ? ORDER BY id",
                                      ((stream << 40) + first, (stream << 40) + last))
            for id, data in rows:
                yield _event(name, str(id & 0xFFFFFFFFFF), {"data": data})

    def dead_letters(self):
        return {
            name: [_dead_letter(str(id), {"data": _text(data), "dead": dead}) for id, data, dead in
                   self._file.execute("SELECT id, data, dead FROM letter WHERE stream = ? ORDER BY id", (stream,))]
            for stream, name, *_ in self._streams()
        }


def opened(place):
    """The store at a place: the URL of a server, or the path of a file."""
    return Server(place) if place.startswith("redis://") else File(place)


def _text(data):
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else data


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


def _event(stream, entry, fields):
    found = header(fields)
    return {"stream": stream, "entry": entry, **{name: found.get(name) for name in ("id", "type", "origin")}}


def _dead_letter(entry, fields):
    record = _object(fields.get("dead"))
    return {
        "entry": entry,
        "id": header(fields).get("id"),
        "group": record.get("group"),
        "error": record.get("error"),
        "fields": fields,
    }


def busy(look, expected_streams, expected_groups):
    """What still keeps these streams from being quiet, as readable lines; none once every group has read
    each of them to its end and has nothing pending."""
    view = look.overview()["streams"]
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
