# SPDX-License-Identifier: MIT
"""mutate.py - small changes of C text that a good test notices: what could be changed in a file, and the file with one
change made. Text in, text out; it relies on how clang-format writes (operators between spaces, a statement a line)."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator

_LEXEME = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)

# Kind, what is looked for, what stands there instead. A letter or a bracket before, a space behind: binary.
_AFTER = r"(?<=[\w)\]] )"
_RULES = (
    ("relation", rf"{_AFTER}(?:<=|>=|==|!=|<|>)(?= )",
     {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}),
    ("arithmetic", rf"{_AFTER}[-+*/%](?= )", {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/"}),
    ("boolean", r"(?<= )(?:&&|\|\|)(?= )|(?<=^ {2})&&|(?<=[ (])!(?=[\w(])|\b(?:true|false)\b",
     {"&&": "||", "||": "&&", "!": "", "true": "false", "false": "true"}),
    ("constant", r"(?<![\w.])\d+(?![\w.])", None),
)
_STATEMENT = re.compile(r"^( +)((?:[\w.*]|->|\[[^\]=]*\])+ (?:[-+|&]?=) [^{}]*;|\w+\([^;{}]*\);)$")
_NO_STATEMENT = re.compile(r"^(?:return|goto|break|continue|else|do|case|default)\b|^\(void\)")


@dataclasses.dataclass(frozen=True)
class Mutation:
    file: str
    line: int  # counted from 1
    kind: str
    before: str  # the line, without the spaces around it
    after: str
    again: int  # how many equal changes there are above in the file

    @property
    def name(self) -> str:
        """Stays what it is when other lines come and go."""
        return f"{self.file}: {self.before} => {self.after}" + (f" #{self.again + 1}" if self.again else "")


def blanked(text: str) -> str:
    """The same text with spaces in place of comments, literals and the preprocessor's lines."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    text = _LEXEME.sub(blank, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


def _instead(kind: str, found: str, table: dict[str, str] | None) -> str:
    return str(int(found) + 1) if table is None else table[found]


def _is_statement(code: list[str], number: int) -> bool:
    """A statement of one line, and not the middle of a longer one."""
    line = code[number]
    before = next((above.rstrip() for above in reversed(code[:number]) if above.strip()), "")
    return bool(_STATEMENT.match(line)) and not _NO_STATEMENT.match(line.strip()) \
        and line.count("(") == line.count(")") and before.endswith((";", "{", "}", ")", ":", "else"))


def _changes(code: list[str], number: int) -> Iterator[tuple[str, int, int, str]]:
    """Kind, where it begins and ends in the line, and what is there instead."""
    line = code[number]
    for kind, pattern, table in _RULES:
        for match in re.finditer(pattern, line):
            yield kind, match.start(), match.end(), _instead(kind, match.group(), table)
    if _is_statement(code, number):
        yield "deletion", len(line) - len(line.lstrip()), len(line), ";"


def mutations(file: str, text: str) -> Iterator[Mutation]:
    """All that can be changed in a file."""
    lines = text.split("\n")
    code = blanked(text).split("\n")
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines):
        for kind, begin, end, instead in _changes(code, number):
            change = line.strip(), (line[:begin] + instead + line[end:]).strip()
            again = seen[change] = seen.get(change, -1) + 1
            yield Mutation(file, number + 1, kind, *change, again)


def applied(mutation: Mutation, text: str) -> str:
    lines = text.split("\n")
    line = lines[mutation.line - 1]
    assert line.strip() == mutation.before, f"{mutation.file}:{mutation.line} is another line now"
    lines[mutation.line - 1] = line[: len(line) - len(line.lstrip())] + mutation.after
    return "\n".join(lines)


def in_order(found: list[Mutation], seed: int) -> list[Mutation]:
    """As if drawn; a change in one place of the source leaves the order of all others."""
    return sorted(found, key=lambda mutation: hashlib.sha256(f"{seed} {mutation.name}".encode()).digest())
