# SPDX-License-Identifier: MIT
"""Exceptions mirror the library's statuses; a library that does not fit is refused."""

import json

import libevents
import pytest
from conftest import eventually, eventually_sync, memory_config
from libevents import errors
from libevents._native import lib, text_of


def listed():
    return json.loads(text_of(lib.evs_status_list()))


def test_every_status_of_the_library_has_its_class():
    for entry in listed():
        if entry["code"] == 0:
            continue
        kind = errors.error_class(entry["code"])
        assert kind is not errors.Error, entry
        assert (kind.code, kind.retriable) == (entry["name"], entry["retriable"])
        assert issubclass(kind, libevents.Error)


def test_a_library_that_lacks_a_status_is_refused():
    fewer = [entry for entry in listed() if entry["name"] != "EVS_CONFLICT"]
    with pytest.raises(ImportError, match="EVS_CONFLICT"):
        errors.install_statuses(json.dumps(fewer))


def test_a_status_of_a_newer_library_is_a_plain_error_with_its_code():
    errors.install_statuses(
        json.dumps([*listed(), {"code": -99, "name": "EVS_FUTURE", "class": "Future", "retriable": False}])
    )
    error = errors.make_error(-99, "from the future")
    assert type(error) is libevents.Error
    assert error.code == "EVS_FUTURE"


def test_publish_timeout_is_a_timeout():
    assert errors.error_class(lib.EVS_TIMEOUT, publishing=True) is libevents.PublishTimeout
    assert errors.error_class(lib.EVS_TIMEOUT) is libevents.Timeout
    assert issubclass(libevents.PublishTimeout, libevents.Timeout)


def test_configuration_error_has_all_problems():
    with pytest.raises(libevents.ConfigurationError) as caught:
        libevents.SyncEventSystem({"servise": "shop", "transports": {"main": {"type": "memory", "maxQeue": 5}}})
    paths = {problem.path for problem in caught.value.problems}
    assert {"/servise", "/transports/main/maxQeue"} <= paths
    assert any(problem.suggestion for problem in caught.value.problems)
    assert "/servise" in str(caught.value)


def test_a_problem_without_a_suggestion_has_an_empty_one():
    with pytest.raises(libevents.ConfigurationError) as caught:
        libevents.SyncEventSystem({"service": "", "transports": {"main": {"type": "memory"}}})
    assert [problem.suggestion for problem in caught.value.problems] == [""]


def test_errors_can_be_made_from_broken_detail():
    error = errors.make_error(lib.EVS_TRANSPORT, "gone", "{not json")
    assert isinstance(error, libevents.TransportError)
    assert (error.message, error.path, error.problems) == ("gone", "", ())


def test_retry_later_refuses_a_negative_delay():
    with pytest.raises(ValueError):
        libevents.RetryLater(-1)


def _fail(message, metadata):
    raise ValueError("no luck")


def _told(caplog):
    """What the library said, not the binding itself."""
    return [record for record in caplog.records if hasattr(record, "component")]


def test_what_the_library_has_to_say_goes_to_the_logger(caplog):
    config = memory_config(consumer={"maxRetries": 0})
    with libevents.SyncEventSystem(config) as system:
        system.subscribe("order.*", _fail)
        system.publish("order.placed", 1)
        eventually_sync(lambda: _told(caplog))
    (record,) = _told(caplog)
    assert (record.levelname, record.getMessage().partition(":")[0]) == ("ERROR", "consume")
    assert "failed for good" in record.getMessage()


@pytest.mark.asyncio
async def test_what_the_library_has_to_say_goes_to_the_logger_with_asyncio(caplog):
    config = memory_config(consumer={"maxRetries": 0})
    async with libevents.EventSystem(config) as system:
        await system.subscribe("order.*", _fail)
        await system.publish("order.placed", 1)
        await eventually(lambda: _told(caplog))
    assert "failed for good" in _told(caplog)[0].getMessage()
