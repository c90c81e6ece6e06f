# SPDX-License-Identifier: MIT
"""How a subscription sees the bodies that it asked for: in the version it named, as the model it named.

Up-casters are functions of the program, so this is done here and not in the core; both faces share it.
"""

import json
import re
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Tuple

from ._options import Pattern
from .errors import ValidationError
from .message import Message
from .schema import is_model

#: makes the body of the next version out of one of this version
Upcaster = Callable[[Any], Any]
#: prepares a record before its handler sees it; raises Unreadable
Reader = Callable[[Message], None]

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_PROBLEMS_SHOWN = 3


class Unreadable(Exception):
    """The body cannot be had in the form that was asked for, and never will be: a dead letter at once."""

    def __init__(self, message: str, class_name: str = "ValidationError") -> None:
        super().__init__(message)
        self.class_name = class_name


def check_version(version: Any, name: str) -> str:
    """A semantic version such as 1.2.0."""
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ValidationError(f"{name} is {version!r}, expected a version such as '1.2.0'", path=f"/{name}")
    return version


class Casts:
    """The up-casters of one system, and the models of its types."""

    def __init__(self) -> None:
        self._steps: Dict[str, Dict[str, Dict[str, Upcaster]]] = {}
        self._models: Dict[type, str] = {}

    def add(self, type: str, from_: str, to: str, function: Upcaster) -> None:
        """One step. A second function for the same step is a mistake."""
        if not callable(function):
            raise ValidationError(f"the up-caster is {function.__class__.__name__}, expected a function")
        steps = self._steps.setdefault(type.lower(), {}).setdefault(check_version(from_, "from_"), {})
        if check_version(to, "to") in steps or to == from_:
            raise ValidationError(f"{type}: there is an up-caster from {from_} to {to} already", path="/to")
        steps[to] = function

    def name(self, model: type, type: str) -> None:
        """Says which type a model is the body of."""
        self._models[model] = type

    def type_of(self, model: type) -> str:
        """The type that a model was registered for, or names in `event_type`."""
        named = self._models.get(model) or getattr(model, "event_type", None)
        if isinstance(named, str):
            return named
        raise ValidationError(
            f"{model.__name__} has no event type: register it (system.validator.register('order.placed', "
            f"{model.__name__})), or give it event_type: ClassVar[str]",
            path="/pattern",
        )

    def lead(self, to: str) -> bool:
        """Is there one that makes bodies of this version, of any type?"""
        return any(to in steps for versions in self._steps.values() for steps in versions.values())

    def path(self, type: str, from_: str, to: str) -> Optional[List[Upcaster]]:
        """The shortest way from a version to another one."""
        steps = self._steps.get(type.lower(), {})
        ways: Deque[Tuple[str, List[Upcaster]]] = deque([(from_, [])])
        visited = {from_}
        while ways:
            at, way = ways.popleft()
            if at == to:
                return way
            for following, function in steps.get(at, {}).items():
                if following not in visited:
                    visited.add(following)
                    ways.append((following, [*way, function]))
        return None


def taken_apart(
    casts: Casts, pattern: Pattern, options: Mapping[str, Any]
) -> Tuple[Pattern, Mapping[str, Any], Optional[Reader]]:
    """Pattern, options of the core, and the reader of a subscription to a pattern or a model."""
    model, version = options.get("model"), options.get("version")
    if isinstance(pattern, type):
        if not is_model(pattern):
            raise ValidationError(f"{pattern.__name__} is no Pydantic model; subscribe to a type or a pattern")
        pattern, model = casts.type_of(pattern), pattern
    if model is None and version is None:
        return pattern, options, None
    if model is not None and not is_model(model):
        raise ValidationError(f"model is {model!r}, expected a Pydantic model", path="/model")
    rest = {name: value for name, value in options.items() if name != "model"}
    if version is None or not casts.lead(check_version(version, "version")):
        version = None  # the core takes care of it
    else:
        del rest["version"]
    return pattern, rest, None if model is None and version is None else _reader(casts, model, version)


def _reader(casts: Casts, model: Any, version: Optional[str]) -> Reader:
    def read(record: Message) -> None:
        if record._json_text() is None:
            raise Unreadable(f"{record.type}: the body is no JSON")
        body, seen_as = record.raw, record.version
        cast = _in_version(casts, record, version) if version else None
        if cast is not None:
            body, seen_as = json.dumps(cast[0]).encode(), cast[1]
        record._seen = cast if model is None else (_as_model(model, body), seen_as)

    return read


def _in_version(casts: Casts, record: Message, version: str) -> Optional[Tuple[Any, str]]:
    """The body in that version, and its number; None: as it was published."""
    published, type = record.version, record.type
    way = casts.path(type, published, version)
    if way is None:
        if published.split(".")[0] == version.split(".")[0]:
            return None  # the same major version: who reads one reads the other
        raise Unreadable(f"{type}: there is no up-caster from version {published} to {version}", "NotFound")
    if not way:
        return None
    body = json.loads(record.raw)
    for function in way:
        try:
            body = function(body)
        except Exception as problem:
            name = getattr(function, "__name__", "the up-caster")
            message = f"{type}: {name} failed on version {published}: {problem}"
            raise Unreadable(message, problem.__class__.__name__) from problem
    return body, version


def _as_model(model: Any, text: bytes) -> Any:
    try:
        return model.model_validate_json(text)
    except ValueError as problem:  # pydantic.ValidationError is one
        raise Unreadable(f"the body is no {model.__name__}: {_what(problem)}") from problem


def _what(problem: ValueError) -> str:
    """Paths and reasons, without the values."""
    errors = getattr(problem, "errors", None)
    if not callable(errors):
        return str(problem)
    found = errors(include_url=False, include_context=False, include_input=False)
    told = ["/" + "/".join(str(part) for part in entry["loc"]) + ": " + entry["msg"] for entry in found]
    more = f" and {len(told) - _PROBLEMS_SHOWN} more" if len(told) > _PROBLEMS_SHOWN else ""
    return "; ".join(told[:_PROBLEMS_SHOWN]) + more
