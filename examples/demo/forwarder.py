#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Forwards selected events to the webhook, by one HTTP request each.

A refused connection or an answer other than 2xx is a failed attempt: the library retries it, and after the
last attempt the event is a dead letter. Each attempt is in handled-forwarder.jsonl.
"""

import asyncio
import http.client
import json
import os
import time
from urllib.parse import urlsplit

import ledger
import libevents
import program
import settings


class WebhookError(Exception):
    """The webhook answered, but not with success."""


class Forwarder:
    def __init__(self, folder, url):
        self._records = ledger.Ledger(os.path.join(folder, "handled-%s.jsonl" % settings.FORWARDER))
        self._address = urlsplit(url).netloc

    async def handle(self, message, metadata):
        started = round(time.monotonic(), 6)
        about = {"id": message.id, "type": message.type, "attempt": metadata.attempt, "started": started}
        content = json.dumps({"id": message.id, "type": message.type, "body": message.body}).encode()
        try:
            status = await asyncio.to_thread(self._post, message.id, content)
        except (OSError, http.client.HTTPException) as error:
            self._records.write(**about, error=type(error).__name__, outcome="failed")
            raise
        if not 200 <= status <= 299:
            self._records.write(**about, status=status, outcome="failed")
            raise WebhookError("webhook down: %d" % status)
        self._records.write(**about, status=status, outcome="ok")

    def _post(self, id, content):
        connection = http.client.HTTPConnection(self._address, timeout=settings.FORWARD_TIMEOUT_SECONDS)
        try:
            headers = {"Content-Type": "application/json", "X-Event-Id": id}
            connection.request("POST", "/", content, headers)
            return connection.getresponse().status
        finally:
            connection.close()


async def main():
    arguments = program.parse_arguments(
        "Forwards selected events to a webhook.", ("--webhook", {"required": True, "help": "its URL"})
    )
    stop = program.stop_event()
    forwarder = Forwarder(arguments.dir, arguments.webhook)
    async with libevents.EventSystem(settings.system_config(settings.FORWARDER, arguments.redis)) as system:
        for type in settings.FORWARDED_TYPES:
            system.on(
                type,
                concurrency=settings.FORWARD_CONCURRENCY,
                max_retries=settings.FORWARD_MAX_RETRIES,
                retry={"backoffStrategy": "exponential", "baseDelay": settings.FORWARD_BASE_DELAY_MS},
            )(forwarder.handle)
        await system.ready()
        ledger.write_state(arguments.dir, "forwarder", ready=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
