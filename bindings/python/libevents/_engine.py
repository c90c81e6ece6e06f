# SPDX-License-Identifier: MIT
"""One opened system of the C library, as both faces use it: a guarded handle and calls in batches.

Knows nothing of event loops, threads or handlers. Every call counts as a user of the handle, so that the
handle is freed only after the last one returned, whichever thread that is.
"""

import atexit
import json
import os
import threading
import time
import weakref
from array import array
from itertools import accumulate
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import errors
from ._border import split
from ._encode import Outgoing
from ._native import ffi, lib, new_error, raise_error, take_text
from ._pure import JsonSource, json_text
from .dashboard import Server
from .message import MESSAGE_SIZE, REPORT, Message, Report, split_reports

MAX_TOKEN = (1 << 53) - 1
_EXIT_SECONDS = 2.0
_SERVER_STOP_SECONDS = 15.0
_WAIT_SLICE_MS = 100
_POLL_BOTH: int = lib.EVS_POLL_MESSAGES | lib.EVS_POLL_REPORTS


class Failure(NamedTuple):
    """A delivery that was not handled; see evs_failure."""

    delivery: int
    kind: int
    delay_ms: int = 0
    error_class: str = ""
    message: str = ""
    stack: str = ""


class Offer(NamedTuple):
    """What became of events that were offered to the publisher."""

    accepted: int
    error: Optional[errors.Error]  #: why the rest was not taken


