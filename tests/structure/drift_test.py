# SPDX-License-Identifier: MIT
"""drift_test.py - the public header and the bindings agree; see drift.py. Every check is seen to find a change."""

from __future__ import annotations

from pathlib import Path

import drift
import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "bindings/node"
HEADER = (ROOT / "libevents/include/libevents.h").read_text()
ADDON = "".join(path.read_text() for path in sorted((NODE / "src").glob("*.[ch]")))
NATIVE = (NODE / "lib/native.ts").read_text()
BINDINGS = (NODE / "src/bindings.h").read_text()
TURN = (NODE / "lib/turn.ts").read_text()
PYTHON_GLUE = (ROOT / "bindings/python/src/evs_python.c").read_text()
DEFINITIONS = (ROOT / "libevents/src/base/errors.def").read_text()
PYTHON_ERRORS = (ROOT / "bindings/python/libevents/errors.py").read_text()
NODE_ERRORS = (NODE / "lib/errors.ts").read_text()

NEW_FUNCTION = HEADER + "\nevs_status evs_new_call(evs_system *system);\n"
NEW_FIELD = HEADER.replace("} evs_message;", "  evs_bytes novelty;\n} evs_message;")
NEW_KIND = HEADER.replace("EVS_REPORT_CLOSED = 4,", "EVS_REPORT_CLOSED = 4, EVS_REPORT_NEW = 6,")


def errors(definitions: str = DEFINITIONS, python: str = PYTHON_ERRORS, node: str = NODE_ERRORS) -> list[str]:
    return drift.differing_errors(drift.core_errors(definitions), drift.python_errors(python), drift.node_errors(node))


def constants(addon: str = ADDON, native: str = NATIVE) -> list[str]:
    return drift.unknown_constants(HEADER, drift.exported_constants(addon), drift.declared_constants(native))


def test_the_header_is_read():
    assert len(drift.functions(HEADER)) > 40 and len(drift.constants(HEADER)) > 30
    assert len(drift.fields(HEADER, "evs_message")) > 20
    assert len(drift.core_errors(DEFINITIONS)) == len(drift.node_errors(NODE_ERRORS)) > 10
    assert len(drift.signatures(NATIVE)) > 25


def test_python_declares_every_function():
    assert drift.functions(HEADER) <= drift.python_functions(ROOT)


CHECKS = {
    "the addon calls every function": (
        lambda: drift.unbound_functions(HEADER, ADDON),
        lambda: drift.unbound_functions(NEW_FUNCTION, ADDON), "evs_new_call"),
    "the addon carries every field": (
        lambda: drift.uncarried_fields(HEADER, ADDON),
        lambda: drift.uncarried_fields(NEW_FIELD, ADDON), "evs_message.novelty"),
    "the Python glue carries every field": (
        lambda: drift.uncarried_fields(HEADER, PYTHON_GLUE),
        lambda: drift.uncarried_fields(NEW_FIELD, PYTHON_GLUE), "evs_message.novelty"),
    "turn.ts knows every kind of report": (
        lambda: drift.missing_report_kinds(HEADER, TURN),
        lambda: drift.missing_report_kinds(NEW_KIND, TURN), "EVS_REPORT_NEW"),
    "constants are declared as they are exported": (
        constants, lambda: constants(native=NATIVE.replace("EVS_FAIL_LATER", "EVS_FAIL_LATTER")), "EVS_FAIL_LATTER"),
    "functions are declared as they are bound": (
        lambda: drift.wrong_signatures(BINDINGS, ADDON, NATIVE),
        lambda: drift.wrong_signatures(BINDINGS, ADDON, NATIVE.replace("ack(id: number, ", "ack(")), "ack: declared with 2"),
    "errors are the same everywhere": (
        errors, lambda: errors(node=NODE_ERRORS.replace("class Conflict ", "class Clash ")), "EVS_CONFLICT"),
    "the flags of errors are those of the core": (
        errors, lambda: errors(python=PYTHON_ERRORS.replace('code = "EVS_TRANSPORT"\n    retriable = True',
                                                            'code = "EVS_TRANSPORT"'),
                               node=NODE_ERRORS.replace("code = 'EVS_TRANSPORT';\n  static override readonly retriable = true;",
                                                        "code = 'EVS_TRANSPORT';")), "EVS_TRANSPORT"),
}


@pytest.mark.parametrize("what", CHECKS)
def test_nothing_drifts(what):
    assert CHECKS[what][0]() == []


@pytest.mark.parametrize("what", CHECKS)
def test_a_change_is_seen(what):
    _, changed, expected = CHECKS[what]
    assert any(expected in finding for finding in changed()), changed()
