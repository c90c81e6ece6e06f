# SPDX-License-Identifier: MIT
"""The demo's one place for names, intervals and limits, and the configuration of its event systems.

Every program in Python reads it, except the checker, which is to know nothing of the library: the orchestrator
writes what the checker and the forwarder, a program in Node, need into the run's folder.
"""

AGGREGATOR = "aggregator"
FORWARDER = "forwarder"

AGGREGATED_PATTERNS = ("process.*", "sample.*")
FORWARDED_TYPES = ("process.ended", "sample.cpu")
TOPICS = ("process-events", "sample-events")

SCAN_SECONDS = 0.05  # how often /proc is compared for processes
SAMPLE_SECONDS = 0.5
CMDLINE_LIMIT = 200

WEBHOOK_REFUSES_SECONDS = 8.0
WEBHOOK_503_SECONDS = 2.0

# What an unattended run has to show, and how long it publishes for it.
MIN_EVENTS = 500
MIN_PIDS = 50
MIN_DEAD_LETTERS = 10
PUBLISH_SECONDS = 24.0
PUBLISH_DEADLINE_SECONDS = 60.0


def system_config(service, store):
    """Configuration of one program's event system: its service name is also its consumer group."""
    if store.startswith("redis://"):
        transport = {"type": "redis-streams", "url": store}
    else:
        transport = {"type": "file", "path": store}
    return {"service": service, "transports": {"main": transport}}
