# SPDX-License-Identifier: MIT
"""The dashboard of a system: a web page and a REST interface within this process (docs/dashboard.md).

The library `libevents-dashboard` is loaded when the first one is started, so that `import libevents` brings no
web server along. It sees this package's system by its address only.
"""

import asyncio
import ctypes
import os
import threading
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from . import _options
from ._native import ffi, lib, new_error, raise_error
from ._pure import json_text
from .errors import Timeout, Unsupported

_LIBRARY = "libevents-dashboard.so.0"
_STOP_SECONDS = 10.0

_lock = threading.Lock()
_loaded: List[ctypes.CDLL] = []


def _library() -> ctypes.CDLL:
    with _lock:
        if not _loaded:
            _loaded.append(_load())
        return _loaded[0]


def _load() -> ctypes.CDLL:
    beside = Path(__file__).parent / _LIBRARY
    try:
        library = ctypes.CDLL(str(beside) if beside.exists() else _LIBRARY)
    except OSError as problem:
        raise Unsupported(
            f"this installation has no dashboard ({problem}); build libevents with civetweb (Debian: "
            "libcivetweb-dev) and -DEVS_DASHBOARD=ON, or install the package that has " + _LIBRARY
        ) from problem
    pointer = ctypes.POINTER(ctypes.c_void_p)
    start, url, stop = library.evs_dashboard_start, library.evs_dashboard_url, library.evs_dashboard_stop
    start.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, pointer, pointer]
    start.restype = ctypes.c_int32
    url.argtypes, url.restype = [ctypes.c_void_p], ctypes.c_char_p
    stop.argtypes, stop.restype = [ctypes.c_void_p, ctypes.c_uint32], ctypes.c_int32
    return library


class Server:
    """One running dashboard; what both faces stand on. Blocks; any thread may call it."""

    def __init__(self, system: Any, options: Mapping[str, Any]) -> None:
        library = _library()
        source = json_text(dict(options), "the options")
        handle, problem = ctypes.c_void_p(), ctypes.c_void_p()
        address = int(ffi.cast("uintptr_t", system))
        status = library.evs_dashboard_start(
            address, source, len(source), ctypes.byref(handle), ctypes.byref(problem)
        )
        if status != lib.EVS_OK:
            holder = new_error()
            holder[0] = ffi.cast("evs_error *", problem.value or 0)
            raise_error(status, holder)
        self._handle: Optional[ctypes.c_void_p] = handle
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self.url: str = library.evs_dashboard_url(handle).decode()

    def stop(self, seconds: float) -> bool:
        """False when requests are still under way then; it goes on stopping. Twice is fine."""
        if self._pid != os.getpid():
            return True  # its threads are the parent's
        with self._lock:
            if self._handle is None:
                return True
            if _library().evs_dashboard_stop(self._handle, max(0, int(seconds * 1000))) != lib.EVS_OK:
                return False
            self._handle = None
            return True


def server_options(options: Optional[Mapping[str, Any]], more: Mapping[str, Any]) -> Dict[str, Any]:
    """Options as a mapping, as keywords (`base_path` for `basePath`), or both."""
    return _options.merged(options, more)


class SyncDashboard:
    """A dashboard that is running; stops with its system, or by `stop`."""

    def __init__(self, engine: Any, server: Server) -> None:
        self._engine = engine
        self._server = server
        #: where the page is
        self.url = server.url

    def stop(self, timeout: float = _STOP_SECONDS) -> None:
        """Stops serving; raises Timeout where requests are still under way (call it again)."""
        if not self._engine.stop_dashboard(self._server, timeout):
            raise Timeout("the dashboard still answers requests; it goes on stopping")

    def __enter__(self) -> "SyncDashboard":
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<libevents.{type(self).__name__} {self.url}>"


class Dashboard:
    """A dashboard that is running; stops with its system, or by `await stop()`."""

    def __init__(self, engine: Any, server: Server) -> None:
        self._sync = SyncDashboard(engine, server)
        #: where the page is
        self.url = server.url

    async def stop(self, timeout: float = _STOP_SECONDS) -> None:
        """Stops serving; raises Timeout where requests are still under way (call it again)."""
        await asyncio.get_running_loop().run_in_executor(None, self._sync.stop, timeout)

    async def __aenter__(self) -> "Dashboard":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    def __repr__(self) -> str:
        return f"<libevents.{type(self).__name__} {self.url}>"
