# SPDX-License-Identifier: MIT
"""What the caller gives to `publish` becomes the bytes that the C side takes; see evspy_publish().

A body is encoded once. When that fails, the place of the fault is looked for, which costs only then.
"""

import json
import math
from datetime import datetime, timezone
from struct import Struct
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from ._native import lib
from .errors import ValidationError

#: how an event is acknowledged: number of the level, replicas, how long they are waited for in ms
Level = Tuple[int, int, int]
#: one event, ready for the border
Outgoing = bytes

_JSON_TYPE = "application/json"
_AS_CONFIGURED: Level = (0, 0, 0)
_LEVELS = {"none": 1, "stored": 2, "fsynced": 4}
_REPLICATED = 3
_MAX_UINT32 = 0xFFFFFFFF
#: a zero byte, then partition + 1 (0: none given), timeout_ms and delay_ms (0: the configuration's), the level's numbers,
#: and the sizes of the texts
_OPTIONS = Struct(f"=x{lib.EVSPY_EVENT_NUMBERS + lib.EVSPY_EVENT_TEXTS}Q")


def _plain(value: Any) -> Any:
    """What JSON does not know: a Pydantic model is written as its fields."""
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="json", by_alias=True)
    raise TypeError(f"{value.__class__.__name__} is not a JSON type; convert it first")


def _json_encoder() -> Callable[[Any], str]:
    """A compact encoder that is made once: json.dumps() makes one for every call.

    Without a check for loops: they end as RecursionError, and the place is looked for afterwards.
    """
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False, default=_plain
    )
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    encode_text = getattr(json.encoder, "encode_basestring")
    chunks = make(None, encoder.default, encode_text, None, ":", ",", False, False, False)
    join = "".join
    return lambda value: join(chunks(value, 0))


_encode_json = _json_encoder()


def timeout_of(event: Outgoing) -> int:
    """In milliseconds; 0: the configuration's."""
    timeout: int = 0 if event[0] else _OPTIONS.unpack_from(event)[1]
    return timeout


def milliseconds(seconds: Optional[float], name: str, *, limit: int = _MAX_UINT32) -> int:
    """Seconds as whole milliseconds, at least 1 for anything above 0."""
    if seconds is None:
        return 0
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds or not math.isfinite(seconds) or seconds * 1000 > limit:
        raise ValidationError(f"{name} is {seconds!r}, expected seconds from 0 to {limit // 1000}")
    return math.ceil(seconds * 1000)


def _encode_plain(type: str, body: Any) -> Optional[Outgoing]:
    """The common case, a type and a JSON body, without the cost of the options; None: it is not that."""
    if type.__class__ is not str or "\n" in type:
        return None
    try:
        return f"{_encode_json(body)}\n{type}\n".encode()
    except (TypeError, ValueError, RecursionError):
        return None


def encode_event(
    type: str,
    body: Any = None,
    *,
    key: Optional[str] = None,
    partition: Optional[int] = None,
    headers: Optional[Mapping[str, str]] = None,
    id: Optional[str] = None,
    timestamp: Union[str, datetime, None] = None,
    version: Optional[str] = None,
    content_type: Optional[str] = None,
    transport: Optional[str] = None,
    timeout: Optional[float] = None,
    delay: Optional[float] = None,
    acknowledgement: Union[str, Mapping[str, Any], None] = None,
    batch_key: Optional[str] = None,
    topic: Optional[str] = None,
    origin: Optional[str] = None,
    origin_prefix: Optional[str] = None,
) -> Outgoing:
    """Checks and encodes one event; everything that only the core can judge is left to it."""
    if (
        (key is None and partition is None and headers is None and id is None and timestamp is None)
        and (version is None and content_type is None and transport is None and timeout is None and delay is None)
        and (acknowledgement is None and batch_key is None and topic is None)
        and (origin is None and origin_prefix is None)
    ):
        plain = _encode_plain(type, body)
        if plain is not None:
            return plain
    if timeout is not None and milliseconds(timeout, "timeout") == 0:
        raise ValidationError("timeout is 0, expected seconds above 0; leave it out for publisher.timeout")
    texts = (
        _text(type, "type"),
        encode_body(body, content_type),
        b"" if content_type in (None, _JSON_TYPE) else _text(content_type, "content_type"),
        b"" if not headers else encode_json(dict(headers), "headers"),
        _text(key, "key"),
        _text(id, "id"),
        _timestamp(timestamp),
        _text(version, "version"),
        _text(transport, "transport"),
        _text(batch_key, "batch_key"),
        _text(topic, "topic"),
        _text(origin, "origin"),
        _text(origin_prefix, "origin_prefix"),
    )
    times = milliseconds(timeout, "timeout"), milliseconds(delay, "delay", limit=1 << 53)
    numbers = (_partition_number(partition), *times, *_level(acknowledgement))
    return _OPTIONS.pack(*numbers, *map(len, texts)) + b"".join(texts)


def _level(acknowledgement: Union[str, Mapping[str, Any], None]) -> Level:
    """"none", "stored", "fsynced" or {"replicated": how many, "timeout": seconds}."""
    if acknowledgement is None:
        return _AS_CONFIGURED
    if isinstance(acknowledgement, str) and acknowledgement in _LEVELS:
        return _LEVELS[acknowledgement], 0, 0
    if isinstance(acknowledgement, Mapping) and set(acknowledgement) <= {"replicated", "timeout"}:
        replicas = acknowledgement.get("replicated")
        if isinstance(replicas, int) and not isinstance(replicas, bool) and 1 <= replicas <= 100:
            timeout = milliseconds(acknowledgement.get("timeout"), "acknowledgement.timeout", limit=300000)
            return _REPLICATED, replicas, timeout
    raise ValidationError(
        f"acknowledgement is {acknowledgement!r}, expected 'none', 'stored', 'fsynced' or "
        "{'replicated': 1 to 100, 'timeout': seconds}",
        path="/acknowledgement",
    )


