# SPDX-License-Identifier: MIT
"""rules.py - the rules of the source tree, each as a function from a tree to a list of findings.

structure_test.py runs each on the real tree, where it must find nothing, and on a small tree that breaks it,
where it must find exactly that. Paths are relative to the tree's root.
"""

from __future__ import annotations

import re
from pathlib import Path

# An event's way. A file may include from its own folder and from those further to the right.
LAYERS = ("api", "system", "publish", "validate", "route", "consume", "deadletter", "transport", "config",
          "schema", "event", "observe", "base")
FACES = ("bindings", "cli", "dashboard", "examples")  # they stand on the public headers
REGISTRY = "transport/transport.c"  # the one file that names concrete transports
LINES_MAX = 600
SCRIPTS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx")

# What comes from the environment, and the only files of the library that ask the system for it.
OUTSIDE_WORLD = {
    "memory": (r"\b(malloc|calloc|realloc|free|strdup|strndup|aligned_alloc|asprintf|vasprintf)\s*\(", {"base/alloc.c"}),
    "clock": (r"\b(clock_gettime|gettimeofday|time|clock|timespec_get|nanosleep|usleep|sleep)\s*\(", {"base/env.c"}),
    "random numbers": (r"\b(rand|random|srand|rand_r|drand48|getrandom|getentropy|RAND_bytes|arc4random)\s*\(",
                       {"base/env.c"}),
    "time of a system: evsi_now_ms() and its like": (r"->\s*(now_ms|now_us|wall_ms)\s*\(\s*\)", {"base/env.h"}),
    "JSON texts": (r"\bjson_load\w*\s*\(", {"base/json_text.c"}),
    "event loop": (r"\buv_\w+|#\s*include\s*[<\"]uv\.h", {"base/loop_uv.c", "base/env.c"}),
}

_LEXEME = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code_of(text: str, keep_strings: bool = False) -> str:
    """C text without comments (and string literals), with its lines kept where they are."""

    def blank(match: re.Match[str]) -> str:
        lexeme = match.group()
        if keep_strings and lexeme[0] in "\"'":
            return lexeme
        return "\n" * lexeme.count("\n") or " "

    return _LEXEME.sub(blank, text)


def sources(root: Path) -> list[Path]:
    folder = root / "libevents/src"
    return sorted(path for path in folder.rglob("*") if path.suffix in (".c", ".h", ".def"))


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root / "libevents/src").as_posix()


def includes_point_right(root: Path) -> list[str]:
    found = []
    for path in sources(root):
        name = _name(root, path)
        layer = name.split("/")[0]
        if layer not in LAYERS:
            found.append(f"{name}: its folder is no layer")
            continue
        for line in re.findall(r'^\s*#\s*include\s*"([^"]+)"', code_of(path.read_text(), True), re.M):
            beside = path.parent / line
            target = _name(root, beside.resolve()) if beside.is_file() and "/" not in line else line
            other = target.split("/")[0]
            if other in LAYERS and LAYERS.index(other) < LAYERS.index(layer):
                found.append(f"{name}: includes {line}, which is to its left")
    return found


def faces_see_public_headers_only(root: Path) -> list[str]:
    found = []
    for face in FACES:
        for path in sorted((root / face).rglob("*.[ch]")):
            for line in re.findall(r'^\s*#\s*include\s*"([^"]+)"', code_of(path.read_text(), True), re.M):
                if not (path.parent / line).is_file() and (root / "libevents/src" / line).is_file():
                    found.append(f"{path.relative_to(root)}: includes {line}, which is inside the library")
    return found


def concrete_transports(root: Path) -> list[str]:
    folder = root / "libevents/src/transport"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def transports_named_by_registry_only(root: Path) -> list[str]:
    found = []
    for kind in concrete_transports(root):
        mention = re.compile(rf'"transport/{kind}/|\bevsi_{kind}_')
        for path in sources(root):
            name = _name(root, path)
            if name == REGISTRY or name.startswith(f"transport/{kind}/"):
                continue
            if mention.search(code_of(path.read_text(), True)):
                found.append(f"{name}: names the transport {kind}")
    return found


def public_names_defined_in_api_only(root: Path) -> list[str]:
    """A definition: evs_name(…) at the start of a line of its own or behind its type, followed by a body."""
    found = []
    definition = re.compile(r"^[A-Za-z_][\w \t*]*?\b(evs_[a-z0-9_]+)\s*\([^;{}]*\)\s*\{", re.M)
    for path in sources(root):
        name = _name(root, path)
        if name.startswith("api/"):
            continue
        for function in definition.findall(code_of(path.read_text())):
            found.append(f"{name}: defines {function}")
    return found


