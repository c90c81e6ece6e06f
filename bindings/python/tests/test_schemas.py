# SPDX-License-Identifier: MIT
"""Schemas in Python: by themselves, in the registry of a system, as Pydantic models, and with up-casters."""

import sys
from typing import ClassVar, List, Optional

import libevents
import pytest
from conftest import ROOT, eventually, eventually_sync, memory_config

sys.path.insert(0, str(ROOT / "tests/support"))

import pip_package  # noqa: E402

pip_package.need("pydantic", "2.13.4")

import pydantic  # noqa: E402

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer", "minimum": 1}, "note": {"type": "string"}},
}
STRICT = {"validationMode": "strict"}


class Line(pydantic.BaseModel):
    sku: str
    count: int = 1


class OrderPlaced(pydantic.BaseModel):
    id: int = pydantic.Field(ge=1)
    lines: List[Line] = []
    note: Optional[str] = None


class UserCreated(pydantic.BaseModel):
    event_type: ClassVar[str] = "user.created"
    name: str


def poisoned(told):
    """Options of a system that notes what was given up."""
    return {"poison_message_handler": lambda message, error, metadata: told.append((message, error))}


# ---- a schema by itself ---------------------------------------------------------------------------------


def test_a_schema_says_what_is_wrong_where_and_by_which_keyword():
    schema = libevents.Schema(ORDER)
    assert schema.is_valid({"id": 7}) and schema.validate({"id": 7}) == []
    problems = schema.validate({"id": 0, "note": 5})
    assert [(problem.instance_path, problem.schema_path, problem.keyword) for problem in problems] == [
        ("/id", "/properties/id/minimum", "minimum"),
        ("/note", "/properties/note/type", "type"),
    ]
    assert len(schema.validate({"id": 0, "note": 5}, limit=1)) == 1


def test_text_is_judged_by_all_its_digits_and_the_standard_output_is_there():
    schema = libevents.Schema('{"const": 9007199254740993, "title": "exact"}')
    assert schema.is_valid_text(b"9007199254740993") and not schema.is_valid_text("9007199254740992")
    basic = schema.basic_text("9007199254740992")
    assert basic["valid"] is False and basic["errors"][0]["keywordLocation"] == "/const"
    assert schema.basic(9007199254740993)["annotations"][0]["annotation"] == "exact"


def test_a_wrong_schema_names_every_fault_and_its_place():
    with pytest.raises(libevents.ValidationError) as caught:
        libevents.Schema({"minLength": -1, "properties": {"a": {"type": "strin"}}})
    assert {problem.path for problem in caught.value.problems} == {"/minLength", "/properties/a/type"}
    with pytest.raises(libevents.ValidationError):
        libevents.Schema("{")
    with pytest.raises(libevents.ValidationError):
        libevents.Schema(ORDER).validate_text("{")


def test_references_lead_to_the_documents_that_are_given():
    schema = libevents.Schema(
        {"$ref": "https://example.org/id"}, documents={"https://example.org/id": {"type": "integer"}}
    )
    assert schema.is_valid(1) and not schema.is_valid("1")


def test_format_is_asserted_where_asked():
    assert libevents.Schema({"format": "uuid"}).is_valid("no")
    assert not libevents.Schema({"format": "uuid"}, format="assertion").is_valid("no")


def test_what_is_missing_and_has_a_default_is_filled_in():
    schema = libevents.Schema({"required": ["a"], "properties": {"a": {"default": 3}}})
    assert schema.fill_text('{"b": 1}') == b'{"b": 1,"a":3}'
    assert schema.fill_text('{"a": 1}') == b'{"a": 1}'


def test_one_schema_is_held_against_another():
    older, newer = libevents.Schema({"type": "integer"}), {"type": "number"}
    assert older.compat(newer)["verdict"] == "compatible"
    answer = older.compat(newer, mode="forward", policy="strict")
    assert answer["verdict"] == "incompatible" and answer["reasons"][0]["direction"] == "forward"
    with pytest.raises(libevents.ValidationError):
        older.compat(newer, mode="sideways")


def test_a_pydantic_model_is_a_schema():
    schema = libevents.Schema(OrderPlaced)
    assert schema.is_valid(OrderPlaced(id=7, lines=[Line(sku="a")]))
    assert [problem.instance_path for problem in schema.validate({"id": 1, "lines": [{"count": 1}]})] == ["/lines/0"]