def encode_batch(events: Iterable[Any]) -> List[Outgoing]:
    """Events of a batch: (type, body), (type, body, options) or {"type": …, "body": …, option: …}."""
    encoded = []
    for index, event in enumerate(events):
        try:
            is_plain = event.__class__ is tuple and len(event) == 2
            plain = _encode_plain(*event) if is_plain else None
            encoded.append(plain if plain is not None else _encode_entry(event))
        except ValidationError as problem:
            raise ValidationError(f"event {index}: {problem.message}", path=f"/{index}{problem.path}") from None
    return encoded


def _encode_entry(event: Any) -> Outgoing:
    options: Dict[str, Any] = {}
    if isinstance(event, Mapping):
        options = dict(event)
        type, body = options.pop("type", None), options.pop("body", None)
    elif isinstance(event, (tuple, list)) and len(event) in (2, 3):
        type, body = event[0], event[1]
        options = dict(event[2]) if len(event) > 2 else {}
    else:
        raise ValidationError(
            f"found {event.__class__.__name__}, expected (type, body), (type, body, options) or a dict"
        )
    try:
        return encode_event(type, body, **options)
    except TypeError as problem:
        raise ValidationError(str(problem).replace("encode_event() ", "")) from None


def encode_body(body: Any, content_type: Optional[str]) -> bytes:
    """JSON text, or the bytes as they are when a content type says what they are."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        if content_type is None:
            raise ValidationError(
                "the body is bytes; say what they are with content_type=… (JSON text: application/json)", path="/body"
            )
        return bytes(body)
    if content_type not in (None, _JSON_TYPE):
        raise ValidationError(
            f"the body is {body.__class__.__name__}, but content_type={content_type!r} needs bytes", path="/body"
        )
    return encode_json(body, "body")


def encode_json(value: Any, what: str) -> bytes:
    try:
        return _encode_json(value).encode()
    except (TypeError, ValueError, RecursionError) as problem:
        path, reason = _find_fault(value, problem)
        where = f"{what} at {path}" if path else what
        raise ValidationError(f"{where} cannot be written as JSON: {reason}", path=f"/{what}{path}") from None


def _text(value: Optional[str], name: str) -> bytes:
    if value is None and name != "type":
        return b""
    if not isinstance(value, str):
        raise ValidationError(f"{name} is {value.__class__.__name__}, expected str", path=f"/{name}")
    try:
        return value.encode()
    except UnicodeEncodeError as problem:
        raise ValidationError(
            f"{name} has a lone surrogate at position {problem.start}, which UTF-8 cannot carry", path=f"/{name}"
        ) from None


def _partition_number(partition: Optional[int]) -> int:
    if partition is None:
        return 0
    if isinstance(partition, bool) or not isinstance(partition, int) or not 0 <= partition < (1 << 31) - 1:
        raise ValidationError(f"partition is {partition!r}, expected a whole number from 0 on", path="/partition")
    return partition + 1


def _timestamp(timestamp: Union[str, datetime, None]) -> bytes:
    if not isinstance(timestamp, datetime):
        return _text(timestamp, "timestamp")
    if timestamp.tzinfo is None:
        raise ValidationError("timestamp has no time zone; use datetime.now(timezone.utc)", path="/timestamp")
    utc = timestamp.astimezone(timezone.utc).replace(tzinfo=None)
    return (utc.isoformat(timespec="milliseconds") + "Z").encode()


# ---- where a body cannot be written ---------------------------------------------------------------------

_Frame = Tuple[str, Any, Iterator[Tuple[str, Any]]]


def _children(value: Any) -> Iterator[Tuple[str, Any]]:
    if isinstance(value, dict):
        return iter([(_pointer_part(key), child) for key, child in value.items()])
    if isinstance(value, (list, tuple)):
        return iter([(str(index), child) for index, child in enumerate(value)])
    return iter(())


def _pointer_part(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode()


def _find_fault(value: Any, problem: Exception) -> Tuple[str, str]:
    """JSON pointer and reason of the first value that JSON cannot hold; walks without recursion."""
    stack: List[_Frame] = [("", value, _children(value))]
    open_ids = {id(value)}
    reason = _fault_of(value)
    while stack and not reason:
        child = next(stack[-1][2], None)
        if child is None:
            open_ids.discard(id(stack.pop()[1]))
            continue
        part, value = child
        is_container = isinstance(value, (dict, list, tuple))
        reason = "it contains itself" if is_container and id(value) in open_ids else _fault_of(value)
        stack.append((part, value, _children(value)))
        open_ids.add(id(value))
    if not reason:
        is_deep = isinstance(problem, RecursionError)
        return "", "it is nested too deeply" if is_deep else str(problem)
    return "".join("/" + frame[0] for frame in stack[1:]), reason


def _fault_of(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, list, tuple)):
        return ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value} is not a JSON number"
    if isinstance(value, str):
        return "" if _is_encodable(value) else "the text has a lone surrogate, which UTF-8 cannot carry"
    if isinstance(value, dict):
        return _key_fault(value)
    if hasattr(value, "model_dump"):
        return ""
    return f"{value.__class__.__name__} is not a JSON type; convert it first"


def _key_fault(value: Dict[Any, Any]) -> str:
    for key in value:
        if key is not None and not isinstance(key, (str, int, float)):
            return f"a key is {key.__class__.__name__}, expected str"
        if isinstance(key, float) and not math.isfinite(key):
            return f"the key {key} is not a JSON number"
        if isinstance(key, str) and not _is_encodable(key):
            return "a key has a lone surrogate, which UTF-8 cannot carry"
    return ""


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
