# SPDX-License-Identifier: MIT
"""The builder assembles the configuration document; the core judges it."""

import libevents
import pytest
from conftest import eventually_sync


def builder():
    return libevents.EventSystemBuilder().service("shop").with_memory_transport()


def test_methods_become_the_document():
    document = (
        libevents.EventSystemBuilder()
        .with_service("shop")
        .origin_prefix("eu.de")
        .origins(["eu.de", ""])
        .add_transport_from_factory("main", "redis-streams", {"url": "redis://localhost"}, group_id="shop")
        .with_memory_transport(name="local")
        .routing(extended_types=True, topic_mapping={"user_x.*": "people"}, routes=[{"pattern": "a.*", "transport": "main"}])
        .enable_publisher_retry(max_retries=5, base_delay=10)
        .enable_consumer_pattern_routing()
        .enable_consumer_groups()
        .set_validation_mode("strict")
        .config()
    )
    assert document == {
        "service": "shop",
        "originPrefix": "eu.de",
        "origins": ["eu.de", ""],
        "transports": {
            "main": {"type": "redis-streams", "url": "redis://localhost", "groupId": "shop"},
            "local": {"type": "memory"},
        },
        "routing": {
            "extendedTypes": True,
            "topicMapping": {"user_x.*": "people"},
            "routes": [{"pattern": "a.*", "transport": "main"}],
        },
        "publisher": {"retry": {"maxRetries": 5, "baseDelay": 10}},
        "consumer": {"enablePatternRouting": True, "enableConsumerGroups": True},
        "validationMode": "strict",
    }
    assert libevents.check_config(document)["valid"]


def test_batching_and_rate_limits_are_passed_on():
    document = (
        builder()
        .enable_publisher_batching(max_size=100, max_wait_ms=10, strategy="size")
        .enable_publisher_rate_limiting(max_requests=5, time_window=1000, strategy="token-bucket")
        .config()
    )
    assert document["publisher"]["batching"] == {"enabled": True, "maxSize": 100, "maxWaitMs": 10, "strategy": "size"}
    assert document["publisher"]["rateLimiting"]["timeWindow"] == 1000
    assert libevents.check_config(document)["valid"]


def test_batching_limits_and_compression_work():
    text = "a zebra, " * 100
    seen = []
    made = (
        builder()
        .enable_publisher_batching(max_size=2, max_wait_ms=5)
        .enable_publisher_rate_limiting(max_requests=10, time_window=10)
        .enable_publisher_compression(min_bytes=10)
    )
    with made.build_sync() as system:
        system.subscribe("order.*", lambda message, metadata: seen.append(message.body))
        receipts = system.publish_batch([("order.placed", text, {"batch_key": "x"}), ("order.placed", text)])
        assert [receipt.outcome for receipt in receipts] == ["stored", "stored"]
        system.drain(timeout=30)
        assert seen == [text, text]
        assert system.stats()["publisher"]["totalBatchesSent"] == 2


def test_an_event_past_a_rate_limit_raises():
    limited = builder().enable_publisher_rate_limiting(max_requests=1, time_window=86_400_000, on_limit="reject")
    with limited.build_sync() as system:
        system.publish("order.placed", 1)
        with pytest.raises(libevents.RateLimited, match="1 events in 86400000 ms"):
            system.publish("order.placed", 2)


def test_build_gives_a_system_that_works():
    with builder().set_validation_mode("warn").build_sync() as system:
        assert system.publish("order.placed", {"id": 1}).outcome == "stored"


def test_missing_service_is_refused():
    with pytest.raises(libevents.ConfigurationError) as caught:
        libevents.EventSystemBuilder().with_memory_transport().build_sync()
    assert "service" in str(caught.value)


def test_missing_transport_is_refused():
    with pytest.raises(libevents.ConfigurationError) as caught:
        libevents.EventSystemBuilder().service("shop").build_sync()
    assert "transport" in str(caught.value)


def test_a_file_keeps_events_from_one_system_to_the_next(tmp_path):
    path = str(tmp_path / "events.db")
    with libevents.EventSystemBuilder().service("shop").with_file_transport(path).build_sync() as system:
        system.publish("order.placed", {"id": 7})
    handled = []
    with libevents.EventSystemBuilder().service("shop").with_file_transport(path=path, name="main").build_sync() as system:
        system.subscribe("order.*", lambda message, metadata: handled.append(message.body))
        eventually_sync(lambda: handled)
    assert handled == [{"id": 7}]


def test_a_transport_name_cannot_be_used_twice():
    with pytest.raises(libevents.ConfigurationError, match="twice"):
        builder().with_memory_transport()


def test_a_poison_handler_must_be_callable():
    with pytest.raises(libevents.ConfigurationError, match="function"):
        builder().set_poison_message_handler("later")


def test_the_builder_is_not_changed_through_its_copy():
    first = builder()
    first.config()["transports"].clear()
    assert first.config()["transports"]
