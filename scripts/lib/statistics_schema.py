# SPDX-License-Identifier: MIT
"""statistics_schema.py - the JSON Schema of the statistics document, its counters from the lists in the code.
It is closed: a member that it does not know is a mistake in one of the two. Called by reference.py."""

from __future__ import annotations

import json
from typing import Any, Callable

Rows = Callable[[str, str], "list[tuple[str, ...]]"]

COUNT = {"type": "integer", "minimum": 0}
NUMBER = {"type": "number", "minimum": 0}
TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
COUNTS = {"type": "object", "additionalProperties": COUNT}


def closed(members: dict[str, Any], optional: tuple[str, ...] = (), about: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"description": about} if about else {}
    return {**found, "type": "object", "properties": members, "additionalProperties": False,
            "required": [name for name in members if name not in optional]}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


ERROR = {"lastError": TEXT, "lastErrorTime": COUNT}

DEFINITIONS = {
    "rate": closed({"second": NUMBER, "minute": NUMBER, "fiveMinutes": NUMBER}, about="numbers a second"),
    "histogram": closed({
        **{name: NUMBER for name in ("mean", "p50", "p90", "p99", "p999", "max")}, "count": COUNT,
        "buckets": listed({"type": "array", "prefixItems": [COUNT, COUNT], "items": False, "minItems": 2}),
    }, about="milliseconds; of batchSizes events. buckets: [upper, count], latencies in microseconds"),
    "health": closed({"live": FLAG, "ready": FLAG, "reasons": listed(TEXT)}),
    "transport": closed({
        "type": TEXT, "connected": FLAG, "since": COUNT, "lastError": nullable(TEXT), "nextTry": COUNT,
        "heldBack": {"anyOf": [{"type": "null"}, closed({"since": COUNT, "reason": TEXT})]},
    }),
    "subscription": closed({
        "name": TEXT, "pattern": TEXT, "group": TEXT, "transport": TEXT, "origins": nullable(listed(TEXT)),
        "filter": nullable({"type": "object"}), "paused": FLAG, "queued": COUNT, "inFlight": COUNT, "handled": COUNT,
        "failed": COUNT, "groupHeld": COUNT,
    }),
    "route": closed({
        "order": COUNT, "name": nullable(TEXT), "pattern": TEXT, "transports": listed(TEXT), "priority": {"type": "integer"},
        "topic": nullable(TEXT), "enabled": FLAG, "hits": COUNT, "lastHit": nullable(COUNT),
    }),
}


def labels(rows: Rows, side: str) -> dict[str, Any]:
    counts = {json_name: {**COUNT, "description": text}
              for _, where, json_name, _, text in rows("libevents/src/observe/labels.def", "X") if where == side}
    one = closed({**counts, "rate": ref("rate"), **ERROR}, optional=(*counts, "rate", *ERROR))
    return {"type": "object", "additionalProperties": one}


def section(rows: Rows, name: str, members: dict[str, Any], rated: tuple[str, ...]) -> dict[str, Any]:
    dimensions = ("byType", "byTopic", "byTransport") + (("bySubscription",) if name == "consumer" else ())
    return closed({
        **counters(rows, name), **members, **{each: ref(f"{name}Labels") for each in dimensions},
        "rates": closed({each: ref("rate") for each in rated}), **ERROR,
    }, optional=tuple(ERROR))


def counters(rows: Rows, section_name: str) -> dict[str, Any]:
    return {json_name: {**COUNT, "description": text}
            for _, where, json_name, _, text in rows("libevents/src/observe/counters.def", "X") if where == section_name}


def schema(rows: Rows) -> str:
    sent = {f"totalMessagesSentBy{each}": COUNTS for each in ("Type", "Topic", "Transport")}
    received = {f"totalMessagesReceivedBy{each}": COUNTS for each in ("Type", "Topic", "Transport")}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Statistics of a system of libevents",
        **closed({
            "instance": {**TEXT, "pattern": "^[0-9a-f]{16}$"}, "service": TEXT, "host": nullable(TEXT), "pid": COUNT,
            "startedAt": COUNT, "generation": {**TEXT, "pattern": "^[0-9a-f]{16}$"}, "originPrefix": nullable(TEXT),
            "origins": nullable(listed(TEXT)), "routing": {"type": "object"},
            "publisher": section(rows, "publisher", {
                **sent, "lastPublishTime": COUNTS, "averageLatency": NUMBER, "latency": ref("histogram"),
                "batchSizes": ref("histogram"),
            }, ("sent", "failed")),
            "consumer": section(rows, "consumer", {
                **received, "failedMessagesByType": COUNTS, "handledMessagesBySubscription": COUNTS,
                "averageProcessingTime": NUMBER, "processingTime": ref("histogram"), "endToEnd": ref("histogram"),
            }, ("received", "acknowledged", "failed", "retried", "deadLettered")),
            "transport": closed(counters(rows, "transport")),
            "uptime": NUMBER, "version": TEXT, "inFlight": COUNT, "subscriptions": listed(ref("subscription")),
            "health": ref("health"), "transports": {"type": "object", "additionalProperties": ref("transport")},
            "routes": listed(ref("route")),
        }),
        "$defs": {**DEFINITIONS, **{f"{name}Labels": labels(rows, name.upper()) for name in ("publisher", "consumer")}},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
