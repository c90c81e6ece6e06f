# SPDX-License-Identifier: MIT
"""suites.py - the table of test suites, and what runs them. Called by scripts/test.

A suite is a list of steps; a step is a command whose exit status and output decide. What a suite needs is
made by its first steps, so that any suite can be run alone. Steps that mostly wait for servers and processes are
run beside each other, and so is a suite that mostly waits beside one that works.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from lanes import Result, run_lanes

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
COUNTS = json.loads((ROOT / "tests/support/counts.json").read_text())
SUPPRESSIONS = ROOT / "tests/support"
COVERAGE = ROOT / "tests/coverage"
PROCESSORS = os.cpu_count() or 1
# Tests that own what they talk to: while one waits for a server or a deadline, others can work.
AT_ONCE = 2 * PROCESSORS
FAULT_SHARES = 3  # rows beside each other: they mostly wait
# Whether a suite uses the processors, or mostly waits: one of either kind is run beside one of the other.
WORKS, WAITS, FIRST = "works", "waits", "first"  # the first ones are run before all others, and alone
NODE_SANITIZED = ("lifecycle", "publish", "consume", "stream", "bodies", "loading", "dashboard")


@dataclasses.dataclass(frozen=True)
class Step:
    argv: tuple[str, ...]
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    status: int = 0  # the exit status that is right
    preset: str = "release"  # whose environment it runs in


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    about: str
    steps: tuple[Step | tuple[Step, ...], ...]  # those of an inner tuple are run beside each other
    packages: tuple[str, ...] = ("TEST",)  # kinds of scripts/lib/packages.sh, beside BUILD
    seconds: tuple[int, int] = (900, 14400)  # the limit: short, long
    by_name: bool = False  # too long for every run: only when it is named, or with --long
    kind: str = WAITS


def folder(preset: str) -> Path:
    return BUILD if preset == "release" else BUILD / preset


def sh(*argv: str, **options) -> Step:
    return Step(tuple(argv), **options)


def build(preset: str = "release") -> Step:
    return sh("scripts/build", "--preset", preset, "--tests")


def ctest(labels: str, preset: str = "release") -> Step:
    """All C tests whose label is one of `labels` (a regular expression)."""
    # Long calculations on one thread: there is nothing that TSan could find, and it takes minutes.
    without = ("-E", "^unit_(schema|publish_batching)_") if preset == "tsan" else ()
    return sh("ctest", "--test-dir", str(folder(preset)), "-L", f"^({labels})$", *without, "-V", "--no-tests=error",
              "--parallel", str(AT_ONCE), env=sanitizer(preset), preset=preset)


def pytest(*paths: str, preset: str = "release") -> Step:
    env = {"PYTHONDONTWRITEBYTECODE": "1"} | sanitizer(preset)
    chosen: tuple[str, ...] = ()
    if preset in ("asan", "tsan"):
        # The interpreter is not instrumented: the run-time library has to be there before it starts, memory
        # has to come from malloc to be watched, and what the interpreter itself leaves at exit is no leak.
        library = {"asan": "libasan.so", "tsan": "libtsan.so"}[preset]
        env |= {"EVS_PRELOAD": library, "PYTHONMALLOC": "malloc"}
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        # The sanitizer's allocator, unlike malloc, does not take its locks over a fork: a child may wait for
        # one that a thread of its parent held, whatever the library under test does.
        chosen = ("-m", "not forks")
    return sh("python3", "-m", "pytest", "-q", "-rfEs", "-p", "no:cacheprovider", *chosen, *paths, env=env, preset=preset)


def node_modules(folder: str) -> Step:
    """What the lock file of `folder` names."""
    return sh("npm", "--prefix", folder, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")


def node(*paths: str, preset: str = "release") -> Step:
    """Test files of Node's own runner; a path may have `*` in it."""
    files = [str(path.relative_to(ROOT)) for pattern in paths for path in sorted(ROOT.glob(pattern))]
    env = sanitizer(preset)
    if preset == "asan":
        # As with Python; node exports C++ symbols that the sanitizer looks for when it starts.
        env |= {"EVS_PRELOAD": "libasan.so libstdc++.so", "EVS_NODE_MEMORY_ONLY": "1"}
        env["ASAN_OPTIONS"] += ":malloc_context_size=4"
        env["LSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}/lsan_node.supp:print_suppressions=0"
    return sh("node", "--expose-gc", "--test", f"--test-concurrency={AT_ONCE}", "--test-reporter=spec", *files, env=env,
              preset=preset)


def sanitizer(preset: str) -> dict[str, str]:
    if preset == "asan":
        return {"ASAN_OPTIONS": "abort_on_error=0:exitcode=99:strict_string_checks=1",
                "UBSAN_OPTIONS": "print_stacktrace=1"}
    if preset == "tsan":
        return {"TSAN_OPTIONS": f"suppressions={SUPPRESSIONS}/tsan.supp:exitcode=99:second_deadlock_stack=1"}
    return {}


def with_env(step: Step, **more: str) -> Step:
    return dataclasses.replace(step, env=step.env | more)


def counted(preset: str) -> dict[str, str]:
    """Where the processes of a coverage build write what they ran; tests/coverage/begin.py prepares it."""
    if preset != "coverage":
        return {}
    return {"EVS_ROOT": str(ROOT), "COVERAGE_PROCESS_START": str(COVERAGE / "coveragerc"),
            "NODE_V8_COVERAGE": str(folder(preset) / "counts/node")}


def judge(*argv: str) -> Step:
    """A tool that reports what was counted, and fails under its limits."""
    return sh("env", "-u", "COVERAGE_PROCESS_START", "-u", "NODE_V8_COVERAGE", *argv, preset="coverage")


def coverage() -> tuple[Step | tuple[Step, ...], ...]:
    counts = folder("coverage") / "counts"
    python = ("python3", "-m", "coverage")
    rules = f"--rcfile={COVERAGE / 'coveragerc'}"

    def node_judge(path: str, *more: str) -> Step:
        return judge(f"{COVERAGE}/node_modules/.bin/c8", "report", f"--temp-directory={counts}/node", f"--src={path}",
                     f"--include={path}/**", "--exclude-after-remap", "--exclude=[]", "--check-coverage", "--lines=90",
                     *more)

    return (build("coverage"), node_modules("tests/coverage"), node_modules("dashboard/web"),
            sh("python3", "tests/coverage/begin.py", preset="coverage"),
            with_env(ctest("unit|conformance|integration", "coverage"), EVS_SHORTAGE_LOG=f"{counts}/shortages"),
            (pytest("tests/integration", preset="coverage"), pytest("tests/conformance", preset="coverage"),
             pytest("bindings/python/tests", preset="coverage")),
            (node("bindings/node/tests/*.test.mjs", preset="coverage"),
             sh("npm", "--prefix", "dashboard/web", "run", "--silent", "test", preset="coverage")),
            judge("python3", "-m", "gcovr", "--config", f"{COVERAGE}/gcovr.cfg", "--html-details",
                  f"{counts}/html-c/index.html", str(folder("coverage") / "libevents")),
            judge("python3", "tests/unit/support/sites.py", f"{counts}/shortages", str(folder("coverage") / "tests")),
            judge(*python, "combine", "--quiet", rules), judge(*python, "report", rules),
            node_judge("bindings/node/lib", "--all"), node_judge("dashboard/web/src/lib", "--all"))


def valkey(step: Step) -> Step:
    """The same step over Valkey in place of Redis."""
    return dataclasses.replace(step, argv=("scripts/lib/with-valkey", *step.argv))


def fuzzers(long: bool) -> list[Step | tuple[Step, ...]]:
    """One step per fuzz target, found by its file's name; as many beside each other as there are processors."""
    seconds = COUNTS["fuzz_seconds"]["long" if long else "short"]
    corpora, targets = [], []
    for source in sorted((ROOT / "tests/fuzz").glob("*_fuzz.c")):
        name = source.stem
        found = BUILD / "fuzz-corpus" / name
        seeds = ROOT / "tests/fuzz/corpus" / name.removesuffix("_fuzz")
        corpora.append(str(found))
        targets.append(sh(str(folder("fuzz") / "tests" / name), f"-max_total_time={seconds}", "-timeout=10",
                          "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={found}-",
                          str(found), *([str(seeds)] if seeds.is_dir() else []),
                          env=sanitizer("asan"), preset="fuzz"))
    return [sh("mkdir", "-p", *corpora), *(tuple(targets[n:n + PROCESSORS]) for n in range(0, len(targets), PROCESSORS))]


def table(long: bool) -> list[Suite]:
    return [
        Suite("build", "everything compiles, and the environment file works in sh and bash",
              (build(), pytest("tests/scripts")), packages=("TEST", "NODE"), kind=FIRST),
        Suite("structure", "the tree, its layers and its documents agree",
              (build(), pytest("tests/structure")), kind=FIRST),
        Suite("unit", "the inside of the C library; a small change of it is noticed",
              (build(), (ctest("unit"), pytest("tests/mutants"))), kind=WORKS),
        Suite("conformance", "vectors and scenarios in every language, and all pairs of languages; what is wrong is seen",
              (build(), (ctest("conformance"), pytest("tests/conformance"))), packages=("TEST", "NODE")),
        Suite("valkey", "scenarios and pairs of languages over Valkey in place of Redis, where that can be had",
              (build(), valkey(pytest("tests/conformance", "-k", "every_scenario_and_as_many or over_redis"))),
              packages=("TEST", "NODE")),
        Suite("properties", "Hypothesis finds no schedule that breaks a promise", (build(), pytest("tests/properties"))),
        Suite("abi", "the binary interface is the one of the baseline",
              (build(), sh("scripts/abi-check"), ctest("abi")), packages=("TEST", "ABI")),
        Suite("python", "the Python binding: behaviour and types",
              (build(), (pytest("bindings/python/tests"), sh("mypy", "--config-file", "pyproject.toml")))),
        Suite("node", "the Node binding: behaviour, ends of the process, types, the published examples",
              (build(), node("bindings/node/tests/*.test.mjs")), packages=("TEST", "NODE"), seconds=(1200, 28800)),
        Suite("cli", "the command `events`",
              (build(), (pytest("tests/integration/cli_test.py"), pytest("tests/integration/cli_store_test.py"),
                         pytest("tests/integration/cli_schema_test.py"), pytest("tests/integration/cli_bench_test.py")))),
        Suite("integration", "C and Python against redis-server",
              (build(), (ctest("integration"), pytest("tests/integration", "--ignore-glob=*/cli_*_test.py",
                                                      "--ignore=tests/integration/cli_test.py")))),
        Suite("faults", "what is killed, frozen, cut, filled up or deleted loses nothing; with --long writes docs/fault-report.md",
              (build(), tuple(pytest("tests/fault", f"--share={n}/{FAULT_SHARES}") for n in range(1, FAULT_SHARES + 1)),
               *((sh("python3", "tests/fault/report.py"),) if long else ())), packages=("TEST", "NODE")),
        Suite("dashboard", "the dashboard's server, held to its OpenAPI document", (build(), pytest("tests/dashboard")),
              packages=("TEST", "DASHBOARD")),
        Suite("docs", "the documents' examples run, their tables are those of the code", (build(), sh("scripts/docs", "--check"), pytest("tests/docs")),
              packages=("TEST", "NODE")),
        Suite("demo", "the demo loses nothing, and notices when something is lost",
              (build(), (sh("scripts/demo", "--once"), sh("scripts/demo", "--redis", "--once"),
                         sh("scripts/demo", "--once", "--break", "lose-one", status=1))),
              packages=("DEMO", "NODE")),
        Suite("page", "the dashboard's page: its types, and its parts without a browser",
              (node_modules("dashboard/web"), sh("npm", "--prefix", "dashboard/web", "run", "--silent", "check"),
               sh("npm", "--prefix", "dashboard/web", "run", "--silent", "test")), packages=("NODE",)),
        Suite("browser", "what docs/guarantees.md says of the dashboard, in a real browser and against the store",
              (build(), node_modules("tests/browser"), node("tests/browser/*.test.js")),
              packages=("TEST", "NODE", "BROWSER")),
        Suite("perf-guard", "the hot path takes no tenth more instructions than tests/guard/record.json says",
              (build(), pytest("tests/guard")), packages=("TEST", "GUARD")),
        Suite("planted", "the sanitizers find an overflow and a race that were put there",
              (build("asan"), ctest("planted", "asan"), build("tsan"), ctest("planted", "tsan")), kind=WORKS),
        Suite("asan", "C suite, integration tests and the ends of Node under ASan and UBSan",
              (build("asan"),
               (ctest("unit|conformance|abi|integration", "asan"), pytest("tests/integration", preset="asan")),
               (pytest("tests/dashboard", preset="asan"),
                node(*(f"bindings/node/tests/{name}.test.mjs" for name in NODE_SANITIZED), preset="asan"))),
              packages=("TEST", "DASHBOARD", "NODE"), seconds=(1800, 14400), kind=WORKS),
        Suite("tsan", "C suite and integration tests under TSan",
              (build("tsan"), (ctest("unit|conformance|abi|integration", "tsan"),
                               pytest("tests/integration", preset="tsan"), pytest("tests/dashboard", preset="tsan"))),
              packages=("TEST", "DASHBOARD"), seconds=(1500, 14400), kind=WORKS),
        Suite("lint", "clang-tidy and the format",
              (sh("scripts/format", "--check"), sh("scripts/lint")), packages=("TEST", "LINT"), seconds=(1800, 14400), kind=WORKS),
        Suite("fuzz", f"every fuzz target for {COUNTS['fuzz_seconds']['long' if long else 'short']} s",
              (build("fuzz"), *fuzzers(long)), packages=("TEST", "FUZZ"), kind=WORKS),
        Suite("coverage", "what tests run of the core, of Python and TypeScript is as much as tests/coverage asks; where memory never failed",
              coverage(), packages=("TEST", "NODE"), seconds=(3600, 14400), by_name=True, kind=WORKS),
        Suite("mutants", "of sixty small changes of the core, the tests notice what tests/mutants asks",
              (build("asan"), build("coverage"), sh("python3", "tests/mutants/mutants.py")), seconds=(5400, 14400), by_name=True,
              kind=WORKS),
    ]


def environment(step: Step, long: bool) -> dict[str, str]:
    """What `. build/env` gives, and what the step adds."""
    env = dict(os.environ)
    base = folder(step.preset)
    env["PATH"] = f"{base}/venv/bin:{base}/bin:{env['PATH']}"
    env["PYTHONPATH"] = f"{base}/python"
    env["NODE_PATH"] = f"{base}/node"
    if (hook := base / "node/register.mjs").exists():
        env["NODE_OPTIONS"] = f"--import={hook.as_uri()}"
    env["EVS_BUILD_DIR"] = str(base)
    env["CTEST_OUTPUT_ON_FAILURE"] = "1"
    env.pop("EVS_LONG", None)
    if long:
        env["EVS_LONG"] = "1"
    env.update(counted(step.preset) | step.env)
    if "EVS_PRELOAD" in env:
        found = [subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True,
                                text=True).stdout.strip() for name in env.pop("EVS_PRELOAD").split()]
        env["LD_PRELOAD"] = ":".join(found)
    return env


