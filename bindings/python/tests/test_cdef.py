# SPDX-License-Identifier: MIT
"""The declarations come from the header; what is not known is refused, and what is there is all bound."""

import re

import pytest
from conftest import ROOT
from libevents import _build
from libevents._native import ffi, lib

HEADER = ROOT / "libevents" / "include" / "libevents.h"


def test_every_function_and_constant_of_the_header_is_bound():
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    functions = set(re.findall(r"\b(evs_\w+)\(", text))
    constants = set(re.findall(r"\b(EVS_[A-Z_]+)\b = ", text))
    assert len(functions) > 40 and len(constants) > 20
    assert (functions | constants) <= set(dir(lib))


def test_struct_layouts_are_those_of_the_compiler():
    structs = re.findall(r"typedef struct (\w+) \{", HEADER.read_text())
    assert len(structs) == 5
    for struct in structs:
        assert ffi.sizeof(struct) > 0


@pytest.mark.parametrize(
    "declaration",
    [
        "int evs_new_kind(double value);\nunion u { int a; };",
        "typedef struct evs_odd { int bits : 3; } evs_odd;",
        "typedef void (*evs_callback)(void);",
        "#define EVS_LIMIT (1 << 3)",
        "static inline int evs_inline(void) { return 1; }",
    ],
)
def test_unknown_declarations_are_refused(declaration, tmp_path):
    header = tmp_path / "odd.h"
    header.write_text(declaration + "\n")
    with pytest.raises(_build.UnknownDeclaration):
        _build.cdef_of(header)


def test_the_build_says_what_it_refuses(tmp_path, capsys):
    header = tmp_path / "odd.h"
    header.write_text("extern int counter;\n")
    assert _build.main(["--output", str(tmp_path / "x.c"), str(header)]) == 1
    assert "counter" in capsys.readouterr().err
