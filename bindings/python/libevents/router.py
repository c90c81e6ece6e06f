# SPDX-License-Identifier: MIT
"""`system.router`: what the system would do with an event. Local and plain in both faces."""

from typing import Any, Dict, Mapping, Optional

from . import _pure
from ._engine import Engine

_UNSET: Any = object()


class Router:
    """Questions about routing, answered by the code that routes."""

    def __init__(self, engine: Engine, normalized: Mapping[str, Any]) -> None:
        self._engine = engine
        self._origin_prefix: str = normalized.get("originPrefix") or ""
        self._extended_types = bool((normalized.get("routing") or {}).get("extendedTypes"))

    def explain(
        self,
        type: str,
        *,
        origin_prefix: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        body: Any = _UNSET,
        key: Optional[str] = None,
    ) -> Dict[str, Any]:
        """The whole decision for an event: topic and by which rule, transports, partition, every route and
        why it won or lost, the subscriptions of this process that would receive it. Without headers those
        with a filter of headers are among them and have it as `filter`."""
        query: Dict[str, Any] = {"type": type}
        if headers is not None:
            query["headers"] = dict(headers)
        if origin_prefix is not None:
            query["originPrefix"] = origin_prefix
        if body is not _UNSET:
            query["body"] = body
        if key is not None:
            query["key"] = key
        return self._engine.explain(query)

    def resolve_topic(self, type: str) -> str:
        topic: str = self.explain(type)["topic"]
        return topic

    def matches_pattern(self, pattern: str, type: str) -> bool:
        """Does a pattern of this system match the full type `type`?"""
        return _pure.matches_pattern(pattern, type, origin_prefix=self._origin_prefix)

    def normalize_pattern(self, pattern: str) -> str:
        return _pure.normalize_pattern(
            pattern, origin_prefix=self._origin_prefix, extended_types=self._extended_types
        )

    def validate_event_type(self, type: str) -> bool:
        return _pure.validate_event_type(type, extended_types=self._extended_types)

    def full_type(self, type: str) -> str:
        return _pure.full_type(type, self._origin_prefix)
