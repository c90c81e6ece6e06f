# SPDX-License-Identifier: MIT
"""The functions that need no system: patterns, types, hashes, partitions, configuration checks."""

import json
from typing import Any, Dict, Mapping, Optional, Sequence, Union

from . import errors
from ._native import ffi, lend, lib, new_error, raise_error, take_text, text_of

JsonSource = Union[str, bytes, Mapping[str, Any]]

_STRATEGIES = {
    "fixed": lib.EVS_BACKOFF_FIXED,
    "exponential": lib.EVS_BACKOFF_EXPONENTIAL,
    "fibonacci": lib.EVS_BACKOFF_FIBONACCI,
}


def utf8(text: str, what: str) -> bytes:
    if not isinstance(text, str):
        raise errors.ValidationError(f"{what} is {type(text).__name__}, expected str")
    try:
        return text.encode()
    except UnicodeEncodeError as problem:
        raise errors.ValidationError(
            f"{what} has a lone surrogate at position {problem.start}, which UTF-8 cannot carry; replace it"
        ) from None


def json_text(source: JsonSource, what: str) -> bytes:
    """JSON text of a document that is given as a mapping or as text."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str):
        return utf8(source, what)
    try:
        return json.dumps(source, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as problem:
        raise errors.ConfigurationError(
            f"{what} cannot be written as JSON: {problem}; use only dict, list, str, int, float, bool and None"
        ) from None


def document_of(source: JsonSource) -> Any:
    """The value of a document that is given as a mapping or as text."""
    try:
        return json.loads(json_text(source, "the configuration"))
    except ValueError as problem:
        raise errors.ConfigurationError(f"the configuration is malformed JSON: {problem}") from None


def version() -> str:
    """The version of the loaded C library."""
    return text_of(lib.evs_version())


def matches_pattern(pattern: str, type: str, *, origin_prefix: Optional[str] = None) -> bool:
    """Does `pattern` match the full type `type`, for a system with this origin prefix?"""
    matches, problem = ffi.new("int32_t *"), new_error()
    texts = utf8(pattern, "pattern"), utf8(type, "type"), utf8(origin_prefix or "", "origin_prefix")
    status = lib.evs_pattern_matches(*(lend(text) for text in texts), matches, problem)
    if status != lib.EVS_OK:
        raise_error(status, problem)
    return bool(matches[0])


def normalize_pattern(pattern: str, *, origin_prefix: Optional[str] = None, extended_types: bool = False) -> str:
    """The pattern in lower case; ValidationError names the position of an offence."""
    text, problem = ffi.new("char **"), new_error()
    texts = utf8(pattern, "pattern"), utf8(origin_prefix or "", "origin_prefix")
    status = lib.evs_pattern_normalize(*(lend(part) for part in texts), int(extended_types), text, problem)
    if status != lib.EVS_OK:
        raise_error(status, problem)
    return take_text(text)


def validate_event_type(type: str, *, extended_types: bool = False) -> bool:
    """Is this a valid event type, given without origin prefix?"""
    try:
        text = utf8(type, "type")
    except errors.ValidationError:
        return False
    problem = new_error()
    status = lib.evs_type_check(lend(text), int(extended_types), problem)
    if status not in (lib.EVS_OK, lib.EVS_VALIDATION):
        raise_error(status, problem)
    lib.evs_error_free(problem[0])
    return bool(status == lib.EVS_OK)


def full_type(type: str, origin_prefix: Optional[str] = None) -> str:
    """Origin prefix and type joined."""
    text, problem = ffi.new("char **"), new_error()
    texts = utf8(type, "type"), utf8(origin_prefix or "", "origin_prefix")
    status = lib.evs_full_type(*(lend(part) for part in texts), text, problem)
    if status != lib.EVS_OK:
        raise_error(status, problem)
    return take_text(text)


def origin_delivered(
    pattern: str,
    type: str,
    *,
    event_prefix: Optional[str] = None,
    origin_prefix: Optional[str] = None,
    origins: Optional[Sequence[str]] = None,
) -> bool:
    """Would a subscription receive an event, judged by pattern and origins alone?"""
    query: Dict[str, Any] = {
        "originPrefix": origin_prefix,
        "origins": None if origins is None else list(origins),
        "eventPrefix": event_prefix,
        "type": type,
        "pattern": pattern,
    }
    text = json_text(query, "the question")
    delivered, problem = ffi.new("int32_t *"), new_error()
    status = lib.evs_origin_delivered(text, len(text), delivered, problem)
    if status != lib.EVS_OK:
        raise_error(status, problem)
    return bool(delivered[0])


def retry_delay(strategy: str, base_delay: int, max_delay: int, retry: int) -> int:
    """Milliseconds before retry number `retry` (from 1), without jitter."""
    if strategy not in _STRATEGIES:
        raise errors.ValidationError(
            f"backoff strategy is {strategy!r}, expected one of {', '.join(sorted(_STRATEGIES))}"
        )
    return int(lib.evs_retry_delay(_STRATEGIES[strategy], base_delay, max_delay, retry))


def body_hash(body: Union[bytes, str]) -> str:
    """SHA-256 of the exact bytes (UTF-8 of a str), 64 lower-case hex digits."""
    data = body.encode() if isinstance(body, str) else bytes(body)
    digits = ffi.new("char[65]")
    status = lib.evs_body_hash(lend(data), digits)
    if status != lib.EVS_OK:
        raise errors.make_error(status, "the body cannot be hashed")
    return text_of(digits)


def partition_for_key(key: Union[bytes, str], partitions: int) -> int:
    """The partition of a key, by Kafka's default hash."""
    data = key.encode() if isinstance(key, str) else bytes(key)
    return int(lib.evs_partition_for_key(lend(data), partitions))


def key_slot(key: Union[bytes, str]) -> int:
    """The slot of a Redis Cluster key."""
    data = key.encode() if isinstance(key, str) else bytes(key)
    return int(lib.evs_key_slot(lend(data)))


def check_config(config: JsonSource) -> Dict[str, Any]:
    """Checks a configuration without opening anything: {valid, problems, warnings, normalized}."""
    source = json_text(config, "the configuration")
    text, problem = ffi.new("char **"), new_error()
    status = lib.evs_config_check(source, len(source), text, problem)
    if status != lib.EVS_OK:
        raise_error(status, problem)
    report: Dict[str, Any] = json.loads(take_text(text))
    return report