def listen_to_signals(mask) -> None:
    """In the new process: Ctrl-C works, though a shell that runs us in the background has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def start(step: Step, log, long: bool, mask) -> subprocess.Popen | None:
    """Begins a step, with `mask` as its blocked signals."""
    log.write(f"$ {' '.join(step.argv)}\n")
    log.flush()
    env = environment(step, long)
    program = shutil.which(step.argv[0], path=env["PATH"]) if "/" not in step.argv[0] else step.argv[0]
    try:
        return subprocess.Popen((program or step.argv[0], *step.argv[1:]), cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                                preexec_fn=lambda: listen_to_signals(mask))
    except OSError as error:
        log.write(f"cannot run it: {error}\n")
        return None


def finish(step: Step, process: subprocess.Popen | None, log, deadline: float) -> bool:
    if process is None:
        return False
    try:
        status = process.wait(timeout=max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        stop(process)
        log.write("stopped: the suite's time is over\n")
        return False
    if status != step.status:
        log.write(f"exit status {status}, expected {step.status}\n")
    return status == step.status


def run_steps(suite: Suite, steps: tuple[Step, ...], long: bool, deadline: float) -> list[tuple[bool, str]]:
    """Runs steps beside each other; gives for each whether it was right, and its output."""
    with contextlib.ExitStack() as stack:
        paths = [LOGS / f"{suite.name}.{number}.log" for number, _ in enumerate(steps, 1)]
        logs = [stack.enter_context(path.open("w", errors="replace")) for path in paths]
        processes: list[subprocess.Popen | None] = []
        # An interruption waits until each process is in the list, and so can be stopped.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            processes.extend(start(step, log, long, mask) for step, log in zip(steps, logs))
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            right = [finish(*each, deadline) for each in zip(steps, processes, logs)]
        except BaseException:
            for process in filter(None, processes):
                stop(process)
            raise
    outputs = [path.read_text(errors="replace") for path in paths]
    for path in paths:
        path.unlink()
    return list(zip(right, outputs))


def stop(process: subprocess.Popen) -> None:
    """Ends a step and what it started: it is the leader of a process group of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            process.wait()
            return