def world_through_environment(root: Path) -> list[str]:
    found = []
    for path in sources(root):
        name = _name(root, path)
        code = code_of(path.read_text(), True)
        code = re.sub(r'"(?:\\.|[^"\\\n])*"', lambda m: m.group() if m.group() == '"uv.h"' else '""', code)
        for what, (pattern, allowed) in OUTSIDE_WORLD.items():
            if name in allowed:
                continue
            for match in re.finditer(pattern, code):
                before = code[: match.start()].rstrip(" \t")
                if before.endswith(("->", ".")):
                    continue  # a member of that name, not the function
                line = code.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {match.group().strip()} ({what})")
    return found


def documented_paths(document: str) -> list[str]:
    """What a document names as a path: `like/this` or `like/this.c`, in code spans and in trees."""
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", document, flags=re.S))
    return [span for span in spans if re.fullmatch(r"[\w.-]+(/[\w.{},*-]+)+/?|[A-Z]+\.md|\.ci/run", span)]


def _expand(span: str) -> list[str]:
    match = re.search(r"\{([^{}]*)\}", span)
    if not match:
        return [span]
    return [name for part in match.group(1).split(",")
            for name in _expand(span[: match.start()] + part.strip() + span[match.end():])]


def map_names_what_exists(root: Path) -> list[str]:
    text = (root / "ARCHITECTURE.md").read_text()
    return [f"ARCHITECTURE.md: no {name}" for span in documented_paths(text) for name in _expand(span)
            if not list(root.glob(name.rstrip("/")))]


def map_has_every_folder(root: Path) -> list[str]:
    text = (root / "ARCHITECTURE.md").read_text()
    named = {name.rstrip("/") for span in documented_paths(text) for name in _expand(span)}
    folders = [path for path in (root / "libevents/src").rglob("*") if path.is_dir()
               and any(child.is_file() for child in path.iterdir())]
    return sorted(f"ARCHITECTURE.md does not name {folder.relative_to(root).as_posix()}" for folder in folders
                  if folder.relative_to(root).as_posix() not in named)


def links_lead_somewhere(root: Path) -> list[str]:
    """Relative links of all documents."""
    found = []
    for document in documents(root):
        text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if not re.match(r"[a-z]+:", link) and not (document.parent / link).exists():
                found.append(f"{document.relative_to(root)}: no {link}")
    return found


def documents(root: Path) -> list[Path]:
    return [path for path in ours(root) if path.suffix == ".md"]


def ours(root: Path) -> list[Path]:
    """Every text file of the project: not what is built, not data that is copied from elsewhere."""
    skipped = {"build", ".git", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache", "vectors", "corpus"}
    endings = {".c", ".h", ".def", ".cpp", ".py", ".pyi", ".md", ".txt", ".sh", ".lua", ".json", ".toml", ".cmake",
               ".map", ".supp", ".yml", ".yaml", ".css", "", *SCRIPTS}
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()
                  and path.suffix in endings and not skipped & set(path.relative_to(root).parts))


def _read(path: Path) -> str:
    return path.read_text(errors="replace")


def files_are_short(root: Path) -> list[str]:
    return [f"{path.relative_to(root)}: {lines} lines" for path in ours(root)
            if path.suffix in (".c", ".h", ".def", ".cpp", ".py", ".lua", *SCRIPTS)
            and (lines := len(_read(path).splitlines())) > LINES_MAX]


def nothing_left_open(root: Path) -> list[str]:
    words = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X{3})\b")
    return [f"{path.relative_to(root)}: {match.group()}" for path in ours(root)
            if path.suffix not in (".md",) and (match := words.search(_read(path)))]


def no_machine_in_it(root: Path) -> list[str]:
    """Paths of one machine, and hosts of package registries: neither is true elsewhere."""
    patterns = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w+"
                          r"|https?://[^/\s\"']*(?:proxy|mirror|registry)[^/\s\"']*/"
                          r"|https?://(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org)")
    return [f"{path.relative_to(root)}: {match.group()}" for path in ours(root)
            if path.name != "rules.py" and path.name != "structure_test.py" and (match := patterns.search(_read(path)))]


def sources_say_their_licence(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in ours(root)
            if path.suffix in (".c", ".h", ".def", ".cpp", ".py", *SCRIPTS)
            and _read(path).strip() and "SPDX-License-Identifier: MIT" not in "\n".join(_read(path).splitlines()[:3])]
