# SPDX-License-Identifier: MIT
"""Loads the extension module, refuses one that does not fit, and turns its errors into exceptions.

Thin on purpose: what a call means is said in libevents.h, and what it is for in _engine.py.
"""

from importlib import import_module
from typing import Any, Tuple

from . import errors

try:
    _libevents: Any = import_module("libevents._libevents")
except ImportError as problem:
    raise ImportError(
        f"libevents: the extension module could not be loaded ({problem}). Build it with `pip install .` or "
        "`scripts/build` in a checkout, and start Python as they say; it needs the package cffi."
    ) from problem

ffi: Any = _libevents.ffi
lib: Any = _libevents.lib

_STRUCTS = ("evs_bytes", "evs_event", "evs_report", "evs_message", "evs_failure")
_VERSION_PARTS = 3


def text_of(pointer: Any) -> str:
    """A lent, NUL-terminated text."""
    text: bytes = ffi.string(pointer) if pointer else b""
    return text.decode("utf-8", "replace")


def take_text(holder: Any) -> str:
    """A text that a function gave through `char **`; frees it."""
    try:
        return text_of(holder[0])
    finally:
        lib.evs_string_free(holder[0])


def _version_numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".")[:_VERSION_PARTS])


def _check_library() -> None:
    # cffi compares the declared layout with the compiler's when a type is first used: do that now.
    for name in _STRUCTS:
        ffi.sizeof(name)
    built, loaded = text_of(lib.EVS_VERSION), text_of(lib.evs_version())
    if _version_numbers(loaded) < _version_numbers(built):
        raise ImportError(
            f"libevents: this package was built for libevents {built}, but libevents.so.1 of version {loaded} "
            "was loaded; install the newer library, or look at LD_LIBRARY_PATH"
        )
    errors.install_statuses(text_of(lib.evs_status_list()))


def raise_error(status: int, holder: Any) -> None:
    """Raises what `evs_error **` holds; frees it."""
    error = holder[0]
    try:
        message = text_of(lib.evs_error_message(error)) if error else ""
        detail = text_of(lib.evs_error_json(error)) if error else ""
    finally:
        lib.evs_error_free(error)
    raise errors.make_error(status, message or text_of(lib.evs_status_name(status)), detail)


def new_error() -> Any:
    return ffi.new("evs_error **")


def lend(text: bytes) -> Any:
    """`evs_bytes` over a Python object; keep the object until the call has returned."""
    lent = ffi.new("evs_bytes *")
    lent.data = ffi.from_buffer(text)
    lent.size = len(text)
    return lent[0]


_check_library()