def count(text: str, ok: bool) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a step's output; a step that counts none is one test."""
    passed = failed = skipped = 0
    cmocka = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test\(s\)", text))
    bad = sum(int(n) for n in re.findall(r"\[  FAILED  \] (\d+) test\(s\)", text))
    for percent_failed, total in re.findall(r"tests passed, (\d+) tests? failed out of (\d+)", text):
        passed += max(cmocka, int(total) - int(percent_failed))
        failed += max(bad, int(percent_failed))
    for line in re.findall(r"^(?:=+ )?((?:\d+ \w+(?:, )?)+) in [\d.]+s", text, re.M):
        for number, word in re.findall(r"(\d+) (\w+)", line):
            passed += int(number) if word == "passed" else 0
            failed += int(number) if word in ("failed", "error", "errors") else 0
            skipped += int(number) if word == "skipped" else 0
    for word, number in re.findall(r"^\S+ (pass|fail|skipped) (\d+)$", text, re.M):  # Node's runner
        passed += int(number) if word == "pass" else 0
        failed += int(number) if word == "fail" else 0
        skipped += int(number) if word == "skipped" else 0
    if not ok and not failed:
        failed = 1
    if ok and not passed:
        passed = 1
    return passed, failed, skipped


def prepares(step: Step) -> bool:
    """Makes what the next steps need, and tests nothing itself."""
    return (step.argv[0] in ("scripts/build", "mkdir") or step.argv[3:4] == ("ci",)
            or step.argv[1:2] == ("tests/coverage/begin.py",))


