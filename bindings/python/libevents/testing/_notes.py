# SPDX-License-Identifier: MIT
"""What a harness has seen, and what it says where a test expected something else. Knows nothing of loops."""

import copy
import threading
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from .._engine import Engine
from .._pure import matches_pattern, normalize_pattern
from ..errors import Reject, RetryLater, ValidationError
from ..message import Message, Metadata

_SHOWN = 20
_HANDLED_AT_ONCE = 100_000
_FAILED = "failed, as the test asked (fail_handling)"
_HELD: Mapping[str, Any] = {"holdClock": True}


class Published(NamedTuple):
    """One event as it came to the transport."""

    type: str
    body: Any  #: None where it is no JSON
    id: str
    headers: Mapping[str, str]
    topic: str
    partition: Optional[int]
    outcome: str  #: "stored", "refused" or "unknown"
    at: float  #: seconds since the harness was made
    header: Mapping[str, Any]  #: the whole header, as stored
    full_type: str  #: with the origin prefix


class Handled(NamedTuple):
    """One run of a handler."""

    type: str
    body: Any
    id: str
    attempt: int
    deliveries: int
    pattern: str  #: of the subscription
    group: str
    outcome: str  #: "done", "failed", "rejected" or "later"
    error: Optional[BaseException]
    at: float  #: seconds since the harness was made
    full_type: str


