# SPDX-License-Identifier: MIT
"""What `publish` accepts, and how it says what it does not accept."""

import json
import math
from datetime import datetime, timedelta, timezone
from itertools import accumulate

import libevents
import pytest
from libevents._encode import _OPTIONS, encode_batch, encode_event, milliseconds
from libevents.message import _parse


def refusal(body, **options):
    with pytest.raises(libevents.ValidationError) as caught:
        encode_event("a.b", body, **options)
    return caught.value


def texts(event):
    """The texts of an event, in the order of evspy_publish()."""
    if event[0]:
        body, type, end = event.split(b"\n")
        assert end == b""
        return (type, body, *[b""] * 11)
    ends = list(accumulate(_OPTIONS.unpack_from(event)[6:], initial=_OPTIONS.size))
    assert ends[-1] == len(event)
    return tuple(event[begin:end] for begin, end in zip(ends, ends[1:]))


def encoded(body, **options):
    return texts(encode_event("a.b", body, **options))[1]


def test_json_is_compact_and_keeps_text_and_numbers_as_they_are():
    assert encoded({"name": "José", "x": [1, 2.5, None, True]}) == '{"name":"José","x":[1,2.5,null,true]}'.encode()
    assert encoded(12345678901234567890123456789) == b"12345678901234567890123456789"
    assert encoded(None) == b"null"


def test_a_value_that_json_cannot_hold_is_named_by_its_path():
    error = refusal({"order": {"items": [1, {"at": datetime.now()}]}})
    assert error.path == "/body/order/items/1/at"
    assert "datetime" in error.message


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused(number):
    assert refusal({"a": [0, number]}).path == "/body/a/1"


def test_a_body_that_contains_itself_is_refused():
    body = {"name": "loop"}
    body["inner"] = [body]
    error = refusal(body)
    assert error.path == "/body/inner/0"
    assert "itself" in error.message


def test_the_same_value_twice_is_not_a_loop():
    shared = [1]
    assert encoded([shared, shared]) == b"[[1],[1]]"


def test_a_body_nested_too_deeply_is_refused():
    body = []
    for _ in range(200_000):
        body = [body]
    assert "nested" in refusal(body).message
    while body:  # taken apart by hand: freeing it whole would recurse too
        body = body.pop()


def test_lone_surrogates_are_refused_where_they_are():
    assert refusal({"a/b": "\ud800"}).path == "/body/a~1b"
    assert "key" in refusal({"\ud800": 1}).message


def test_keys_must_be_text():
    assert "tuple" in refusal({("a", "b"): 1}).message


def test_bytes_need_a_content_type():
    assert "content_type" in refusal(b"\x00\x01").message
    assert encoded(b"\x00\x01", content_type="application/octet-stream") == b"\x00\x01"
    assert encoded(memoryview(b"xy"), content_type="text/plain") == b"xy"


def test_json_text_as_bytes_goes_through_as_it_is():
    event = encode_event("a.b", b'{"a": 1}', content_type="application/json")
    assert texts(event)[1:3] == (b'{"a": 1}', b"")


def test_a_content_type_needs_bytes():
    assert "needs bytes" in refusal({"a": 1}, content_type="text/plain").message


def test_options_of_wrong_type_are_named():
    assert refusal(1, key=5).path == "/key"
    assert refusal(1, partition=-1).path == "/partition"
    assert refusal(1, partition=True).path == "/partition"
    with pytest.raises(libevents.ValidationError, match="type is NoneType"):
        encode_event(None, 1)


def test_timestamps_become_utc():
    at = datetime(2026, 1, 31, 13, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert texts(encode_event("a.b", 1, timestamp=at))[6] == b"2026-01-31T12:00:00.123Z"
    assert "time zone" in refusal(1, timestamp=datetime(2026, 1, 31)).message


def test_seconds_become_milliseconds():
    assert milliseconds(1.5, "timeout") == 1500
    assert milliseconds(0.0001, "timeout") == 1
    assert milliseconds(None, "timeout") == 0
    for wrong in (-1, math.inf, math.nan, "1", True, 1e12):
        with pytest.raises(libevents.ValidationError):
            milliseconds(wrong, "timeout")


def test_batches_take_tuples_and_dicts():
    first, second, third = encode_batch(
        [("a.b", 1), ("a.b", 2, {"key": "k"}), {"type": "a.b", "body": 3, "headers": {"x": "y"}}]
    )
    assert texts(first)[1] == b"1"
    assert texts(second)[4] == b"k"
    assert texts(third)[3] == b'{"x":"y"}'


@pytest.mark.parametrize("wrong", ["a.b", 5, ("a.b",), ("a.b", 1, {"kye": "k"}), {"body": 1}])
def test_a_wrong_event_of_a_batch_is_named_by_its_index(wrong):
    with pytest.raises(libevents.ValidationError, match="event 1"):
        encode_batch([("a.b", 1), wrong])


def test_an_event_without_options_is_what_it_is_in_a_batch():
    options = {"key": None, "timeout": None}
    plain = encode_event("a.b", {"x": 1}, **options)
    assert [plain] == encode_batch([("a.b", {"x": 1})])
    assert texts(plain) == texts(encode_event("a.b", {"x": 1}, delay=0))


@pytest.mark.parametrize("option", [{"timeout": 0}, {"partition": False}, {"id": 0}, {"acknowledgement": ""}])
def test_an_option_that_counts_as_false_is_looked_at_all_the_same(option):
    with pytest.raises(libevents.ValidationError):
        encode_event("a.b", 1, **{"key": None, **option})


@pytest.mark.parametrize("type", ["a.b\n", "\na.b", "", "\0"])
def test_a_type_that_no_event_can_have_is_refused_alone_in_its_batch(type):
    with libevents.SyncEventSystem({"service": "shop", "transports": {"main": {"type": "memory"}}}) as system:
        receipts = system.publish_batch([("a.b", 1), (type, {"x": 1}), ("a.b", 2)])
    assert [receipt.outcome for receipt in receipts] == ["stored", "refused", "stored"]
    assert isinstance(receipts[1].error, libevents.ValidationError)


@pytest.mark.parametrize("text", [' {"x": [1]}\n', "[1]\n", "\t1", "1 2", "{", "", "nul"])
def test_a_body_is_parsed_as_by_the_standard_library(text):
    def outcome(parse):
        try:
            return parse(text)
        except ValueError as error:
            return str(error)

    assert outcome(_parse) == outcome(json.loads)
