# SPDX-License-Identifier: MIT
"""Writes the C source of the extension module `libevents._libevents` (cffi, API mode).

The declarations come from the C headers themselves, so that there is no second list to keep: a header is
reduced to the few kinds of declarations that this project uses, and anything else is refused rather than
guessed at. Run by the build only; nothing at run time imports it.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Iterator, List, Sequence

MODULE = "libevents._libevents"

_NAME = r"[A-Za-z_]\w*"
_FIELD_TYPES = (
    r"(?:u?int(?:8|16|32|64)_t|const char \*|char \*|evs_bytes|evs_status|size_t)"
)
_KNOWN = (
    # typedef int32_t evs_status
    re.compile(rf"typedef u?int(?:32|64)_t {_NAME}"),
    # typedef struct evs_error evs_error
    re.compile(rf"typedef struct ({_NAME}) \1"),
    # typedef struct evs_bytes { ... } evs_bytes
    re.compile(
        rf"typedef struct ({_NAME}) \{{ (?:{_FIELD_TYPES} ?{_NAME}; )+\}} \1"
    ),
    # enum { EVS_OK = 0, ... }
    re.compile(rf"enum \{{ (?:{_NAME}(?: = -?\d+)?,? )+\}}"),
    # evs_status evs_poll(...)
    re.compile(
        rf"(?:const )?{_NAME} \*?evs(?:py)?_\w+\((?:[\w \*]+(?:\[\d+\])?(?:, )?)+\)"
    ),
)
_DIRECTIVE = re.compile(
    r'#(?:ifndef \w+_H|ifdef __cplusplus|endif|pragma GCC visibility \w+(?:\(default\))?|include [<"][\w./]+[>"]|define \w+_H)'
)
_CONSTANT = re.compile(r'#define (EVS_VERSION(?:_\w+)?) ("[^"]*"|\d+)')


class UnknownDeclaration(Exception):
    """A header has something that this extraction does not know; teach it, or change the header."""


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def _without_directives(text: str, where: str) -> Iterator[str]:
    in_cplusplus = False
    for line in text.splitlines():
        stripped = re.sub(r"\s+", " ", line.strip())
        if not stripped.startswith("#"):
            if not in_cplusplus:
                yield line
            continue
        constant = _CONSTANT.fullmatch(stripped)
        if not constant and not _DIRECTIVE.fullmatch(stripped):
            raise UnknownDeclaration(f"{where}: directive not known: {stripped}")
        if constant:
            name, value = constant.groups()
            is_text = value.startswith('"')
            yield f"#define {name} ...\n" if not is_text else f"static char *const {name};\n"
        in_cplusplus = stripped == "#ifdef __cplusplus" or (
            in_cplusplus and stripped != "#endif"
        )


def _declarations(text: str) -> Iterator[str]:
    """Splits at the semicolons that stand outside of braces."""
    start = depth = 0
    for position, character in enumerate(text):
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        elif character == ";" and depth == 0:
            yield re.sub(r"\s+", " ", text[start:position]).strip()
            start = position + 1
    rest = text[start:].strip()
    if rest:
        raise UnknownDeclaration(f"text after the last declaration: {rest[:80]}")


def cdef_of(header: Path) -> str:
    """The declarations of one header, as cffi reads them."""
    lines = list(
        _without_directives(_without_comments(header.read_text()), header.name)
    )
    constants = [line for line in lines if "EVS_VERSION" in line]
    plain = "\n".join(line for line in lines if line not in constants)
    found = list(constants)
    for declaration in _declarations(plain):
        if not any(known.fullmatch(declaration) for known in _KNOWN):
            raise UnknownDeclaration(
                f"{header.name}: declaration not known: {declaration}"
            )
        found.append(declaration + ";\n")
    return "".join(found)


def generate(headers: Sequence[Path], output: Path) -> None:
    """Writes the C source; it must be compiled with the headers' folders on the include path."""
    from cffi import FFI  # a build-time need only

    ffi = FFI()
    ffi.cdef("".join(cdef_of(header) for header in headers))
    ffi.set_source(MODULE, "".join(f'#include "{header.name}"\n' for header in headers))
    temporary = output.with_suffix(".new")
    ffi.emit_c_code(str(temporary))
    temporary.replace(output)


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(description="Writes the C source of libevents._libevents.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("headers", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    try:
        generate(options.headers, options.output)
    except UnknownDeclaration as error:
        print(f"_build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
