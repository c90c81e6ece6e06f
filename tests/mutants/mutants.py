# SPDX-License-Identifier: MIT
"""mutants.py - would the tests notice? Sixty small changes of the core, each built into the test programs that run the
changed line: most must fail. Called by `scripts/test mutants`; survivors.json explains those that may live."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import build
import lines
import mutate
import run_one

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = Path(__file__).with_name("survivors.json")
SEED, COUNT, KILLED_MIN = 1, 60, 54
SECONDS_MIN, TIMES = 20.0, 10  # a program that takes so many times as long as it did hangs
SECONDS_IN_ALL = 60.0  # for the programs of one mutation, by what they took before


@dataclasses.dataclass(frozen=True)
class Verdict:
    mutation: mutate.Mutation
    killer: str  # the program that failed; empty: none did
    tried: int


class Hunt:
    def __init__(self, work: Path, seed: int):
        self.work, self.seed = work, seed
        self.sanitized = build.Build(ROOT, ROOT / "build/asan")
        self.runs = lines.measure(ROOT, ROOT / "build/coverage", work / "counts")

    def candidates(self) -> list[mutate.Mutation]:
        """All that could be changed in lines that are run, in the order of the seed."""
        found = [mutation for file, ran in self.runs.programs.items()
                 for mutation in mutate.mutations(file, self._text(file)) if mutation.line in ran]
        return mutate.in_order(found, self.seed)

    def _text(self, file: str) -> str:
        return (ROOT / build.CORE / file).read_text()

    def _chosen(self, mutation: mutate.Mutation) -> Iterator[str]:
        """Programs that run the line, the quickest first, as many as there is time for."""
        spent = 0.0
        for program in self.runs.programs[mutation.file][mutation.line]:
            yield program
            spent += self.runs.seconds[program]
            if spent > SECONDS_IN_ALL:
                return

    def judge(self, mutation: mutate.Mutation) -> Verdict | None:
        """None: it is no C, or the same program in other words."""
        before = self._text(mutation.file)
        after = mutate.applied(mutation, before)
        work = self.work / f"{mutation.file.replace('/', '_')}-{mutation.line}-{abs(hash(mutation.name))}"
        work.mkdir(parents=True)
        try:
            made = self.sanitized.compile(mutation.file, after, work)
            if not made or self.sanitized.are_same(mutation.file, before, after, work):
                return None
            tried = 0
            for tried, program in enumerate(self._chosen(mutation), 1):
                changed = self.sanitized.link(program, made, work)
                limit = max(SECONDS_MIN, TIMES * self.runs.seconds[program])
                if not run_one.passes(changed, ROOT, limit, {}):
                    return Verdict(mutation, program, tried)
                changed.unlink()
            return Verdict(mutation, "", tried)
        finally:
            shutil.rmtree(work)

    def verdicts(self, count: int) -> Iterator[Verdict]:
        """The first so many mutations of the order that can be judged."""
        order, workers = iter(self.candidates()), os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            ahead = deque(pool.submit(self.judge, each) for each in itertools.islice(order, 4 * workers))
            while count > 0 and ahead:
                if verdict := ahead.popleft().result():
                    count -= 1
                    yield verdict
                ahead.extend(pool.submit(self.judge, each) for each in itertools.islice(order, 1))
            for future in ahead:
                future.cancel()


def problems(verdicts: list[Verdict], explained: dict[str, str], killed_min: int) -> list[str]:
    """What is not as it should be."""
    alive = {verdict.mutation.name for verdict in verdicts if not verdict.killer}
    dead = {verdict.mutation.name for verdict in verdicts if verdict.killer}
    found = [f"nobody says why this may live: {name}" for name in sorted(alive - set(explained))]
    found += [f"explained, and does not live: {name}" for name in sorted(dead & set(explained))]
    if len(dead) < killed_min:
        found.append(f"{len(dead)} of {len(verdicts)} were killed; at least {killed_min} must be")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants.py")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=COUNT)
    args = parser.parse_args()
    work = ROOT / "build/mutants"
    shutil.rmtree(work, ignore_errors=True)
    begun = time.monotonic()
    verdicts = []
    for verdict in Hunt(work, args.seed).verdicts(args.count):
        verdicts.append(verdict)
        fate = f"killed by {verdict.killer}" if verdict.killer else f"SURVIVED {verdict.tried} programs"
        print(f"{verdict.mutation.file}:{verdict.mutation.line} {verdict.mutation.kind}: {verdict.mutation.before}"
              f" => {verdict.mutation.after}: {fate}", flush=True)
    killed = sum(bool(verdict.killer) for verdict in verdicts)
    print(f"{killed} of {len(verdicts)} killed, in {time.monotonic() - begun:.0f} s")
    found = problems(verdicts, json.loads(SURVIVORS.read_text()), KILLED_MIN * args.count // COUNT)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
