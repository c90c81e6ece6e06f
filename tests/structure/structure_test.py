# SPDX-License-Identifier: MIT
"""structure_test.py - the rules of rules.py hold here, and each one sees what breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest
import rules

ROOT = Path(__file__).resolve().parents[2]

RULES = [
    rules.includes_point_right,
    rules.faces_see_public_headers_only,
    rules.transports_named_by_registry_only,
    rules.public_names_defined_in_api_only,
    rules.world_through_environment,
    rules.map_names_what_exists,
    rules.map_has_every_folder,
    rules.links_lead_somewhere,
    rules.files_are_short,
    rules.nothing_left_open,
    rules.no_machine_in_it,
    rules.sources_say_their_licence,
]

SPDX = "/* SPDX-License-Identifier: MIT */\n"
SRC = "libevents/src/"

# A tree in which everything is as it should be.
GOOD = {
    "ARCHITECTURE.md": "`libevents/src/api` `libevents/src/event/` `libevents/src/{base,transport}/`\n"
                       "`libevents/src/transport/redis` `libevents/src/base/alloc.c`\n",
    "README.md": "[map](ARCHITECTURE.md) [there](https://example.org/)\n",
    SRC + "api/api.c": SPDX + '#include "base/alloc.h"\nint evs_open(int a) {\n  return a;\n}\n',
    SRC + "base/alloc.c": SPDX + '#include "alloc.h"\nvoid *evsi_alloc(size_t n) { return malloc(n); }\n',
    SRC + "base/alloc.h": SPDX,
    SRC + "event/uses.c": SPDX + '#include "base/alloc.h"\n/* malloc(1) */\nint x = y->free(z);\nchar *t = "time(";\n'
                                 "int evsi_f(void) { return evs_open(1); }\n",
    SRC + "transport/transport.c": SPDX + '#include "transport/redis/redis.h"\nint t = evsi_redis_ops;\n',
    "dashboard/server/serve.c": SPDX + '#include "serve.h"\n#include "libevents.h"\n',
    "dashboard/server/serve.h": SPDX,
    SRC + "transport/redis/redis.h": SPDX,
    SRC + "transport/redis/redis.c": SPDX + '#include "redis.h"\nint evsi_redis_ops;\n',
}

# (rule, file, its text instead, what is found)
BROKEN = [
    ("includes_point_right", SRC + "base/alloc.c", '#include "event/uses.h"\n', "to its left"),
    ("includes_point_right", SRC + "transport/redis/redis.c", '#include "consume/engine.h"\n', "to its left"),
    ("includes_point_right", SRC + "other/new.c", "\n", "no layer"),
    ("faces_see_public_headers_only", "dashboard/server/serve.c", '#include "base/alloc.h"\n', "inside the library"),
    ("transports_named_by_registry_only", SRC + "api/api.c", '#include "transport/redis/redis.h"\n', "names the"),
    ("transports_named_by_registry_only", SRC + "transport/other.c", "int t = evsi_redis_ops;\n", "names the"),
    ("public_names_defined_in_api_only", SRC + "event/uses.c", "evs_status evs_new(int a,\n int b) {\n}\n", "evs_new"),
    ("public_names_defined_in_api_only", SRC + "event/uses.c", "const char *evs_text(void)\n{\n}\n", "evs_text"),
    ("world_through_environment", SRC + "event/uses.c", "void f(void) { free(0); }\n", "(memory)"),
    ("world_through_environment", SRC + "event/uses.c", "long t = time (0);\n", "(clock)"),
    ("world_through_environment", SRC + "event/uses.c", "int r = rand();\n", "(random numbers)"),
    ("world_through_environment", SRC + "event/uses.c", "long t = env->now_ms();\n", "(time of a system"),
    ("world_through_environment", SRC + "event/uses.c", "json_t *t = json_loads(s, 0, 0);\n", "(JSON texts)"),
    ("world_through_environment", SRC + "event/uses.c", "uv_loop_t loop;\n", "(event loop)"),
    ("world_through_environment", SRC + "event/uses.c", "#include <uv.h>\n", "(event loop)"),
    ("map_names_what_exists", "ARCHITECTURE.md", "`libevents/src/gone.c`\n", "no libevents/src/gone.c"),
    ("map_names_what_exists", "ARCHITECTURE.md", "`libevents/src/{api,gone}`\n", "no libevents/src/gone"),
    ("map_has_every_folder", SRC + "observe/stats.c", "\n", "libevents/src/observe"),
    ("links_lead_somewhere", "README.md", "[gone](docs/gone.md#here)\n", "no docs/gone.md"),
    ("files_are_short", SRC + "event/uses.c", "\n" * 601, "601 lines"),
    ("nothing_left_open", SRC + "event/uses.c", "/* TO" "DO */\n", "TO" "DO"),
    ("no_machine_in_it", "README.md", "see /home/" "someone/x\n", "/home/" "someone"),
    ("no_machine_in_it", "README.md", "https://registry" ".example.org/x\n", "registry"),
    ("sources_say_their_licence", SRC + "event/uses.c", "int x;\n", "uses.c"),
]


def write_tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_holds_in_this_tree(rule):
    found = rule(ROOT)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_finds_nothing_in_a_good_tree(rule, tmp_path):
    write_tree(tmp_path, GOOD)
    assert rule(tmp_path) == []


@pytest.mark.parametrize("name,file,text,expected", BROKEN, ids=lambda value: str(value)[:40])
def test_finds_what_breaks_it(name, file, text, expected, tmp_path):
    write_tree(tmp_path, GOOD | {file: text})
    found = getattr(rules, name)(tmp_path)
    assert len(found) == 1 and expected in found[0], found


def test_every_rule_is_shown_to_find_something():
    assert {rule.__name__ for rule in RULES} == {name for name, *_ in BROKEN}
