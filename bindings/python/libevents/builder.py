# SPDX-License-Identifier: MIT
"""`EventSystemBuilder`: the configuration document by method calls, with the published method names.

It only assembles; the core checks everything at once when the system is built.
"""

import copy
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Union

from ._options import camel_keys, merged
from ._own import is_own, take_own
from ._pure import check_config
from .aio import EventSystem
from .errors import ConfigurationError
from .message import Message, Metadata
from .sync import SyncEventSystem

Options = Optional[Mapping[str, Any]]


class EventSystemBuilder:
    """Every method gives the builder back; `build()` or `build_sync()` make a system of it.

    Options are given as a mapping, as keywords, or both; keywords are in snake_case.
    """

    def __init__(self) -> None:
        self._config: Dict[str, Any] = {"transports": {}}
        self._poison_handler: Optional[Callable[[Message, BaseException, Metadata], Any]] = None

    def service(self, name: str) -> "EventSystemBuilder":
        """The service's name: `origin` of what it publishes, and its consumer group by default."""
        self._config["service"] = name
        return self

    def with_service(self, name: str) -> "EventSystemBuilder":
        """The same as `service`."""
        return self.service(name)

    def origin_prefix(self, prefix: str) -> "EventSystemBuilder":
        """Region or organisation, such as "eu.de"."""
        self._config["originPrefix"] = prefix
        return self

    def origins(self, origins: Iterable[str]) -> "EventSystemBuilder":
        """The origin prefixes that subscriptions receive; "" are events without one."""
        self._config["origins"] = [origins] if isinstance(origins, str) else list(origins)
        return self

    def add_transport_from_factory(
        self, name: str, type: str, config: Options = None, **options: Any
    ) -> "EventSystemBuilder":
        """Adds a transport of a type ("memory", "file", "redis-streams") under a name."""
        return self._add(name, {"type": type, **merged(config, options)})

    def add_transport(
        self, name: str, transport: Any, config: Options = None, **options: Any
    ) -> "EventSystemBuilder":
        """Adds a transport that the program wrote (docs/plugins.md): an object with `publish` or `subscribe`."""
        if not is_own(transport):
            raise ConfigurationError(
                f"a transport is {type(transport).__name__}, expected an object with publish() or subscribe()",
                path="/transports",
            )
        return self._add(name, {**merged(config, options), "transport": transport})

    def with_redis_transport(
        self, url: Optional[str] = None, config: Options = None, *, name: str = "redis", **options: Any
    ) -> "EventSystemBuilder":
        """Adds a Redis Streams transport."""
        if url is not None:
            options["url"] = url
        return self.add_transport_from_factory(name, "redis-streams", config, **options)

    def with_file_transport(
        self, path: Optional[str] = None, config: Options = None, *, name: str = "file", **options: Any
    ) -> "EventSystemBuilder":
        """Adds a transport that keeps events in a file of this host."""
        if path is not None:
            options["path"] = path
        return self.add_transport_from_factory(name, "file", config, **options)

    def with_memory_transport(
        self, config: Options = None, *, name: str = "memory", **options: Any
    ) -> "EventSystemBuilder":
        """Adds a transport within the process."""
        return self.add_transport_from_factory(name, "memory", config, **options)

    def routing(self, config: Options = None, **options: Any) -> "EventSystemBuilder":
        """Routes, topic words and what happens to events without a route."""
        routing = merged(config, options)
        if isinstance(routing.get("routes"), (list, tuple)):
            routing["routes"] = [
                camel_keys(route) if isinstance(route, Mapping) else route for route in routing["routes"]
            ]
        self._config["routing"] = routing
        return self

    def enable_publisher_batching(self, config: Options = None, **options: Any) -> "EventSystemBuilder":
        """Collects events before they are sent."""
        return self._section("publisher", "batching", {"enabled": True, **merged(config, options)})

    def enable_publisher_retry(self, config: Options = None, **options: Any) -> "EventSystemBuilder":
        """Tries again what could not be stored."""
        return self._section("publisher", "retry", merged(config, options))

    def enable_publisher_rate_limiting(self, config: Options = None, **options: Any) -> "EventSystemBuilder":
        """Bounds how many events are published in a time."""
        return self._section("publisher", "rateLimiting", merged(config, options))

    def enable_publisher_compression(self, config: Options = None, **options: Any) -> "EventSystemBuilder":
        """Stores bodies compressed, by `algorithm`: "zstd" (the default here) or "lz4"."""
        return self._section("publisher", "compression", {"algorithm": "zstd", **merged(config, options)})

    def enable_consumer_pattern_routing(self) -> "EventSystemBuilder":
        """Kept for programs that move over: patterns always work."""
        return self._section("consumer", "enablePatternRouting", True)

    def enable_consumer_groups(self) -> "EventSystemBuilder":
        """Kept for programs that move over: groups always work."""
        return self._section("consumer", "enableConsumerGroups", True)

    def set_poison_message_handler(
        self, handler: Callable[[Message, BaseException, Metadata], Any]
    ) -> "EventSystemBuilder":
        """Called with (message, error, metadata) after a message's last failed attempt."""
        if not callable(handler):
            raise ConfigurationError(
                f"the poison message handler is {type(handler).__name__}, expected a function",
                path="/consumer/poisonMessageHandler",
            )
        self._poison_handler = handler
        return self

    def set_validation_mode(self, mode: str) -> "EventSystemBuilder":
        """"strict", "warn" or "ignore"."""
        self._config["validationMode"] = mode
        return self

    def config(self) -> Dict[str, Any]:
        """A copy of the document so far, as the core takes it."""
        document: Dict[str, Any] = copy.deepcopy(take_own(self._config)[0])
        return document

    def check(self) -> Dict[str, Any]:
        """What `check_config` says of the document so far."""
        return check_config(self.config())

    def build(self) -> EventSystem:
        """A system for asyncio; ConfigurationError lists every fault."""
        return EventSystem(self._config, poison_message_handler=self._poison_handler)

    def build_sync(self) -> SyncEventSystem:
        """A system without asyncio; ConfigurationError lists every fault."""
        return SyncEventSystem(self._config, poison_message_handler=self._poison_handler)

    def _add(self, name: str, transport: Dict[str, Any]) -> "EventSystemBuilder":
        if name in self._config["transports"]:
            raise ConfigurationError(
                f"the transport {name!r} is there twice; give each its own name", path=f"/transports/{name}"
            )
        self._config["transports"][name] = transport
        return self

    def _section(self, section: str, name: str, value: Union[bool, Dict[str, Any]]) -> "EventSystemBuilder":
        self._config.setdefault(section, {})[name] = value
        return self
