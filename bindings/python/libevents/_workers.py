# SPDX-License-Identifier: MIT
"""Threads that run handlers for the synchronous face. Made when needed, ended when the system closes.

Daemon threads: a handler that hangs must not keep the process from ending. What it held goes back.
"""

import asyncio
import contextvars
import inspect
import queue
import threading
from typing import Any, Awaitable, Callable, List, Optional

Job = Callable[["Worker"], None]

_MAX_THREADS = 256


class Worker(threading.Thread):
    """Runs jobs, one after the other."""

    def __init__(self, pool: "Workers") -> None:
        super().__init__(name="libevents-handler", daemon=True)
        self._pool = pool
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def run(self) -> None:
        try:
            while True:
                job = self._pool.next_job()
                if job is None:
                    return
                job(self)
                self._pool.job_done()
        finally:
            if self._loop is not None:
                self._loop.close()

    def call(self, context: contextvars.Context, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a handler in its context, and waits for it where it is a coroutine."""
        result = context.run(function, *arguments)
        if not inspect.isawaitable(result):
            return result
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return context.run(_run_until_complete, self._loop, result)


def _run_until_complete(loop: asyncio.AbstractEventLoop, result: Awaitable[Any]) -> Any:
    return loop.run_until_complete(_finish(result))


async def _finish(result: Awaitable[Any]) -> Any:
    return await result


class Workers:
    """As many threads as there are jobs at a time, up to a bound."""

    def __init__(self) -> None:
        self._jobs: "queue.SimpleQueue[Optional[Job]]" = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: List[Worker] = []
        self._idle = 0
        self._backlog = 0
        self._is_stopped = False

    def is_current_thread(self) -> bool:
        return threading.current_thread() in self._threads

    def submit(self, job: Job) -> None:
        """Every job has its thread from here on: an idle one, a new one, or past the bound the next free."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < _MAX_THREADS and not self._is_stopped:
                worker = Worker(self)
                self._threads.append(worker)
                worker.start()
            else:
                self._backlog += 1
        self._jobs.put(job)

    def busy(self) -> int:
        """How many jobs have not ended."""
        with self._lock:
            return len(self._threads) - self._idle + self._backlog

    def next_job(self) -> Optional[Job]:
        return self._jobs.get()

    def job_done(self) -> None:
        with self._lock:
            if self._backlog:
                self._backlog -= 1
            else:
                self._idle += 1

    def stop(self, seconds: float) -> int:
        """Ends the threads; gives the number of those whose handler goes on after `seconds`."""
        with self._lock:
            self._is_stopped = True
            threads = list(self._threads)
        for _ in threads:
            self._jobs.put(None)
        running = 0
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(seconds)
                running += thread.is_alive()
        return running
