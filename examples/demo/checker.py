#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Judges a run of the demo from its ledgers and from the Redis server.

It knows nothing of the library: it reads the JSON Lines that the programs wrote and asks the server itself.

    checker.py snapshot DIR        keeps the dead letters as they are now (taken before they are requeued)
    checker.py check DIR [...]     keeps the server's final state, prints the summary; exit 0 only if all holds
    checker.py check DIR --offline the same from the folder alone, when the server is gone
"""

import argparse
import collections
import json
import os
import sys
import time

import ledger
import store

SNAPSHOT = "dead-letters.json"
SERVER = "server.json"
SERVER_EVENTS = "server-events.jsonl"


class Run:
    """Everything that is known of one run: its ledgers, the snapshot and the server's final state."""

    def __init__(self, folder):
        plan = _load(folder, "demo.json")
        self.publisher = plan["publisher"]
        self.forwarder = plan["forwarder"]
        self.group_types = {name: group["types"] for name, group in plan["groups"].items()}
        self.handled = {
            name: ledger.read(os.path.join(folder, group["ledger"])) for name, group in plan["groups"].items()
        }
        self.published = ledger.read(os.path.join(folder, "published.jsonl"))
        self.webhook = ledger.read(os.path.join(folder, "webhook.jsonl"))
        self.server_events = ledger.read(os.path.join(folder, SERVER_EVENTS))
        self.server = _load(folder, SERVER)
        snapshot = _load(folder, SNAPSHOT, {"mono": None, "deadLetters": {}})
        self.snapshot_at = snapshot["mono"]
        self.snapshot = [letter for letters in snapshot["deadLetters"].values() for letter in letters]

        self.stored_ids = {r["id"] for r in self.published if r["outcome"] == "stored"}
        self.sent = {r["id"]: r for r in self.published if r["outcome"] == "sending"}
        self.left = [letter for letters in self.server["deadLetters"].values() for letter in letters]

    def completed(self, group):
        """{event id: how many times the group's handler completed}"""
        return collections.Counter(r["id"] for r in self.handled[group] if r["outcome"] == "ok")


def _load(folder, name, default=None):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        if default is None:
            raise
        return default


