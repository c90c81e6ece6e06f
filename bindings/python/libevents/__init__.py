# SPDX-License-Identifier: MIT
"""libevents: publish, route, consume, retry, dead-letter and requeue events.

`EventSystem` is for asyncio, `SyncEventSystem` for everything else; see the README of the binding.
"""

import logging

from ._observed import Health
from ._pure import (
    body_hash,
    check_config,
    full_type,
    key_slot,
    matches_pattern,
    normalize_pattern,
    origin_delivered,
    partition_for_key,
    retry_delay,
    validate_event_type,
    version,
)
from ._own import StoredMessage
from .aio import EventSystem
from .builder import EventSystemBuilder
from .dashboard import Dashboard, SyncDashboard
from .errors import (
    ArgumentError,
    Closed,
    ConfigurationError,
    Conflict,
    Error,
    Forked,
    InternalError,
    NotFound,
    OutOfMemory,
    Problem,
    PublishTimeout,
    QueueFull,
    RateLimited,
    Reject,
    RetryLater,
    RoutingError,
    Timeout,
    TransportError,
    Unsupported,
    ValidationError,
)
from .message import Message, Metadata, Receipt
from .schema import Schema, SchemaProblem
from .stream import MessageStream, Subscription
from .sync import SyncEventSystem, SyncMessageStream, SyncSubscription
from .transports import SyncTransport, Transport

__all__ = [
    "ArgumentError",
    "Closed",
    "ConfigurationError",
    "Conflict",
    "Dashboard",
    "Error",
    "EventSystem",
    "EventSystemBuilder",
    "Forked",
    "Health",
    "InternalError",
    "Message",
    "MessageStream",
    "Metadata",
    "NotFound",
    "OutOfMemory",
    "Problem",
    "PublishTimeout",
    "QueueFull",
    "RateLimited",
    "Receipt",
    "Reject",
    "RetryLater",
    "RoutingError",
    "Schema",
    "SchemaProblem",
    "StoredMessage",
    "Subscription",
    "SyncDashboard",
    "SyncEventSystem",
    "SyncMessageStream",
    "SyncSubscription",
    "SyncTransport",
    "Timeout",
    "Transport",
    "TransportError",
    "Unsupported",
    "ValidationError",
    "body_hash",
    "check_config",
    "full_type",
    "key_slot",
    "matches_pattern",
    "normalize_pattern",
    "origin_delivered",
    "partition_for_key",
    "retry_delay",
    "validate_event_type",
    "version",
]

__version__ = version()

logging.getLogger("libevents").addHandler(logging.NullHandler())
