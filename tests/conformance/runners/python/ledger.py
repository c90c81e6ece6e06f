# SPDX-License-Identifier: MIT
"""ledger.py - what one system was seen to do, as the part of its statistics that must say the same."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

SUCCEEDS = "succeed"
COUNTED_AS_FAILED = ("fail", "hang", "reject")
DEFERRALS_MAX = 100
#: one event too many, so that a test sees that it is seen
ADDED = int(os.environ.get("EVS_LEDGER_ADDED", "0"))


class Ledger:
    """Filled by any thread; read when nothing happens any more."""

    def __init__(self, config: dict[str, Any]) -> None:
        routes = config.get("routing", {}).get("routes", [])
        #: a receipt names one transport, so that of events for several it does not tell how often they were stored
        self._has_fan_out = any(len(route.get("transports", [])) > 1 for route in routes)
        self._max_deferrals = config.get("consumer", {}).get("maxDeferrals", DEFERRALS_MAX)
        self._receipts: list[tuple[dict[str, Any], bool]] = []
        self._runs: list[tuple[dict[str, Any], str]] = []

    def published(self, receipt: dict[str, Any], failed: bool) -> None:
        self._receipts.append((receipt, failed))

    def ran(self, run: dict[str, Any], word: Any) -> None:
        self._runs.append((run, word if isinstance(word, str) else next(iter(word))))

    def expected(self) -> dict[str, Any]:
        stored = [receipt for receipt, failed in self._receipts if not failed]
        publisher: dict[str, Any] = {"failedMessages": len(self._receipts) - len(stored)}
        if not self._has_fan_out:
            publisher.update(
                totalMessagesSent=len(stored),
                duplicateMessages=sum(receipt["duplicate"] for receipt in stored),
                totalMessagesSentByTopic=Counter(receipt["topic"] for receipt in stored),
                totalMessagesSentByTransport=Counter(receipt["transport"] for receipt in stored),
            )
        runs = [run for run, _ in self._runs]
        words = [word for _, word in self._runs]
        consumer = {
            "totalMessagesReceived": len(runs) + ADDED,
            "handledMessages": words.count(SUCCEEDS),
            "failedMessages": sum(word in COUNTED_AS_FAILED for word in words) + self._deferred_too_often(),
            "totalMessagesReceivedByType": Counter(full_type(run) for run in runs),
            "totalMessagesReceivedByTopic": Counter(run["topic"] for run in runs),
            "totalMessagesReceivedByTransport": Counter(run["transport"] for run in runs),
        }
        return {"inFlight": 0, "publisher": publisher, "consumer": consumer}

    def _deferred_too_often(self) -> int:
        deferrals = Counter(run["id"] for run, word in self._runs if word == "later")
        return sum(max(0, count - self._max_deferrals) for count in deferrals.values())


def full_type(run: dict[str, Any]) -> str:
    return f"{run['originPrefix']}.{run['type']}" if run["originPrefix"] else run["type"]


def uneven(stats: dict[str, Any]) -> str | None:
    """Where the counts by name do not add up to the count of all, or None."""
    totals = {
        ("publisher", "sent"): "totalMessagesSent", ("publisher", "bytes"): "totalBytesSent",
        ("publisher", "duplicates"): "duplicateMessages", ("publisher", "retried"): "retriedMessages",
        ("consumer", "received"): "totalMessagesReceived", ("consumer", "bytes"): "totalBytesReceived",
        ("consumer", "handled"): "handledMessages", ("consumer", "failed"): "failedMessages",
        ("consumer", "poison"): "poisonMessages",
    }
    for (side, name), total in totals.items():
        for dimension in ("byType", "byTopic", "byTransport"):
            found = sum(each.get(name, 0) for each in stats[side][dimension].values())
            if found != stats[side][total]:
                return f"{side}.{dimension}: {name} is {found} in all, but {total} is {stats[side][total]}"
    return None
