# SPDX-License-Identifier: MIT
"""Spelling of options: snake_case in Python, camelCase in the documents that the core reads."""

import re
from typing import Any, Dict, Mapping, Optional, Union

from .errors import ValidationError

#: A type, a pattern such as `order.*`, a regular expression, or a Pydantic model.
Pattern = Union[str, "re.Pattern[str]", type]


def camel_case(name: str) -> str:
    """`max_retries` → `maxRetries`; `from_` → `from`; camelCase and `x-` names stay as they are."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def camel_keys(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The keys of one mapping, not of what is in it: those may be patterns or the user's own names."""
    return {camel_case(name): value for name, value in options.items()}


def given(**params: Any) -> Dict[str, Any]:
    """The arguments of a request, without those that are not there."""
    return {name: value for name, value in params.items() if value is not None}


def merged(config: Optional[Mapping[str, Any]], options: Mapping[str, Any]) -> Dict[str, Any]:
    """A section given as a mapping, as keywords, or both."""
    return {**camel_keys(config or {}), **camel_keys(options)}


def pattern_text(pattern: Pattern) -> str:
    """As the core reads it. A regular expression is searched for in the type, and does not know upper case."""
    if isinstance(pattern, str):
        return pattern
    if not isinstance(pattern, re.Pattern) or not isinstance(pattern.pattern, str):
        raise ValidationError(
            f"pattern is {type(pattern).__name__}, expected str such as 'order.*', or a regular expression of str",
            path="/pattern",
        )
    if pattern.flags & re.VERBOSE:
        raise ValidationError("the regular expression has the flag re.VERBOSE: write it without", path="/pattern")
    return f"/{pattern.pattern}/"


def _header_filter(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        name: list(wanted) if isinstance(wanted, (tuple, set, frozenset)) else wanted for name, wanted in value.items()
    }


def subscription_options(pattern: Pattern, options: Mapping[str, Any], has_poison_handler: bool) -> Dict[str, Any]:
    """The JSON document of evs_subscribe."""
    text = pattern_text(pattern)
    document = camel_keys(options)
    if "pattern" in document:
        raise ValidationError("the pattern is given twice", path="/pattern")
    if isinstance(document.get("retry"), Mapping):
        document["retry"] = camel_keys(document["retry"])
    for name in ("topics", "origins"):
        if isinstance(document.get(name), (tuple, set, frozenset)):
            document[name] = list(document[name])
    if "filter" in document:
        document["filter"] = _header_filter(document["filter"])
    if has_poison_handler:
        document.setdefault("poisonHandler", True)
    return {"pattern": text, **document}


def concurrency(normalized: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    """Handlers of a subscription at a time."""
    own = options.get("concurrency") or (normalized.get("consumer") or {}).get("concurrency")
    return own if isinstance(own, int) else 1


def max_retries(normalized: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    """Retries of a subscription: its own option, else the consumer's, else its transport's."""
    transports: Mapping[str, Any] = normalized.get("transports") or {}
    transport = transports.get(str(options.get("transport") or next(iter(transports), ""))) or {}
    for level in (options, normalized.get("consumer") or {}, transport):
        for value in (level.get("maxRetries"), (level.get("retry") or {}).get("maxRetries")):
            if isinstance(value, int):
                return value
    return 3
