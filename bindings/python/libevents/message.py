# SPDX-License-Identifier: MIT
"""What a handler receives and what a publish gives back.

A message is a record of the C side, which has a copy of what was delivered: a field is decoded when it is asked for,
the body at most once. Nothing here refers to memory of the C library.
"""

import json
from struct import Struct
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ._border import Record
from ._native import lib
from .errors import Error, ValidationError, make_error

Columns = Tuple[int, ...]

MESSAGE_SIZE: int = lib.EVSPY_MESSAGE_COLUMNS * 8
REPORT = Struct(f"={lib.EVSPY_REPORT_COLUMNS}q")

_ID: int = lib.EVSPY_MESSAGE_ID
_TYPE: int = lib.EVSPY_MESSAGE_TYPE
_ORIGIN: int = lib.EVSPY_MESSAGE_ORIGIN
_ORIGIN_PREFIX: int = lib.EVSPY_MESSAGE_ORIGIN_PREFIX
_TIMESTAMP: int = lib.EVSPY_MESSAGE_TIMESTAMP
_VERSION: int = lib.EVSPY_MESSAGE_VERSION
_HASH: int = lib.EVSPY_MESSAGE_HASH
_CONTENT_TYPE: int = lib.EVSPY_MESSAGE_CONTENT_TYPE
_HEADERS: int = lib.EVSPY_MESSAGE_HEADERS
_BODY: int = lib.EVSPY_MESSAGE_BODY
_TRANSPORT: int = lib.EVSPY_MESSAGE_TRANSPORT
_TOPIC: int = lib.EVSPY_MESSAGE_TOPIC
_OFFSET: int = lib.EVSPY_MESSAGE_OFFSET
_GROUP: int = lib.EVSPY_MESSAGE_GROUP
_CONSUMER: int = lib.EVSPY_MESSAGE_CONSUMER
_PATTERN: int = lib.EVSPY_MESSAGE_PATTERN
_REQUEUE: int = lib.EVSPY_MESSAGE_REQUEUE
_VALIDATION: int = lib.EVSPY_MESSAGE_VALIDATION

#: makes a NamedTuple in a third of the time
_new: Any = tuple.__new__
_decoder = json.JSONDecoder()
_scan: Callable[[str, int], Tuple[Any, int]] = getattr(_decoder, "scan_once")


def _parse(text: str) -> Any:
    """As json.loads(), which looks for white space around the value, too: there is hardly ever any."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _decoder.decode(text)  # white space before it, or what is wrong
    return value if end == len(text) else _decoder.decode(text)


class Message(Record):
    """One event: its header and its body."""

    __slots__ = ("__weakref__",)

    @property
    def id(self) -> str:
        return self._text_of(_ID)

    @property
    def type(self) -> str:
        """Without the origin prefix."""
        return self._text_of(_TYPE)

    @property
    def origin(self) -> str:
        """The publisher's service."""
        return self._text_of(_ORIGIN)

    @property
    def origin_prefix(self) -> Optional[str]:
        return self._text_of(_ORIGIN_PREFIX) or None

    @property
    def timestamp(self) -> str:
        """RFC 3339, as the publisher set it."""
        return self._text_of(_TIMESTAMP)

    @property
    def version(self) -> str:
        """Schema version of the body; the one that the subscription asked for, where it did."""
        return self._text_of(_VERSION) if self._seen is None else self._seen[1]

    @property
    def hash(self) -> Optional[str]:
        return self._text_of(_HASH) or None

    @property
    def content_type(self) -> str:
        return self._text_of(_CONTENT_TYPE) or "application/json"

    @property
    def headers(self) -> Mapping[str, str]:
        if self._headers is None:
            text = self._bytes_of(_HEADERS)
            self._headers = json.loads(text) if text else {}
        return self._headers

    @property
    def raw(self) -> bytes:
        """The exact bytes of the body, as published."""
        return self._bytes_of(_BODY)

    @property
    def body(self) -> Any:
        """The JSON value, parsed once; the bytes themselves where a content type other than JSON is set. For a
        subscription to a model it is one."""
        body = self._body
        if body is None:
            if self._seen is None:
                text = self._json_text()
                body = self.raw if text is None else _parse(text)
            else:
                body = self._seen[0]
            self._body = body
        return body

    def __repr__(self) -> str:
        return f"<libevents.Message {self.type} {self.id}>"


