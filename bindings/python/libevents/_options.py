# SPDX-License-Identifier: MIT
"""Spelling of options: snake_case in Python, camelCase in the documents that the core reads."""

from typing import Any, Dict, Mapping, Optional

from .errors import ValidationError


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


def subscription_options(pattern: str, options: Mapping[str, Any], has_poison_handler: bool) -> Dict[str, Any]:
    """The JSON document of evs_subscribe."""
    if not isinstance(pattern, str):
        raise ValidationError(f"pattern is {type(pattern).__name__}, expected str such as 'order.*'")
    document = camel_keys(options)
    if "pattern" in document:
        raise ValidationError("the pattern is given twice", path="/pattern")
    if isinstance(document.get("retry"), Mapping):
        document["retry"] = camel_keys(document["retry"])
    for name in ("topics", "origins"):
        if isinstance(document.get(name), (tuple, set, frozenset)):
            document[name] = list(document[name])
    if has_poison_handler:
        document.setdefault("poisonHandler", True)
    return {"pattern": pattern, **document}


def max_retries(normalized: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    """Retries of a subscription: its own option, else the consumer's, else its transport's."""
    transports: Mapping[str, Any] = normalized.get("transports") or {}
    transport = transports.get(str(options.get("transport") or next(iter(transports), ""))) or {}
    for level in (options, normalized.get("consumer") or {}, transport):
        for value in (level.get("maxRetries"), (level.get("retry") or {}).get("maxRetries")):
            if isinstance(value, int):
                return value
    return 3
