# SPDX-License-Identifier: MIT
"""mutants_test.py - the kit changes what it should and nothing else, and a change that matters is found by a test."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import build  # noqa: E402
import mutants  # noqa: E402
import mutate  # noqa: E402
import run_one  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EVS_BUILD_DIR", ROOT / "build"))


def changes(text: str) -> set[tuple[str, str]]:
    return {(mutation.kind, mutation.after) for mutation in mutate.mutations("a.c", text)}


@pytest.mark.parametrize("text,expected", [
    ("  if (a < b)", {("relation", "if (a <= b)")}),
    ("  x = a != b;\n", {("relation", "x = a == b;")}),
    ("  return (a) * b;", {("arithmetic", "return (a) + b;")}),
    ("  return a && !b;", {("boolean", "return a || !b;"), ("boolean", "return a && b;")}),
    ("  return true;", {("boolean", "return false;")}),
    ("  return 41;", {("constant", "return 42;")}),
    ("  a();\n  count += size;\n", {("deletion", ";")}),
    ("  int x = y;\n", set()),
    ("  char *p = *q;\n", set()),
    ("  a->b = c(d);\n", set()),  # the first line: what is above is not known
    ('  f("1 < 2", \'3\'); /* 4 + 5 */ // 6\n#define SEVEN 7\n#include <a.h>\n', set()),
    ("  x = f(a,\n        b);\n", set()),
])
def test_changes_what_a_line_does(text, expected):
    assert changes(text) == expected


def test_every_change_of_the_core_is_one_line_and_has_a_name_of_its_own():
    names = set()
    for path in sorted((ROOT / build.CORE / "publish").glob("*.c")):
        text = path.read_text()
        for mutation in mutate.mutations(path.name, text):
            before, after = text.splitlines(), mutate.applied(mutation, text).splitlines()
            assert [n for n, pair in enumerate(zip(before, after), 1) if pair[0] != pair[1]] == [mutation.line]
            assert mutation.name not in names
            names.add(mutation.name)
    assert len(names) > 500


def test_the_order_of_changes_stays_when_a_line_is_put_before_them():
    text = (ROOT / build.CORE / "base/backoff.c").read_text()
    first = [m.name for m in mutate.in_order(list(mutate.mutations("a.c", text)), 1)]
    second = [m.name for m in mutate.in_order(list(mutate.mutations("a.c", "\n" + text)), 1)]
    assert first == second
    assert first != [m.name for m in mutate.in_order(list(mutate.mutations("a.c", text)), 2)]


def changed(file: str, after: str) -> tuple[str, str]:
    text = (ROOT / build.CORE / file).read_text()
    found = [mutation for mutation in mutate.mutations(file, text) if mutation.after == after]
    assert len(found) == 1
    return text, mutate.applied(found[0], text)


def test_a_change_that_matters_is_found_and_the_file_as_it_is_passes(tmp_path):
    made = build.Build(ROOT, BUILD)
    text, other = changed("base/backoff.c", "double factor = 1 + jitter + 2 * jitter * ((double)roll / (double)UINT32_MAX);")
    for source, passes in ((text, True), (other, False)):
        program = made.link("unit_base_backoff_test", made.compile("base/backoff.c", source, tmp_path), tmp_path)
        assert run_one.passes(program, ROOT, 60, {}) is passes


def test_the_same_program_in_other_words_is_told(tmp_path):
    made = build.Build(ROOT, BUILD)
    text, other = changed("base/backoff.c", "if (strategy != EVS_BACKOFF_FIBONACCI)")
    spaced = text.replace("return now;", "return (now);")
    assert spaced != text
    assert made.are_same("base/backoff.c", text, spaced, tmp_path)
    assert not made.are_same("base/backoff.c", text, other, tmp_path)


def test_what_is_no_c_is_not_judged(tmp_path):
    assert build.Build(ROOT, BUILD).compile("base/backoff.c", "int x = ;", tmp_path) is None


def verdict(name: str, killer: str) -> mutants.Verdict:
    return mutants.Verdict(mutate.Mutation("a.c", 1, "constant", name, "x", 0), killer, 1)


def test_too_few_deaths_unexplained_lives_and_stale_explanations_are_problems():
    verdicts = [verdict("dead", "unit_test"), verdict("alive", "")]
    assert mutants.problems(verdicts, {"a.c: alive => x": "harmless"}, 1) == []
    assert len(mutants.problems(verdicts, {}, 1)) == 1
    assert len(mutants.problems(verdicts, {"a.c: alive => x": "harmless"}, 2)) == 1
    assert len(mutants.problems(verdicts, {"a.c: alive => x": "harmless", "a.c: dead => x": "no more"}, 1)) == 1


def test_each_survivor_is_explained_in_words():
    for name, why in json.loads(mutants.SURVIVORS.read_text()).items():
        assert re.fullmatch(r"\S+\.c: .+ => .+", name) and len(why) > 20