def rehearsal_of(config: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """The configuration with a memory transport, where it has none, and its clock held."""
    document: Dict[str, Any] = copy.deepcopy(dict(config or {}))
    document.setdefault("service", "test")
    document.setdefault("transports", {"main": {"type": "memory"}})
    document["testing"] = {**document.get("testing", {}), **_HELD}
    return document


class _Fault:
    """So many handlers whose good end shall count as another."""

    def __init__(self, outcome: str, pattern: str, times: int) -> None:
        self.outcome = outcome
        self.pattern = pattern
        self.left = times


class Notes:
    """The records of one harness."""

    def __init__(self, engine: Engine, normalized: Mapping[str, Any]) -> None:
        self._engine = engine
        self._prefix: str = normalized.get("originPrefix") or ""
        self._transports: List[str] = list(normalized["transports"])
        self._published: List[Tuple[float, Published]] = []
        self._next = {name: 0 for name in self._transports}
        self._handled: List[Handled] = []
        self._faults: List[_Fault] = []
        self._lock = threading.Lock()
        self._next_ms: Optional[int] = None
        self.now_ms = 0

    # ---- time ---------------------------------------------------------------------------------------

    def step(self, until_ms: int, others: Iterable[int]) -> int:
        """How far the clock may go at once: to where something is due, in the library or for `others`."""
        due = [until_ms, *others]
        if self._next_ms is not None:
            due.append(self._next_ms)
        return max(0, min(due) - self.now_ms)

    def moves(self, ms: int) -> None:
        """Before the library is asked: its handlers may run before it has answered."""
        self.now_ms += ms

    def moved(self, answer: Mapping[str, Any]) -> None:
        self.now_ms = answer["now"]
        self._next_ms = None if answer["next"] is None else self.now_ms + answer["next"]

    def check_end(self, first: int) -> None:
        """Handlers that publish what they handle never come to rest; `first`: how many had ended before."""
        if self.count() - first > _HANDLED_AT_ONCE:
            raise RuntimeError(
                f"{_HANDLED_AT_ONCE} handlers ran while the clock stood still, and more wait: does one publish "
                f"what it handles? The last was: {_shown(self._handled[-1])}"
            )

    # ---- what was seen ------------------------------------------------------------------------------

    def observe(self, record: Message, error: Optional[BaseException]) -> None:
        """A handler ended; on whichever thread it ran."""
        message, metadata = Message(record), Metadata(record)
        prefix = message.origin_prefix
        handled = Handled(
            type=message.type,
            body=message.body,
            id=message.id,
            attempt=metadata.attempt,
            deliveries=metadata.deliveries,
            pattern=metadata.pattern,
            group=metadata.group,
            outcome=_outcome_of(error),
            error=error,
            at=self.now_ms / 1000,
            full_type=f"{prefix}.{message.type}" if prefix else message.type,
        )
        with self._lock:
            self._handled.append(handled)

    def count(self) -> int:
        """How many handlers ended."""
        with self._lock:
            return len(self._handled)

    def handled(self, pattern: str = "*", outcome: Optional[str] = None) -> List[Handled]:
        with self._lock:
            seen = list(self._handled)
        return [each for each in seen if self._fits(each, pattern, outcome)]

    def published(self, pattern: str = "*", outcome: Optional[str] = None) -> List[Published]:
        for name in self._transports:
            self._take_published(name)
        return [each for _, each in self._published if self._fits(each, pattern, outcome)]

    def _take_published(self, transport: str) -> None:
        more = True
        while more:
            page = self._engine.call(
                "testing.published", {"transport": transport, "from": self._next[transport]}
            )
            more, self._next[transport] = page["more"], page["next"]
            self._published += [(each["at"], self._published_of(each)) for each in page["events"]]
        self._published.sort(key=lambda pair: pair[0])

    def _published_of(self, note: Mapping[str, Any]) -> Published:
        event = note["event"]
        header = event["header"]
        return Published(
            type=header["type"],
            body=event.get("body"),
            id=header["id"],
            headers=event.get("headers") or {},
            topic=note["topic"],
            partition=note["partition"],
            outcome=note["outcome"],
            at=note["since"] / 1000,
            header=header,
            full_type=note["type"],
        )

    def _fits(self, each: Any, pattern: str, outcome: Optional[str]) -> bool:
        if outcome is not None and each.outcome != outcome:
            return False
        return matches_pattern(pattern, each.full_type, origin_prefix=self._prefix)

    def mishap(self, record: Message) -> None:
        """A handler ended well; raises what the test wants to have come of it."""
        prefix = record.origin_prefix
        full_type = f"{prefix}.{record.type}" if prefix else record.type
        with self._lock:
            for fault in self._faults:
                if fault.left > 0 and matches_pattern(fault.pattern, full_type, origin_prefix=self._prefix):
                    fault.left -= 1
                    raise RetryLater(0) if fault.outcome == "crashed" else RuntimeError(_FAILED)

    # ---- what a test says ---------------------------------------------------------------------------

    def fail(self, outcome: str, pattern: str, times: int, transport: Optional[str]) -> None:
        params: Dict[str, Any] = {"outcome": outcome, "pattern": pattern, "times": times}
        if transport is not None:
            params["transport"] = transport
        self._engine.call("testing.fail", params)

    def fail_handling(self, outcome: str, pattern: str, times: int) -> None:
        if outcome not in ("failed", "crashed"):
            raise ValidationError(f'outcome is {outcome!r}, expected "failed" or "crashed"')
        normalize_pattern(pattern, origin_prefix=self._prefix)
        with self._lock:
            self._faults.append(_Fault(outcome, pattern, times))

    def assert_published(
        self, pattern: str, body: Any, times: Optional[int], outcome: Optional[str]
    ) -> List[Published]:
        found = [each for each in self.published(pattern, outcome) if body is ... or each.body == body]
        _check("published", pattern, body, times, found, self.published())
        return found

    def assert_handled(
        self, pattern: str, body: Any, times: Optional[int], outcome: Optional[str]
    ) -> List[Handled]:
        found = [each for each in self.handled(pattern, outcome) if body is ... or each.body == body]
        _check("handled", pattern, body, times, found, self.handled())
        return found


def _outcome_of(error: Optional[BaseException]) -> str:
    if error is None:
        return "done"
    if isinstance(error, RetryLater):
        return "later"
    return "rejected" if isinstance(error, Reject) else "failed"


def _check(verb: str, pattern: str, body: Any, times: Optional[int], found: List[Any], all_seen: List[Any]) -> None:
    is_right = len(found) == times if times is not None else bool(found)
    if is_right:
        return
    wanted = "at least one event" if times is None else f"{times} event{'' if times == 1 else 's'}"
    what = f"{pattern!r}" if body is ... else f"{pattern!r} with body {body!r}"
    rows = [f"  {_shown(each)}" for each in all_seen[:_SHOWN]]
    if len(all_seen) > _SHOWN:
        rows.append(f"  and {len(all_seen) - _SHOWN} more")
    seen = "\n".join(rows) if rows else "  nothing"
    raise AssertionError(
        f"expected {wanted} to be {verb} that match {what}; there are {len(found)}.\n{verb.capitalize()} were:\n{seen}"
    )


def _shown(each: Any) -> str:
    end = f" ({each.error!r})" if getattr(each, "error", None) is not None else ""
    attempt = f" attempt {each.attempt}," if isinstance(each, Handled) else ""
    return f"{each.at:g} s: {each.full_type} {each.body!r},{attempt} {each.outcome}{end}"