# ---- the registry -----------------------------------------------------------------------------------------


def test_the_registry_keeps_versions_and_refuses_what_is_not_compatible():
    with libevents.SyncEventSystem(memory_config()) as system:
        schemas = system.schemas
        assert schemas.register("order.placed", ORDER)["version"] == "1.0.0"
        assert schemas.register("order.placed", ORDER)["outcome"] == "unchanged"
        wider = {**ORDER, "properties": {**ORDER["properties"], "code": {"type": "string"}}}
        assert schemas.register("order.placed", wider, dry_run=True)["outcome"] == "would_be_registered"
        assert schemas.register("order.placed", wider)["outcome"] == "registered"
        with pytest.raises(libevents.Conflict) as caught:
            schemas.register("order.placed", {**wider, "required": ["id", "code"]})
        assert caught.value.problems
        versions = [item["version"] for item in schemas.list("order.placed")]
        assert versions == ["1.0.0", schemas.get("order.placed")["version"]]
        assert schemas.get("order.placed", "1.0.0")["schema"] == ORDER
        assert schemas.validate("order.placed", {"id": 7}).valid
        verdict = schemas.validate("order.placed", {"id": 0}, version="1.0.0")
        assert not verdict.valid and verdict.errors[0].instance_path == "/id" and verdict.version == "1.0.0"
        assert schemas.compat("order.placed", {"type": "string"})["verdict"] == "incompatible"
        changes = schemas.diff("order.placed", "1.0.0", versions[1])["changes"]
        assert [change["path"] for change in changes] == ["/properties/code"]
        schemas.configure("order.placed", compatibility="none")
        schemas.remove("order.placed", versions[1])
        assert schemas.get("order.placed")["version"] == "1.0.0"
        with pytest.raises(libevents.NotFound):
            schemas.get("user.created")


def test_strict_mode_refuses_a_body_that_its_declared_schema_does_not_take():
    config = memory_config(**STRICT)
    with libevents.SyncEventSystem(config) as system:
        system.validator.register("order.placed", OrderPlaced)
        assert system.validator.schema_of("Order.Placed") is OrderPlaced
        assert [problem.keyword for problem in system.validator.validate("order.placed", {})] == ["required"]
        assert system.validator.validate("nobody.knows", {}) == []
        system.publish("order.placed", OrderPlaced(id=7))
        with pytest.raises(libevents.ValidationError):
            system.publish("order.placed", {"id": 0})
        system.validator.register("user.created", {"type": "object"})
        with pytest.raises(libevents.ValidationError):
            system.publish_batch([("user.created", 5)])[0]  # refused before it is sent, or in its receipt
            raise system.publish_batch([("user.created", 5)])[0].error


def test_a_declared_schema_that_is_refused_stops_publishing():
    types = {"order.placed": {"1.0.0": ORDER}}
    config = memory_config(schemas={"types": types, "compatibility": "backward"})
    system = libevents.SyncEventSystem(config)
    try:
        system.validator.register("order.placed", {"type": "string"}, version="2.0.0")
        with pytest.raises(libevents.Conflict):
            system.connect()
        with pytest.raises(libevents.Conflict):
            system.publish("order.placed", {"id": 1})
    finally:
        system.close(deadline=0)


# ---- models and versions ----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_handler_of_a_model_gets_one():
    seen = []
    async with libevents.EventSystem(memory_config(**STRICT), **poisoned([])) as system:
        system.validator.register("order.placed", OrderPlaced)

        @system.on(OrderPlaced)
        async def placed(message, metadata):
            seen.append(message)

        @system.on(UserCreated)
        def created(message, metadata):
            seen.append(message)

        await system.publish("order.placed", OrderPlaced(id=7, lines=[Line(sku="x")]))
        await system.publish("user.created", {"name": "Ana"})
        await eventually(lambda: len(seen) == 2)
    assert seen[0].body == OrderPlaced(id=7, lines=[Line(sku="x")]) and isinstance(seen[0].body, OrderPlaced)
    assert b'"sku":"x"' in seen[0].raw
    assert seen[1].body == UserCreated(name="Ana")


