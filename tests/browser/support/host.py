#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A host program of the browser tests: an event system with handlers and a dashboard of its own.

Its argument is JSON: {config, subscriptions: [{pattern, group?, name?}], dashboard: {…} or null}. It writes a
line of JSON when it is ready, and one for each line it reads: {"do": "publish", "type", "body", "headers"?,
"count"?}, {"do": "reload", "config"}, {"do": "fail", "on": true}. A handler fails while it is told to: with body.class and body.error,
where the body has them, else with RuntimeError("told to fail").
"""

import asyncio
import json
import sys

import libevents


class Host:
    def __init__(self, options):
        self.options = options
        self.failing = False
        self.handled = 0

    async def handle(self, message, metadata):
        if not self.failing:
            self.handled += 1
            return
        body = message.body if isinstance(message.body, dict) else {}
        failure = type(body.get("class", "RuntimeError"), (Exception,), {"__module__": "builtins"})
        raise failure(body.get("error", "told to fail"))

    def subscribe(self, system):
        for subscription in self.options.get("subscriptions", []):
            system.on(subscription.pop("pattern"), max_retries=subscription.pop("maxRetries", 0),
                      retry={"baseDelay": 1}, **subscription)(self.handle)

    async def obey(self, system, order):
        if order["do"] == "fail":
            self.failing = order["on"]
            return {"failing": self.failing}
        if order["do"] == "count":
            return {"handled": self.handled}
        if order["do"] == "reload":
            return {"changed": await system.reload(order["config"])}
        body = order.get("body")
        ids = []
        for n in range(order.get("count", 1)):
            receipt = await system.publish(order["type"], body, headers=order.get("headers", {}))
            ids.append(receipt.id)
        return {"published": ids}


def say(**answer):
    print(json.dumps(answer), flush=True)


async def main():
    options = json.loads(sys.argv[1])
    host = Host(options)
    async with libevents.EventSystem(options["config"]) as system:
        host.subscribe(system)
        await system.ready()
        dashboard = await system.start_dashboard(options["dashboard"]) if options.get("dashboard") is not None else None
        say(ready=True, url=dashboard.url if dashboard else None)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            say(**await host.obey(system, json.loads(line)))


if __name__ == "__main__":
    asyncio.run(main())