def run_suite(suite: Suite, long: bool) -> Result:
    path = LOGS / f"{suite.name}.log"
    begun = time.monotonic()
    passed = failed = skipped = 0
    with path.open("w", errors="replace") as log:
        for entry in suite.steps:
            steps = entry if isinstance(entry, tuple) else (entry,)
            results = run_steps(suite, steps, long, begun + suite.seconds[long])
            for step, (ok, output) in zip(steps, results):
                log.write(output)
                step_passed, step_failed, step_skipped = count(output, ok)
                passed += 0 if prepares(step) and ok and suite.name != "build" else step_passed
                failed += step_failed
                skipped += step_skipped
            if any(prepares(step) and not ok for step, (ok, _) in zip(steps, results)):
                break
    verdict = "failed" if failed else "ok"
    more = f", {skipped} skipped" if skipped else ""
    text = f"{suite.name:12} {verdict:7} {time.monotonic() - begun:7.1f} s  {passed} passed, {failed} failed{more}\n"
    if failed:
        text += "".join(f"    | {line[:200]}\n" for line in tail(path))
        text += f"    the whole output: {path.relative_to(ROOT)}\n"
    return Result(text, passed, failed)


def tail(path: Path) -> list[str]:
    lines = path.read_text(errors="replace").splitlines()
    telling = [n for n, line in enumerate(lines)
               if re.search(r"FAILED|[Ee]rror:|ERROR|SUMMARY|Assertion|exit status", line)]
    around = sorted({m for n in telling[:12] for m in range(max(0, n - 2), min(len(lines), n + 3))})
    return [lines[n] for n in around[:40]] + ["…"] + lines[-8:] if around else lines[-40:]


def run(chosen: list[Suite], long: bool) -> list[Result]:
    lanes = [[[suite]] for suite in chosen if suite.kind == FIRST]
    lanes.append([[suite for suite in chosen if suite.kind == kind] for kind in (WORKS, WAITS)])
    return [result for beside in lanes for result in run_lanes(beside, lambda suite: run_suite(suite, long))]


def choose(suites: dict[str, Suite], names: list[str], long: bool) -> list[Suite]:
    return [suites[name] for name in names] or [suite for suite in suites.values() if long or not suite.by_name]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/test")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--packages", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    suites = {suite.name: suite for suite in table(args.long)}
    unknown = [name for name in args.names if name not in suites]
    if unknown:
        print(f"scripts/test: no suite '{unknown[0]}'; there are: {', '.join(suites)}", file=sys.stderr)
        return 2
    chosen = choose(suites, args.names, args.long)
    if args.list:
        for suite in choose(suites, args.names, long=True):
            print(f"{suite.name:12} {suite.about}{' (by name, or with --long)' if suite.by_name else ''}")
        return 0
    if args.packages:
        print(" ".join(dict.fromkeys(kind for suite in chosen for kind in suite.packages)))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is stopped then, too
    try:
        results = run(chosen, args.long)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