@pytest.mark.asyncio
async def test_a_body_that_is_no_such_model_is_given_up_at_once():
    told, seen = [], []
    async with libevents.EventSystem(memory_config(), **poisoned(told)) as system:
        await system.subscribe("user.created", lambda message, metadata: seen.append(message), model=UserCreated)
        await system.publish("user.created", {"name": 5, "secret": "s3cr3t"})
        await eventually(lambda: told)
    assert seen == [] and "/name" in str(told[0][1]) and "s3cr3t" not in str(told[0][1])


def test_a_model_without_a_type_says_how_to_give_it_one():
    system = libevents.SyncEventSystem(memory_config())
    try:
        with pytest.raises(libevents.ValidationError, match="event_type"):
            system.on(Line)(print)
        with pytest.raises(libevents.ValidationError, match="int is no Pydantic model"):
            system.on(int)(print)
    finally:
        system.close(deadline=0)


def upcasters(system):
    system.schemas.upcast("order.placed", "1.0.0", "2.0.0", lambda body: {"id": body["number"]})
    system.schemas.upcast("order.placed", "2.0.0", "3.0.0", lambda body: {"order": body})


@pytest.mark.asyncio
async def test_events_come_in_the_version_that_was_asked_for():
    seen, as_published = [], []
    async with libevents.EventSystem(memory_config()) as system:
        upcasters(system)
        await system.subscribe("order.placed", lambda message, metadata: seen.append(message), version="3.0.0")
        await system.subscribe("order.placed", lambda message, metadata: as_published.append(message))
        await system.publish("order.placed", {"number": 7}, version="1.0.0")
        await system.publish("order.placed", {"id": 8}, version="2.0.0")
        await system.publish("order.placed", {"order": {"id": 9}}, version="3.0.0")
        await eventually(lambda: len(seen) == 3 and len(as_published) == 3)
    assert [(message.body["order"]["id"], message.version) for message in seen] == [(n, "3.0.0") for n in (7, 8, 9)]
    assert [message.version for message in as_published] == ["1.0.0", "2.0.0", "3.0.0"]


@pytest.mark.asyncio
async def test_what_no_up_caster_leads_from_is_given_up_at_once():
    told, seen = [], []
    async with libevents.EventSystem(memory_config(), **poisoned(told)) as system:
        upcasters(system)
        await system.subscribe("order.placed", lambda message, metadata: seen.append(message), version="2.0.0")
        await system.publish("order.placed", {"x": 1}, version="3.0.0")
        await system.publish("order.placed", {"no": "number"}, version="1.0.0")
        await eventually(lambda: len(told) == 2)
    assert "from version 3.0.0 to 2.0.0" in str(told[0][1]) and "failed on version 1.0.0" in str(told[1][1])
    assert seen == []


def test_the_synchronous_face_reads_models_and_versions_too():
    told, seen = [], []
    with libevents.SyncEventSystem(memory_config(), **poisoned(told)) as system:
        system.schemas.upcast("user.created", "1.0.0", "2.0.0", lambda body: {"name": body["full"]})
        system.subscribe(UserCreated, lambda message, metadata: seen.append(message), version="2.0.0")
        system.publish("user.created", {"full": "Ana"}, version="1.0.0")
        system.publish("user.created", {"full": 5}, version="1.0.0")
        eventually_sync(lambda: seen and told)
    assert seen[0].body == UserCreated(name="Ana") and seen[0].version == "2.0.0"


def test_a_stream_reads_models_and_skips_what_is_none():
    with libevents.SyncEventSystem(memory_config(), **poisoned([])) as system:
        with system.messages(UserCreated) as messages:
            system.publish("user.created", {"name": 5})
            system.publish("user.created", {"name": "Ana"})
            message, _ = next(messages)
            assert message.body == UserCreated(name="Ana")
            messages.acknowledge()


def test_mistakes_in_versions_and_up_casters_are_told():
    system = libevents.SyncEventSystem(memory_config())
    try:
        upcasters(system)
        for arguments in (("a.b", "1", "2.0.0", print), ("a.b", "1.0.0", "1.0.0", print), ("a.b", "1.0.0", "2.0.0", 5),
                          ("order.placed", "1.0.0", "2.0.0", print)):
            with pytest.raises(libevents.ValidationError):
                system.schemas.upcast(*arguments)
        with pytest.raises(libevents.ValidationError):
            system.subscribe("order.placed", print, version="two")
        with pytest.raises(libevents.ValidationError):
            system.subscribe("order.placed", print, model=int)
    finally:
        system.close(deadline=0)
