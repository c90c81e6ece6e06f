# SPDX-License-Identifier: MIT
"""drift.py - do the bindings know the whole public header, and do they agree with each other?

Each check is a function from texts to a list of findings; drift_test.py runs it on the real files, where it must
find nothing, and on files that were changed, where it must find the change.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# What a binding leaves out on purpose.
NOT_IN_NODE = {
    "evs_call": "waits; requests are asynchronous",
    "evs_publish_wait": "waits; publishing is asynchronous",
    "evs_last_error": "every call takes its error itself",
    "evs_error_status": "the status of the call says it",
    "evs_error_path": "part of evs_error_json",
    "evs_error_create": "for libraries that give errors of their own, as the dashboard does",
    "evs_explain_config": "for the dashboard, which explains the routes of other services",
    "evs_coverage_config": "for the dashboard, which compares the routes of other services",
}
BY_HAND = {"struct_size", "reserved"}  # fields that say nothing

STRUCTS_IN = ("evs_message", "evs_report")
STRUCTS_OUT = ("evs_event", "evs_failure")


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def functions(header: str) -> set[str]:
    return set(re.findall(r"\b(evs_[a-z_]+)\(", without_comments(header)))


def constants(header: str) -> set[str]:
    return set(re.findall(r"\b(EVS_[A-Z_]+) = ", without_comments(header)))


def fields(header: str, struct: str) -> set[str]:
    body = re.search(rf"typedef struct {struct} \{{(.*?)\}} {struct};", without_comments(header), re.S).group(1)
    return set(re.findall(r"(\w+);", body)) - BY_HAND


def unbound_functions(header: str, addon: str) -> list[str]:
    """Functions of the header that the Node addon neither calls nor leaves out on purpose."""
    called = functions(addon)
    named = set(re.findall(r"\bevs_[a-z_]+\b", without_comments(addon)))
    missing = functions(header) - called - named - NOT_IN_NODE.keys()
    return sorted([f"the addon does not call {name}" for name in missing]
                  + [f"no {name} in the header" for name in NOT_IN_NODE.keys() - functions(header)])


def uncarried_fields(header: str, glue: str) -> list[str]:
    """Fields of the structs of the header that a binding's C code does not read or fill in."""
    code = without_comments(glue)
    return sorted(f"{struct}.{field} is not carried" for struct in STRUCTS_IN + STRUCTS_OUT
                  for field in fields(header, struct) if not re.search(rf"->{field}\b", code))


def unknown_constants(header: str, exported: set[str], declared: set[str]) -> list[str]:
    """The constants that the addon exports are those that native.ts declares, and the header has them."""
    found = [f"{name}: not in the header" for name in exported - constants(header) - {"EVS_VERSION"}]
    found += [f"{name}: exported or declared, not both" for name in exported ^ declared]
    return sorted(found)


def missing_report_kinds(header: str, turn: str) -> list[str]:
    kinds = {name for name in constants(header) if name.startswith("EVS_REPORT_")}
    return sorted(f"turn.ts does not know {name}" for name in kinds if f"native.{name}" not in turn)


def exported_constants(addon: str) -> set[str]:
    return set(re.findall(r"CONSTANT\((EVS_\w+)\)", addon)) | set(re.findall(r'\{"(EVS_\w+)"', addon))


def declared_constants(native: str) -> set[str]:
    return set(re.findall(r"readonly (EVS_\w+):", native))


def bound_names(bindings: str) -> dict[str, str]:
    """Name in JavaScript → C function, of the list in bindings.h."""
    return dict(re.findall(r"BIND\((\w+), (evsn_\w+)\)", bindings))


def arguments_read(sources: str) -> dict[str, int]:
    """C function → how many arguments it reads (0: none)."""
    counts = {}
    for name, body in re.findall(r"^napi_value (evsn_\w+)\(napi_env env, napi_callback_info info\) \{(.*?)^\}", sources,
                                 re.M | re.S):
        found = re.search(r"(?:evsn_args|read_texts|read_args)\(env, info, (\w+)", body)
        if found and not found.group(1).isdigit():  # an enumeration that ends in COUNT
            counts[name] = len(re.search(r"enum \{([^}]*)\};", body).group(1).split(",")) - 1
        else:
            counts[name] = int(found.group(1)) if found else 1 if "snapshot(env, info" in body else 0
    return counts


def signatures(native: str) -> dict[str, int]:
    """Function of the interface Native → how many parameters it declares."""
    interface = re.search(r"export interface Native \{(.*?)^\}", native, re.M | re.S).group(1)
    declared = {}
    for name, parameters in re.findall(r"^  (\w+)\((.*)\): [^;]+;$", interface, re.M):
        inner = re.sub(r"\([^()]*\) => \w+", "function", parameters)
        declared[name] = len(re.findall(r"\w+: ", inner))
    return declared


def wrong_signatures(bindings: str, sources: str, native: str) -> list[str]:
    names, read, declared = bound_names(bindings), arguments_read(sources), signatures(native)
    found = [f"{name}: bound or declared, not both" for name in names.keys() ^ declared.keys()]
    found += [f"{name}: declared with {declared[name]} arguments, reads {read.get(function)}"
              for name, function in names.items() if name in declared and read.get(function) != declared[name]]
    return sorted(found)


def core_errors(definitions: str) -> dict[str, tuple[str, bool]]:
    """Name of a status → class of the bindings, and whether it may pass by itself."""
    code = re.sub(r'"\s*\n\s*"', "", without_comments(definitions))
    rows = re.findall(r'^EVS_STATUS(?:_FIRST)?\(\s*-?\d+,\s*(\w+),\s*"(\w*)",\s*(true|false)', code, re.M)
    return {name: (kind, retriable == "true") for name, kind, retriable in rows if kind}


def python_errors(text: str) -> dict[str, tuple[str, bool]]:
    found = {}
    for name, _, body in re.findall(r"^class (\w+)\(([\w, ]+)\):\n(.*?)(?=^\S|\Z)", text, re.M | re.S):
        code = re.search(r'^    code = "(\w+)"', body, re.M)
        if code:
            found[code.group(1)] = (name, "retriable = True" in body)
    return found


def node_errors(text: str) -> dict[str, tuple[str, bool]]:
    found = {}
    for name, body in re.findall(r"^export class (\w+) extends \w+ \{\n(.*?)^\}", text, re.M | re.S):
        code = re.search(r"static override readonly code = '(\w+)'", body)
        if code:
            found[code.group(1)] = (name, "retriable = true" in body)
    return found


def differing_errors(core: dict, python: dict, node: dict) -> list[str]:
    """The bindings have the same classes, for the statuses of the core, with its flags."""
    found = []
    python = {code: kind for code, kind in python.items() if code != "EVS_ERROR"}
    for code in sorted(core.keys() | python.keys() | node.keys()):
        if python.get(code) != node.get(code):
            found.append(f"{code}: {python.get(code)} in Python, {node.get(code)} in Node")
        elif code not in core or code not in node or core[code][1] != node[code][1]:
            found.append(f"{code}: {core.get(code)} in the core, {node.get(code)} in the bindings")
    return found


def python_functions(root: Path) -> set[str]:
    sys.path.insert(0, str(root / "bindings/python/libevents"))
    import _build  # the generator of the Python binding: it refuses what it does not know

    return functions(_build.cdef_of(root / "libevents/include/libevents.h"))
