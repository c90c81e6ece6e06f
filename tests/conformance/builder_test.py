# SPDX-License-Identifier: MIT
"""builder_test.py - the same configuration by method calls in Python and in Node, and as a document given to the
command `events`: all three come to the same normalised document, and to the same problems."""

from __future__ import annotations

import json
import subprocess

import libevents
import pytest

from languages import BUILD

ROUTE = {"pattern": "order.*", "transport": "main", "priority": 5, "options": {"topic": "orders"}}
ROUTING = {"routes": [ROUTE], "topicMapping": {"user.created": "account"}, "defaultTopicStrategy": "namespace"}
RETRY = {"maxRetries": 4, "backoffStrategy": "fibonacci", "baseDelay": 100, "maxDelay": 5000}

DOCUMENT = {
    "service": "shop",
    "originPrefix": "EU.De",
    "origins": ["us.ca", ""],
    "transports": {
        "main": {"type": "redis-streams", "url": "redis://:secret@localhost:6380/2", "consumerGroup": "tills"},
        "spare": {"type": "memory"},
    },
    "routing": ROUTING,
    "publisher": {"retry": RETRY},
    "consumer": {"enablePatternRouting": True, "enableConsumerGroups": True},
    "validationMode": "warn",
}

NODE = """
import { checkConfig, createEventSystemBuilder } from 'libevents';
const { service, originPrefix, origins, transports, routing, publisher, validationMode } = JSON.parse(process.argv[1]);
const builder = createEventSystemBuilder().service(service).originPrefix(originPrefix).origins(origins);
for (const [name, { type, ...options }] of Object.entries(transports)) builder.addTransportFromFactory(name, type, options);
builder.routing(routing).enablePublisherRetry(publisher.retry).enableConsumerPatternRouting().enableConsumerGroups();
console.log(JSON.stringify(checkConfig(builder.setValidationMode(validationMode).config())));
"""


def by_document(document: dict) -> dict:
    command = [BUILD / "bin/events", "config", "check", "--json", "-"]
    done = subprocess.run(command, input=json.dumps(document), capture_output=True, text=True, timeout=300)
    return json.loads(done.stdout)


def by_python(document: dict) -> dict:
    builder = libevents.EventSystemBuilder().service(document["service"]).origin_prefix(document["originPrefix"])
    builder.origins(document["origins"])
    for name, transport in document["transports"].items():
        options = {key: value for key, value in transport.items() if key != "type"}
        builder.add_transport_from_factory(name, transport["type"], options)
    builder.routing(document["routing"]).enable_publisher_retry(document["publisher"]["retry"])
    builder.enable_consumer_pattern_routing().enable_consumer_groups()
    return builder.set_validation_mode(document["validationMode"]).check()


def by_node(document: dict) -> dict:
    command = ["node", "--input-type=module", "--eval", NODE, json.dumps(document)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_method_calls_and_a_document_are_the_same_configuration():
    expected = by_document(DOCUMENT)
    assert expected["valid"] and "secret" not in json.dumps(expected)
    assert expected["normalized"]["originPrefix"] == "eu.de"
    assert by_python(DOCUMENT) == expected
    assert by_node(DOCUMENT) == expected


@pytest.mark.parametrize("broken", [
    {"validationMode": "strickt"},
    {"originPrefix": "eu..de"},
    {"routing": {**ROUTING, "routes": [{**ROUTE, "transport": "mian"}], "topicMaping": {}}},
    {"publisher": {"retry": {**RETRY, "maxRetries": -1, "baseDelay": "soon"}}},
])
def test_what_is_wrong_is_wrong_in_the_same_words(broken):
    document = {**DOCUMENT, **broken}
    expected = by_document(document)
    assert not expected["valid"] and expected["problems"]
    assert by_python(document) == expected
    assert by_node(document) == expected