def _save(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


# ---- what was published -----------------------------------------------------------------------------


def stored_events(run):
    """{id: record} of events reported as stored that the server has, too."""
    on_server = {event["id"] for event in run.server_events}
    return {id: run.sent[id] for id in run.stored_ids if id in on_server and id in run.sent}


def distinct_pids(events):
    return {r["pid"] for r in events.values() if r.get("pid") is not None}


# ---- what happened to it ----------------------------------------------------------------------------


def lost(run):
    """(group, event id) for each stored event that its group neither completed, nor holds as pending, nor
    has among the dead letters."""
    found = []
    for group, types in run.group_types.items():
        accounted = set(run.completed(group)) | pending_ids(run, group)
        accounted |= {letter["id"] for letter in run.left if letter["group"] in (group, None)}
        for id in run.stored_ids - accounted:
            record = run.sent.get(id, {})
            if types is None or record.get("type") in types:
                found.append((group, id))
    return sorted(found)


def pending_ids(run, group):
    by_entry = {(event["stream"], event["entry"]): event["id"] for event in run.server_events}
    return {
        by_entry.get((key, entry))
        for key, stream in run.server["streams"].items()
        for entry in stream["groups"].get(group, {}).get("pendingEntries", [])
    }


def pending_count(run):
    return sum(group["pending"] for stream in run.server["streams"].values() for group in stream["groups"].values())


def repeats(run):
    """Completions beyond the first, over all groups; at least once allows them, but they are counted."""
    return sum(count - 1 for group in run.group_types for count in run.completed(group).values())


def invented(run):
    """Handled events that nobody published. What a visitor published beside the demo is on the server under
    another origin."""
    foreign = {event["id"] for event in run.server_events if event["origin"] != run.publisher}
    handled = {id for group in run.group_types for id in run.completed(group)}
    return handled - set(run.sent) - foreign


# ---- dead letters -----------------------------------------------------------------------------------


def why_dead(run, letter):
    """'refused' or '5xx' when the failures that led to this dead letter really happened, else a text that
    begins with 'unexplained'."""
    if letter["group"] != run.forwarder:
        return "unexplained: group %s" % letter["group"]
    attempts = [
        r for r in run.handled[run.forwarder] if r["id"] == letter["id"] and r["mono"] <= run.snapshot_at
    ]
    if not attempts:
        return "unexplained: the forwarder has no record of an attempt"
    causes = {_cause(run, attempt) for attempt in attempts}
    wrong = sorted(cause for cause in causes if cause.startswith("unexplained"))
    if wrong:
        return wrong[0]
    return "5xx" if "5xx" in causes else "refused"


def _cause(run, attempt):
    if attempt["outcome"] == "ok":
        return "unexplained: an attempt had succeeded"
    if attempt.get("error") == "ECONNREFUSED":
        listening = [r["mono"] for r in run.webhook if r.get("event") == "listening"]
        if listening and attempt["started"] > listening[0]:
            return "unexplained: refused although the webhook was listening"
        return "refused"
    status = attempt.get("status")
    if status is None or not 500 <= status <= 599:
        return "unexplained: %s" % (attempt.get("error") or "status %s" % status)
    answered = sum(1 for r in run.webhook if r.get("id") == attempt["id"] and r.get("status") == status)
    claimed = sum(
        1 for r in run.handled[run.forwarder] if r["id"] == attempt["id"] and r.get("status") == status
    )
    if answered < claimed:
        return "unexplained: the webhook has no record of a %d" % status
    return "5xx"


def handled_after_requeue(run, letter):
    """Did the forwarder complete it after the snapshot, and does the webhook say so, too?"""
    completed = any(
        r["id"] == letter["id"] and r["outcome"] == "ok" and r["mono"] > run.snapshot_at
        for r in run.handled[run.forwarder]
    )
    received = any(
        r.get("id") == letter["id"] and r.get("status") == 200 and r["mono"] > run.snapshot_at
        for r in run.webhook
    )
    return completed and received


# ---- summary ----------------------------------------------------------------------------------------


def judge(run, limits):
    """[(label, value, what is asked, holds)] of the run."""
    events = stored_events(run)
    causes = collections.Counter(why_dead(run, letter) for letter in run.snapshot)
    explained = causes["refused"] + causes["5xx"]
    letters = {letter["id"] for letter in run.snapshot}
    missing = lost(run)
    rows = [
        _at_least("events published", len(events), limits.min_events),
        _at_least("distinct process ids", len(distinct_pids(events)), limits.min_pids),
        _at_least("dead letters", len(letters), limits.min_dead_letters),
    ]
    rows.append(("  from a refused connection", causes["refused"], "", True))
    rows.append(("  from a 5xx answer", causes["5xx"], "", True))
    rows.append(("  from anything else", len(run.snapshot) - explained, "0", explained == len(run.snapshot)))
    if not limits.no_requeue:
        handled = len({letter["id"] for letter in run.snapshot if handled_after_requeue(run, letter)})
        rows.append(("  handled after requeue", handled, "all", handled == len(letters)))
        rows.append(("  left on the server", len(run.left), "0", not run.left))
    rows.append(("lost", len(missing), "0", not missing))
    rows.append(("invented", len(invented(run)), "0", not invented(run)))
    rows.append(("pending", pending_count(run), "0", pending_count(run) == 0))
    rows.append(("handled more than once", repeats(run), "", True))
    return rows


def _at_least(label, value, minimum):
    return (label, value, "at least %d" % minimum if minimum else "", value >= minimum)


def details(run):
    """Lines that name what is wrong, the first few of each kind."""
    lines = ["lost: group %s, event %s" % pair for pair in lost(run)[:5]]
    for letter in run.snapshot:
        why = why_dead(run, letter)
        if why.startswith("unexplained"):
            lines.append("dead letter %s: %s" % (letter["id"], why))
    lines += ["invented: event %s" % id for id in sorted(invented(run))[:5]]
    return lines[:20]


def print_summary(run, rows, folder):
    for label, value, asked, holds in rows:
        verdict = "" if not asked else "ok" if holds else "NOT MET"
        print("  %-28s %6d   %-14s %s" % (label, value, asked, verdict))
    for line in details(run):
        print("  " + line)
    print("Ledgers (*.jsonl), dead letters (%s) and the server's final state (%s) are in\n  %s"
          % (SNAPSHOT, SERVER, folder))


def take_snapshot(folder):
    with store.opened(_load(folder, "demo.json")["store"]) as look:
        letters = look.dead_letters()
    _save(folder, SNAPSHOT, {"mono": time.monotonic(), "t": time.time(), "deadLetters": letters})
    print("%d dead letters before requeue" % sum(len(of_stream) for of_stream in letters.values()))


def keep_server_state(folder):
    with store.opened(_load(folder, "demo.json")["store"]) as look:
        _save(folder, SERVER, look.overview())
        with open(os.path.join(folder, SERVER_EVENTS), "w", encoding="utf-8") as file:
            for event in look.events():
                file.write(json.dumps(event, separators=(",", ":")) + "\n")


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Judges a run of the demo from its ledgers and the server.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("snapshot", help="keep the dead letters as they are now").add_argument("folder")
    check = verbs.add_parser("check", help="keep the server's state and print the summary")
    check.add_argument("folder")
    check.add_argument("--min-events", type=int, default=0)
    check.add_argument("--min-pids", type=int, default=0)
    check.add_argument("--min-dead-letters", type=int, default=0)
    check.add_argument("--no-requeue", action="store_true", help="the dead letters were not requeued")
    check.add_argument("--offline", action="store_true", help="do not ask the server again")
    return parser.parse_args(argv)


def main(argv):
    arguments = parse_arguments(argv)
    try:
        if arguments.verb == "snapshot":
            take_snapshot(arguments.folder)
            return 0
        if not arguments.offline:
            keep_server_state(arguments.folder)
        run = Run(arguments.folder)
        rows = judge(run, arguments)
    except (OSError, ValueError, KeyError, *store.FAILURES) as error:
        print("checker: cannot judge %s: %s: %s" % (arguments.folder, type(error).__name__, error), file=sys.stderr)
        return 1
    print_summary(run, rows, arguments.folder)
    return 0 if all(holds for *_, holds in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
