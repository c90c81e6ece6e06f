# SPDX-License-Identifier: MIT
"""docs_test.py - what the documents show runs as it stands there: every Python block, every JavaScript block, every C block that is a
whole program, every line of the shell blocks (marked `sh`) that begins with `events`, and every JSON block
that is a configuration passes the check."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
sys.path.insert(0, str(ROOT / "scripts/lib"))

import reference  # noqa: E402
from redis_server import RedisServer  # noqa: E402

DEFAULT_URL = "redis://localhost:6379"  # what the documents say
FIRST = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "bindings/python/README.md",
         ROOT / "bindings/node/README.md"]


def blocks(language: str) -> list:
    """All code blocks of a language, named by their place."""
    found = []
    for document in FIRST:
        if not document.is_file():
            continue
        text = document.read_text()
        for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.M | re.S):
            line = text.count("\n", 0, match.start()) + 1
            found.append(pytest.param(match.group(1), id=f"{document.relative_to(ROOT)}:{line}"))
    return found


@pytest.fixture(scope="module")
def server():
    with RedisServer() as started:
        yield started


def run(argv: list[str], **options) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, f"{shlex.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("code", blocks("python"))
def test_python_block_runs(code, server, tmp_path):
    program = tmp_path / "block.py"
    program.write_text(code.replace(DEFAULT_URL, server.url))
    run([sys.executable, "-W", "error", str(program)], cwd=tmp_path)


@pytest.mark.parametrize("code", blocks("js"))
def test_javascript_block_runs(code, server, tmp_path):
    program = tmp_path / "block.mjs"
    program.write_text(code.replace(DEFAULT_URL, server.url))
    run(["node", "--throw-deprecation", str(program)], cwd=tmp_path)


@pytest.mark.parametrize("code", [block for block in blocks("c") if "int main" in block.values[0]])
def test_c_program_compiles_and_runs(code, server, tmp_path):
    source = tmp_path / "block.c"
    source.write_text(code.replace(DEFAULT_URL, server.url))
    program = tmp_path / "block"
    run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/libevents/include", f"-I{ROOT}/dashboard/server/include",
         f"-I{ROOT}/bindings/c/testing", str(source), "-o", str(program), f"-L{ROOT}/build",
         f"-L{ROOT}/build/bindings/c/testing", "-Wl,--as-needed", "-levents_testing", "-levents-dashboard", "-levents", "-ljansson",
         f"-Wl,-rpath,{ROOT}/build"])
    run([str(program)], cwd=tmp_path)


@pytest.mark.parametrize("code", blocks("sh"))
def test_commands_succeed(code, server, tmp_path):
    lines = [line for line in code.replace("\\\n", " ").splitlines() if line.startswith("events ")]
    for line in lines:
        # What runs until Ctrl-C gets that after a while.
        limit = ["timeout", "--preserve-status", "--signal=INT", "3"] if {"tail", "serve"} & set(line.split()) else []
        words = shlex.split(line.replace(DEFAULT_URL, server.url), comments=True)
        run([*limit, *words], cwd=tmp_path, env=dict(os.environ, EVENTS_REDIS_URL=server.url))


@pytest.mark.parametrize("code", [block for block in blocks("json") if '"service"' in block.values[0]])
def test_configuration_is_valid(code, tmp_path):
    (tmp_path / "config.json").write_text(code)
    run(["events", "--config", "config.json", "config", "check"], cwd=tmp_path)


def test_readme_programs_print_the_event(server, tmp_path):
    """The programs that a reader tries first do what the text around them says."""
    readme = (ROOT / "README.md").read_text()
    python = re.search(r"```python\n(.*?)```", readme, re.S)
    program = tmp_path / "first.py"
    program.write_text(python.group(1))
    printed = run([sys.executable, str(program)], cwd=tmp_path)
    assert "order.placed {'id': 7} order-events 1" in printed
    assert "stored" in printed
    program = tmp_path / "first.mjs"
    program.write_text(re.search(r"```js\n(.*?)```", readme, re.S).group(1))
    printed = run(["node", str(program)], cwd=tmp_path)
    assert "order.placed { id: 7 } order-events 1" in printed
    assert "stored" in printed


def test_a_table_has_every_entry_of_its_list():
    listed = (ROOT / "libevents/src/observe/counters.def").read_text()
    rows = "".join(reference.counters(section) for section in ("publisher", "consumer", "transport"))
    assert rows.count("\n| `") == len(re.findall(r"^X\(", listed, re.M)) > 20
    listed = (ROOT / "libevents/src/base/errors.def").read_text()
    assert reference.errors().count("| `EVS_") == len(re.findall(r"^EVS_STATUS", listed, re.M)) > 10


def test_a_stale_table_is_seen():
    page = "before\n<!-- table errors -->\n| 0 | `EVS_OLD` |\n<!-- end -->\nafter\n"
    assert "EVS_OLD" not in reference.written(page)
    assert reference.written(reference.written(page)) == reference.written(page) != page


def test_a_broken_block_is_seen(tmp_path):
    program = tmp_path / "broken.py"
    program.write_text("import libevents\nlibevents.no_such_name\n")
    with pytest.raises(AssertionError, match="no_such_name"):
        run([sys.executable, str(program)], cwd=tmp_path)
