# SPDX-License-Identifier: MIT
"""Every exception of libevents: one class for each status of the C library.

The classes are written out so that type checkers see them; when the package is imported they are compared
with the list that the library itself gives (`evs_status_list`), so the two cannot drift apart.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterable, Mapping, Optional, Tuple, Type

if TYPE_CHECKING:
    from .message import Receipt


@dataclass(frozen=True)
class Problem:
    """One fault of a configuration."""

    path: str
    message: str
    found: str = ""
    expected: str = ""
    suggestion: str = ""


class Error(Exception):
    """Base of everything that libevents raises.

    Besides `message` (what, where, why, how to fix) it has `code` (such as "EVS_CONFIG"), `path` (a JSON
    pointer to the offence, or ""), `hint` and `problems`.
    """

    code = "EVS_ERROR"
    retriable = False

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        hint: str = "",
        problems: Iterable[Problem] = (),
        receipt: "Optional[Receipt]" = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint
        self.problems: Tuple[Problem, ...] = tuple(problems)
        #: of a failed publish: which event, and whether it was refused or its outcome is unknown
        self.receipt = receipt

    def __str__(self) -> str:
        faults = [f"\n  {problem.path or '/'}: {problem.message}" for problem in self.problems]
        return self.message + "".join(faults)


class ConfigurationError(Error, ValueError):
    """The configuration is wrong; `problems` lists every fault."""

    code = "EVS_CONFIG"


class ValidationError(Error, ValueError):
    """A type, pattern, header, body or option breaks a rule."""

    code = "EVS_VALIDATION"


class RoutingError(Error):
    """No route, topic or transport takes the event."""

    code = "EVS_ROUTING"


class TransportError(Error):
    """The store refused or cannot be reached."""

    code = "EVS_TRANSPORT"
    retriable = True


class Timeout(Error):
    """No answer in time."""

    code = "EVS_TIMEOUT"
    retriable = True


class PublishTimeout(Timeout):
    """No outcome in time: the event may be stored, or may still be."""


class Closed(Error):
    """The system is closing or closed."""

    code = "EVS_CLOSED"


class QueueFull(Error):
    """The bound on events or bytes in flight is reached; later there is room again."""

    code = "EVS_QUEUE_FULL"
    retriable = True


class RateLimited(Error):
    """`publisher.rateLimiting` lets no more events pass now; later it does."""

    code = "EVS_RATE_LIMITED"
    retriable = True


class NotFound(Error):
    """No such subscription, delivery, dead letter, method or transport."""

    code = "EVS_NOT_FOUND"


class Conflict(Error):
    """Somebody else settled or changed it first."""

    code = "EVS_CONFLICT"


class Unsupported(Error):
    """Known, but this transport or version cannot do it."""

    code = "EVS_UNSUPPORTED"


class InternalError(Error):
    """What must not happen: no descriptors or threads are left, or a defect of the library."""

    code = "EVS_INTERNAL"


class Again(Error):
    """Nothing to take yet; never leaves the package."""

    code = "EVS_AGAIN"
    retriable = True


class Forked(Error):
    """This process inherited the system by fork; open a new one."""

    code = "EVS_FORKED"


class OutOfMemory(Error, MemoryError):
    """The C library got no memory."""

    code = "EVS_NOMEM"
    retriable = True


class ArgumentError(Error, ValueError):
    """A NULL or impossible argument."""

    code = "EVS_ARGUMENT"


class Reject(Exception):
    """Raised by a handler: this event can never be handled, so move it to the dead letters at once."""

    def __init__(self, reason: str = "rejected by the handler") -> None:
        super().__init__(reason)
        self.reason = reason


class RetryLater(Exception):
    """Raised by a handler: not a failure, deliver the event again after `delay` seconds."""

    def __init__(self, delay: float) -> None:
        if not 0 <= delay < 1e9:
            raise ValueError(f"RetryLater: delay is {delay!r}, expected seconds from 0 on")
        super().__init__(f"again in {delay} s")
        self.delay = delay


_CLASSES: Dict[str, Type[Error]] = {
    kind.code: kind
    for kind in (
        ConfigurationError,
        ValidationError,
        RoutingError,
        TransportError,
        Timeout,
        Closed,
        QueueFull,
        NotFound,
        Conflict,
        Unsupported,
        InternalError,
        Again,
        Forked,
        OutOfMemory,
        ArgumentError,
        RateLimited,
    )
}
_NAMES: Dict[int, str] = {}


def install_statuses(listed: str) -> None:
    """Takes the library's own list; refuses a library whose statuses are not those of the classes."""
    entries: Dict[str, Mapping[str, Any]] = {entry["name"]: entry for entry in json.loads(listed)}
    wrong = [
        name
        for name, kind in _CLASSES.items()
        if name not in entries or bool(entries[name]["retriable"]) != kind.retriable
    ]
    if wrong:
        raise ImportError(
            f"libevents: the loaded library does not have the statuses {', '.join(wrong)} as this package "
            "knows them; install library and package of the same version"
        )
    _NAMES.update((entry["code"], name) for name, entry in entries.items())


def error_class(status: int, *, publishing: bool = False) -> Type[Error]:
    """The class for a status; `Error` itself for one that a newer library added."""
    name = _NAMES.get(status, "")
    if publishing and name == PublishTimeout.code:
        return PublishTimeout
    return _CLASSES.get(name, Error)


def make_error(
    status: int, message: str, detail: str = "", *, receipt: "Optional[Receipt]" = None, publishing: bool = False
) -> Error:
    """Builds the exception for a status from the library's JSON form of the error."""
    kind = error_class(status, publishing=publishing)
    fields: Mapping[str, Any] = {}
    if detail:
        try:
            parsed = json.loads(detail)
        except ValueError:
            parsed = None
        if isinstance(parsed, dict):
            fields = parsed
    problems = [
        Problem(
            **{
                name: str(value)
                for name, value in entry.items()
                if name in Problem.__annotations__ and value is not None
            }
        )
        for entry in fields.get("problems") or ()
        if "path" in entry and "message" in entry
    ]
    text = message or str(fields.get("message") or _NAMES.get(status, "EVS_UNKNOWN"))
    error = kind(
        text, path=fields.get("path") or "", hint=fields.get("hint") or "", problems=problems, receipt=receipt
    )
    if kind is Error:
        error.code = _NAMES.get(status, "EVS_UNKNOWN")
    return error