class Metadata:
    """How this event came here."""

    __slots__ = ("_record", "_settle")

    def __init__(self, record: Message, settle: Optional[Callable[[Message], None]] = None) -> None:
        self._record = record
        self._settle = settle

    def acknowledge(self) -> None:
        """Says that the event was handled, where the subscription has the option ack="manual". Twice is fine."""
        if self._settle is None:
            raise ValidationError("the end of the handler acknowledges: subscribe with ack='manual'", path="/ack")
        self._settle(self._record)

    @property
    def transport(self) -> str:
        return self._record._text_of(_TRANSPORT)

    @property
    def topic(self) -> str:
        return self._record._text_of(_TOPIC)

    @property
    def partition(self) -> Optional[int]:
        partition = self._record._partition
        return partition if partition >= 0 else None

    @property
    def offset(self) -> str:
        """The store's position of the entry."""
        return self._record._text_of(_OFFSET)

    @property
    def timestamp(self) -> str:
        return self._record._text_of(_TIMESTAMP)

    @property
    def headers(self) -> Mapping[str, str]:
        return self._record.headers

    @property
    def correlation_id(self) -> Optional[str]:
        return self._record.headers.get("correlationId")

    @property
    def causation_id(self) -> Optional[str]:
        return self._record.headers.get("causationId")

    @property
    def traceparent(self) -> Optional[str]:
        return self._record.headers.get("traceparent")

    @property
    def pattern(self) -> str:
        """The subscription's pattern, as the library normalised it."""
        return self._record._text_of(_PATTERN)

    @property
    def group(self) -> str:
        return self._record._text_of(_GROUP)

    @property
    def consumer(self) -> str:
        return self._record._text_of(_CONSUMER)

    @property
    def attempt(self) -> int:
        """From 1: failures so far + 1. A crash does not raise it."""
        return self._record._attempt

    @property
    def deliveries(self) -> int:
        """Deliveries of the entry as the store counts them."""
        return self._record._deliveries

    @property
    def requeue(self) -> Optional[Mapping[str, Any]]:
        """{group, from, count} when an operator requeued it."""
        came = self._came_again()
        return came if came and "replay" not in came else None

    @property
    def replay(self) -> Optional[Mapping[str, Any]]:
        """{id, offset} when a replay brought it: which, and where the event is stored."""
        came = self._came_again()
        return {"id": came["replay"], "offset": came["offset"]} if came and "replay" in came else None

    @property
    def validation(self) -> Optional[Mapping[str, Any]]:
        """{type, version, errors, …}: what is wrong with the body by its schema, where validationMode "warn" lets it
        through; None: nothing, or nothing was checked."""
        text = self._record._bytes_of(_VALIDATION)
        found: Optional[Dict[str, Any]] = json.loads(text) if text else None
        return found

    def _came_again(self) -> Optional[Dict[str, Any]]:
        text = self._record._bytes_of(_REQUEUE)
        found: Optional[Dict[str, Any]] = json.loads(text) if text else None
        return found

    def __repr__(self) -> str:
        return f"<libevents.Metadata {self.topic} {self.offset} attempt {self.attempt}>"


class Receipt(NamedTuple):
    """The outcome of one published event."""

    id: str
    outcome: str  #: "stored", "refused" or "unknown"
    transport: str
    topic: str
    partition: Optional[int]
    offset: str
    attempts: int
    #: what was reached: "none", "stored", "replicated", "fsynced"; None where nothing is known
    acknowledgement: Optional[str] = None
    duplicate: bool = False  #: the store had this id already, at this offset
    error: Optional[Error] = None

    def as_dict(self) -> Dict[str, Any]:
        """As the command line prints it."""
        fields = {name: value for name, value in self._asdict().items() if name != "error"}
        if self.error is not None:
            fields["error"] = {"code": self.error.code, "message": self.error.message}
        return fields


_OUTCOMES = {
    lib.EVS_OUTCOME_STORED: "stored",
    lib.EVS_OUTCOME_REFUSED: "refused",
    lib.EVS_OUTCOME_UNKNOWN: "unknown",
}
_LEVELS = {
    lib.EVS_ACKNOWLEDGE_NONE: "none",
    lib.EVS_ACKNOWLEDGE_STORED: "stored",
    lib.EVS_ACKNOWLEDGE_REPLICATED: "replicated",
    lib.EVS_ACKNOWLEDGE_FSYNCED: "fsynced",
}
_R_EVENTS: int = lib.EVSPY_REPORT_EVENTS
_R_START: int = lib.EVSPY_REPORT_START
_R_LAST: int = lib.EVSPY_REPORT_COLUMNS - 1


class Report(NamedTuple):
    """What ended: publishes that were stored in the same way, a publish, a request, a subscription or the system."""

    columns: Columns
    text: bytes

    @property
    def kind(self) -> int:
        return self.columns[0]

    @property
    def token(self) -> int:
        return self.columns[1]

    @property
    def events(self) -> int:
        """How many publishes it is about; 1 where it is about anything else."""
        return self.columns[_R_EVENTS]

    @property
    def tokens(self) -> range:
        """Of the publishes."""
        return range(self.token, self.token + self.events)

    @property
    def status(self) -> int:
        return self.columns[2]

    def message(self) -> str:
        columns = self.columns
        return self.text[columns[_R_LAST - 2] : columns[_R_LAST - 1]].decode("utf-8", "replace")

    def transport(self) -> str:
        columns = self.columns
        return self.text[columns[_R_START + 1] : columns[_R_START + 2]].decode("utf-8", "replace")

    def detail(self) -> str:
        columns = self.columns
        return self.text[columns[_R_LAST - 1] : columns[_R_LAST]].decode("utf-8", "replace")

    def error(self) -> Error:
        return make_error(self.status, self.message(), self.detail())

    def receipts(self) -> List[Receipt]:
        """Of the publishes, in the order of their tokens."""
        _, _, status, outcome, attempts, partition, level, is_duplicate, events, *ends = self.columns
        _, end_id, end_transport, end_topic, end_offset, _, _ = ends
        text = self.text
        ids, offsets = text[:end_id].decode(), text[end_topic:end_offset].decode()
        each = zip(ids.split("\n"), offsets.split("\n")) if events > 1 else ((ids, offsets),)
        transport, topic = text[end_id:end_transport].decode(), text[end_transport:end_topic].decode()
        where = partition if partition >= 0 else None
        end, reached, is_old = _OUTCOMES.get(outcome, "unknown"), _LEVELS.get(level), is_duplicate != 0
        receipts: List[Receipt] = [
            _new(Receipt, (id, end, transport, topic, where, offset, attempts, reached, is_old, None))
            for id, offset in each
        ]
        if status == 0:
            return receipts
        error = make_error(status, self.message(), self.detail(), publishing=True, receipt=receipts[0])
        return [receipts[0]._replace(error=error)]


def split_reports(columns: bytearray, texts: bytearray) -> List[Report]:
    rows = REPORT.iter_unpack(columns)
    return [_new(Report, (row, bytes(texts[row[_R_START] : row[_R_START] + row[_R_LAST]]))) for row in rows]