class Engine:
    """The handle of one system."""

    def __init__(self, config: JsonSource) -> None:
        source = json_text(config, "the configuration")
        holder, problem = ffi.new("evs_system **"), new_error()
        _free_orphans()
        status = lib.evs_system_open(source, len(source), holder, problem)
        self._lock = threading.Lock()
        self._users = 0
        self._handle: Any = holder[0] if status == lib.EVS_OK else None
        self._is_releasing = False
        self._freed = threading.Event()
        self._pid = os.getpid()
        self.is_closing = False
        self._servers: List[Server] = []
        #: gives what hands back the messages that nobody will settle any more
        self.held_at_exit: "Optional[weakref.WeakMethod[Callable[[], List[Failure]]]]" = None
        if status != lib.EVS_OK:
            raise_error(status, problem)
        _engines.add(self)

    # ---- the handle ---------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._handle is not None

    @property
    def is_forked(self) -> bool:
        return self._pid != os.getpid()

    def _enter(self) -> Any:
        with self._lock:
            if self._pid != os.getpid():
                raise errors.Forked("this process inherited the system by fork; open a new one after the fork")
            if self._handle is None or self._is_releasing:
                raise errors.Closed("the system is closed; open a new one")
            self._users += 1
            return self._handle

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            handle = self._take_handle_if_unused()
        self._free(handle)

    def _free(self, handle: Any) -> None:
        if handle is not None:
            lib.evs_system_release(handle)
            self._freed.set()

    def _take_handle_if_unused(self) -> Any:
        if not self._is_releasing or self._users:
            return None
        handle, self._handle = self._handle, None
        return handle

    def release(self) -> None:
        """Frees the system, now or when the last call on it returned. May be called twice."""
        with self._lock:
            self._is_releasing = True
            self.is_closing = True
            handle = self._take_handle_if_unused()
        self._free(handle)

    def abandon(self) -> None:
        """For finalizers: begins to close and leaves the freeing to somebody who may wait."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        self.is_closing = True
        if not self.is_forked:
            lib.evs_system_close(handle, 0, ffi.NULL)
        _orphans.append((self._pid, handle, self._servers))

    def after_fork(self) -> None:
        """In the child: a lock that another thread held will never be given back."""
        self._lock = threading.Lock()
        self._users = 0
        self._servers.clear()
        self.is_closing = True

    # ---- life ---------------------------------------------------------------------------------------

    def wake_fd(self) -> int:
        handle = self._enter()
        try:
            return int(lib.evs_system_wake_fd(handle))
        finally:
            self._leave()

    def wake_clear(self) -> None:
        handle = self._enter()
        try:
            lib.evs_wake_clear(handle)
        finally:
            self._leave()

    def begin_close(self, deadline_ms: int) -> None:
        handle = self._enter()
        problem = new_error()
        try:
            self.is_closing = True
            status = lib.evs_system_close(handle, deadline_ms, problem)
        finally:
            self._leave()
        if status != lib.EVS_OK:
            raise_error(status, problem)

    def close_now(self, seconds: float) -> None:
        """Closes and frees, waiting at most about `seconds`; for the end of the process."""
        end = time.monotonic() + seconds
        held = self.held_at_exit() if self.held_at_exit is not None else None
        try:
            self.stop_dashboards(seconds)
            self.fail(held() if held is not None else [])
            self.begin_close(int(seconds * 1000 / 2))
            while time.monotonic() < end:
                messages, reports = self.poll(256, _WAIT_SLICE_MS)
                self.fail([Failure(message._delivery, lib.EVS_FAIL_RELEASE) for message in messages])
                if any(report.kind == lib.EVS_REPORT_CLOSED for report in reports):
                    break
        except errors.Error:
            pass
        self.release()
        # Another thread may still be in its last call; the interpreter must not end under it.
        self._freed.wait(max(0.0, end - time.monotonic()))

    # ---- dashboards ---------------------------------------------------------------------------------

    def start_dashboard(self, options: Mapping[str, Any]) -> Server:
        """A dashboard uses the handle until it is stopped, whoever releases the system meanwhile."""
        handle = self._enter()
        try:
            server = Server(handle, options)
        except BaseException:
            self._leave()
            raise
        self._servers.append(server)
        return server

    def stop_dashboard(self, server: Server, seconds: float) -> bool:
        if not server.stop(seconds):
            return False
        with self._lock:
            is_first = server in self._servers
            if is_first:
                self._servers.remove(server)
        if is_first:
            self._leave()
        return True

    def stop_dashboards(self, seconds: float) -> None:
        """Before the system closes. One that still answers then keeps the handle until it has ended."""
        end = time.monotonic() + seconds
        for server in list(self._servers):
            self.stop_dashboard(server, max(0.0, end - time.monotonic()))

    # ---- batches ------------------------------------------------------------------------------------

    def publish(self, events: Sequence[Outgoing], first_token: int) -> Offer:
        """Offers events, with tokens counting up from `first_token`."""
        text = b"".join(events)
        accepted, problem = ffi.new("size_t *"), new_error()
        handle = self._enter()
        try:
            status = lib.evspy_publish(
                handle,
                len(events),
                first_token,
                ffi.from_buffer(text),
                len(text),
                accepted,
                problem,
            )
        finally:
            self._leave()
        if status == lib.EVS_OK:
            return Offer(accepted[0], None)
        try:
            raise_error(status, problem)
        except errors.Error as error:
            return Offer(accepted[0], error)
        raise AssertionError("raise_error always raises")

    def poll(self, limit: int, timeout_ms: int) -> Tuple[List[Message], List[Report]]:
        """Takes what waits: at most `limit` messages and as many reports; raises Closed after the last."""
        batch, problem = ffi.new("evs_batch **"), new_error()
        handle = self._enter()
        try:
            status = lib.evs_poll(handle, _POLL_BOTH, limit, timeout_ms, batch, problem)
            if status == lib.EVS_AGAIN:
                lib.evs_error_free(problem[0])
                return [], []
            if status != lib.EVS_OK:
                raise_error(status, problem)
            return _copy_batch(batch[0])
        finally:
            self._leave()

    def ack(self, deliveries: Sequence[int]) -> int:
        """Acknowledges; gives the number of stale ids."""
        if not deliveries:
            return 0
        stale, problem = ffi.new("size_t *"), new_error()
        ids = ffi.from_buffer("uint64_t[]", array("Q", deliveries))
        handle = self._enter()
        try:
            status = lib.evs_ack(handle, ids, len(deliveries), stale, problem)
        finally:
            self._leave()
        if status != lib.EVS_OK:
            raise_error(status, problem)
        return int(stale[0])

    def fail(self, failures: Sequence[Failure]) -> int:
        """Settles deliveries that were not handled; gives the number of stale ids."""
        if not failures:
            return 0
        numbers = array("Q")
        texts: List[bytes] = []
        for failure in failures:
            numbers.extend((failure.delivery, failure.kind, failure.delay_ms))
            for text in (failure.error_class, failure.message, failure.stack):
                texts.append(text.encode("utf-8", "replace"))
        stale, problem = ffi.new("size_t *"), new_error()
        handle = self._enter()
        try:
            status = lib.evspy_fail(
                handle,
                len(failures),
                ffi.from_buffer("uint64_t[]", numbers),
                ffi.from_buffer("uint64_t[]", _ends(texts)),
                ffi.from_buffer(b"".join(texts)),
                stale,
                problem,
            )
        finally:
            self._leave()
        if status != lib.EVS_OK:
            raise_error(status, problem)
        return int(stale[0])

    # ---- rare calls ---------------------------------------------------------------------------------

    def subscribe(self, options: Dict[str, Any]) -> int:
        source = json_text(options, "the options")
        token, problem = ffi.new("uint64_t *"), new_error()
        handle = self._enter()
        try:
            status = lib.evs_subscribe(handle, source, len(source), token, problem)
        finally:
            self._leave()
        if status != lib.EVS_OK:
            raise_error(status, problem)
        return int(token[0])

    def unsubscribe(self, token: int) -> None:
        problem = new_error()
        handle = self._enter()
        try:
            status = lib.evs_unsubscribe(handle, token, problem)
        finally:
            self._leave()
        if status != lib.EVS_OK:
            raise_error(status, problem)

    def request(self, method: str, params: Dict[str, Any], timeout_ms: int, token: int) -> None:
        source = json_text(params, "the parameters")
        problem = new_error()
        handle = self._enter()
        try:
            status = lib.evs_request(handle, method.encode(), source, len(source), timeout_ms, token, problem)
        finally:
            self._leave()
        if status != lib.EVS_OK:
            raise_error(status, problem)

    def call(self, method: str, params: Dict[str, Any]) -> Any:
        """A request that is answered at once, as those about a clock that is held are."""
        source = json_text(params, "the parameters")
        return json.loads(self._take(lib.evs_call, method.encode(), source, len(source), 0))

    def explain(self, query: Dict[str, Any]) -> Dict[str, Any]:
        source = json_text(query, "the question")
        answer: Dict[str, Any] = json.loads(self._take(lib.evs_explain, source, len(source)))
        return answer

    def stats(self) -> Dict[str, Any]:
        snapshot: Dict[str, Any] = json.loads(self._take(lib.evs_system_stats))
        return snapshot

    def status(self) -> Dict[str, Any]:
        status: Dict[str, Any] = json.loads(self._take(lib.evs_system_status))
        return status

    def metrics(self) -> str:
        return self._take(lib.evs_system_metrics)

    def _take(self, function: Any, *arguments: Any) -> str:
        text, problem = ffi.new("char **"), new_error()
        handle = self._enter()
        try:
            status = function(handle, *arguments, text, problem)
        finally:
            self._leave()
        if status != lib.EVS_OK:
            raise_error(status, problem)
        return take_text(text)


def _ends(texts: Iterable[bytes]) -> "array[int]":
    return array("Q", accumulate(map(len, texts)))


def _copy_batch(batch: Any) -> Tuple[List[Message], List[Report]]:
    """Copies a batch and releases it, so that nothing in Python refers to lent bytes."""
    try:
        sizes = ffi.new("size_t[3]")
        lib.evspy_batch_sizes(batch, sizes, sizes + 1, sizes + 2)
        messages_size = sizes[0] * MESSAGE_SIZE
        columns, texts = bytearray(messages_size + sizes[1] * REPORT.size), bytearray(sizes[2])
        rows = lib.evspy_batch_copy(batch, ffi.from_buffer("int64_t[]", columns), ffi.from_buffer(texts))
    finally:
        lib.evs_batch_release(batch)
    messages = split(columns, texts, sizes[0], Message)
    return messages, split_reports(columns[messages_size : messages_size + rows * REPORT.size], texts)


# ---- the process: its end, and its children -------------------------------------------------------------

_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_orphans: List[Tuple[int, Any, List[Server]]] = []


def _free_orphans() -> None:
    """Frees what finalizers left behind; they may not wait, a caller who opens or exits may."""
    while _orphans:
        try:
            pid, handle, servers = _orphans.pop()
        except IndexError:
            return
        if pid == os.getpid() and all(server.stop(_SERVER_STOP_SECONDS) for server in servers):
            lib.evs_system_release(handle)


def close_all_at_exit() -> None:
    """Before the interpreter ends, closes what is still open, all within one short deadline."""
    end = time.monotonic() + _EXIT_SECONDS
    for engine in list(_engines):
        if engine.is_open and not engine.is_forked:
            engine.close_now(max(0.1, end - time.monotonic()))
    _free_orphans()


def _after_fork_in_child() -> None:
    for engine in list(_engines):
        engine.after_fork()


atexit.register(close_all_at_exit)
os.register_at_fork(after_in_child=_after_fork_in_child)
