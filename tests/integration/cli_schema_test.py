# SPDX-License-Identifier: MIT
"""The command `events`: schemas in files and in the store, and the AsyncAPI document."""

import json

import pytest

from cli_support import events, ok, server, start, store  # noqa: F401 - fixtures are used by name

ORDER = {"title": "An order", "type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "minimum": 1}}}
WIDER = {**ORDER, "properties": {**ORDER["properties"], "note": {"type": "string"}}}
NARROWER = {**WIDER, "required": ["id", "note"]}


@pytest.fixture
def files(tmp_path):
    """files(name=document or text, …) → their paths."""

    def write(**documents):
        for name, document in documents.items():
            text = document if isinstance(document, str) else json.dumps(document)
            (tmp_path / f"{name}.json").write_text(text)
        paths = [str(tmp_path / f"{name}.json") for name in documents]
        return paths[0] if len(paths) == 1 else paths

    return write


# ---- files alone ------------------------------------------------------------------------------------------


def test_check_says_whether_a_file_is_a_schema_and_what_is_wrong(files):
    good, bad, broken = files(good=ORDER, bad={"minLength": -1, "properties": {"a": {"type": "strin"}}}, broken="{")
    assert events("schema", "check", good).returncode == 0
    done = events("schema", "check", bad)
    assert done.returncode == 1 and "/minLength" in done.stderr and "/properties/a/type" in done.stderr
    assert events("schema", "check", broken).returncode == 1
    assert events("schema", "check", "/no/such/file").returncode == 5
    assert json.loads(events("schema", "check", good, "--json").stdout) == {"valid": True}


def test_check_holds_a_body_against_a_schema(files):
    schema, good, bad = files(schema=ORDER, good={"id": 7}, bad={"id": 0})
    assert events("schema", "check", schema, good).stdout.endswith("valid\n")
    done = events("schema", "check", schema, bad)
    assert done.returncode == 1 and "/id: " in done.stdout and "/properties/id/minimum" in done.stdout
    report = json.loads(events("schema", "check", schema, bad, "--json").stdout)
    assert report["valid"] is False and report["errors"][0]["keyword"] == "minimum"
    assert events("schema", "check", schema, "-", stdin='{"id": 7}').returncode == 0


def test_compat_answers_by_its_exit_code_and_tells_the_reasons(files):
    order, wider, narrower = files(order=ORDER, wider=WIDER, narrower=NARROWER)
    assert events("schema", "compat", order, wider).stdout == "compatible\n"
    done = events("schema", "compat", order, narrower)
    assert done.returncode == 1 and done.stdout.startswith("incompatible\n") and "note" in done.stdout
    assert events("schema", "compat", order, wider, "--policy", "strict").returncode == 1
    answer = json.loads(events("schema", "compat", narrower, order, "--mode", "full", "--json").stdout)
    assert answer["verdict"] == "incompatible" and {r["direction"] for r in answer["reasons"]} == {"forward"}
    assert events("schema", "compat", order).returncode == 2
    assert events("schema", "compat", order, wider, "--mode", "sideways").returncode == 2


# ---- the registry in the store ----------------------------------------------------------------------------


@pytest.fixture(params=["redis", "file"])
def place(request, tmp_path):
    """What names a store on the command line."""
    if request.param == "file":
        return "--file", tmp_path / "events.db"
    return "--redis", request.getfixturevalue("store").url


def test_the_registry_in_the_store_is_the_same_for_every_call(place, files):
    def on(*args):
        return ok(*place, *args)

    order, wider, narrower, good, bad = files(order=ORDER, wider=WIDER, narrower=NARROWER, good={"id": 7}, bad={"id": 0})
    assert on("schema", "list") == "no schemas\n"
    assert on("schema", "register", "order.placed", order, "--dry-run") == "would be registered: order.placed 1.0.0\n"
    assert on("schema", "list") == "no schemas\n"
    assert on("schema", "register", "order.placed", order) == "registered: order.placed 1.0.0\n"
    assert on("schema", "register", "order.placed", order) == "unchanged: order.placed 1.0.0\n"
    registered = json.loads(on("schema", "register", "order.placed", wider, "--json"))
    assert registered["outcome"] == "registered"
    refused = events(*place, "schema", "register", "order.placed", narrower)
    assert refused.returncode == 1 and "EVS_CONFLICT" in refused.stderr
    assert events(*place, "schema", "compat", "--type", "order.placed", narrower).returncode == 1
    items = json.loads(on("schema", "list", "order.placed", "--json"))["items"]
    assert [(item["version"], item["latest"]) for item in items] == [("1.0.0", False), (registered["version"], True)]
    assert "An order" in on("schema", "list")
    assert json.loads(on("schema", "show", "order.placed", "1.0.0")) == ORDER
    assert "/properties/note" in on("schema", "diff", "order.placed", "1.0.0")
    assert "/properties/note" in on("schema", "diff", "order.placed", "1.0.0", wider)
    assert on("schema", "check", "--type", "order.placed", good).endswith("valid\n")
    assert events(*place, "schema", "check", "--type", "order.placed", bad).returncode == 1
    assert on("schema", "set", "order.placed", "--mode", "none") == "order.placed: none, pragmatic\n"
    assert on("schema", "remove", "order.placed", registered["version"]).startswith("removed: ")
    assert events(*place, "schema", "show", "user.created").returncode == 5


def test_schemas_of_a_configuration_are_there_without_a_store(files, tmp_path):
    config = files(config={"service": "shop", "transports": {"main": {"type": "memory"}},
                           "routing": {"routes": [{"pattern": "order.*", "transport": "main"}]},
                           "schemas": {"types": {"order.placed": {"1.0.0": ORDER}}}})
    items = json.loads(events("--config", config, "schema", "list", "--json").stdout)["items"]
    assert [item["type"] for item in items] == ["order.placed"]
    document = json.loads(events("--config", config, "asyncapi").stdout)
    assert document["asyncapi"] == "3.0.0"
    assert list(document["channels"]["order-events"]["messages"]) == ["order.placed-1.0.0"]
