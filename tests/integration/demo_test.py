# SPDX-License-Identifier: MIT
"""The demo's parts: the checker sees each way in which a run can be wrong, the webhook fails as it says, the
view of /proc and the view of the server are right, and no process outlives the orchestrator.

The whole demo, unbroken and broken, is a suite of its own: `scripts/test demo`.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli_support import HANGS_AFTER, until

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo"
sys.path.insert(0, str(DEMO))

import children as demo_children  # noqa: E402
import ledger as demo_ledger  # noqa: E402
import proc as demo_proc  # noqa: E402
import redis_server as demo_redis  # noqa: E402
import store as demo_store  # noqa: E402

BUILD = Path(os.environ.get("EVS_BUILD_DIR", DEMO.parents[1] / "build"))
LISTENING, SNAPSHOT, AFTER = 50.0, 100.0, 110.0
LIMITS = ("--min-events", "500", "--min-pids", "50", "--min-dead-letters", "10")


# ---- the checker, against hand-made runs --------------------------------------------------------------


class Run:
    """A run in which everything is right; a test breaks one thing before it is written."""

    def __init__(self):
        self.types = ["process.ended" if n % 5 == 0 else "process.started" for n in range(600)]
        self.ids = ["e%03d" % n for n in range(600)]
        self.forwarded = [id for id, type in zip(self.ids, self.types) if type == "process.ended"]
        self.refused, self.unavailable = self.forwarded[:8], self.forwarded[8:14]
        self.dead = self.refused + self.unavailable
        self.published = [r for n in range(600) for r in self._publish(n)]
        self.aggregator = [{"id": id, "attempt": 1, "outcome": "ok", "mono": 20.0} for id in self.ids]
        self.forwarder = [r for id in self.forwarded for r in self._forward(id)]
        self.webhook = [{"event": "listening", "mono": LISTENING}] + self._answers()
        self.letters = [{"entry": "1-%d" % n, "id": id, "group": "forwarder"} for n, id in enumerate(self.dead)]
        self.left = []
        self.server_events = [
            {"stream": "stream:{process-events}", "entry": "1-%d" % n, "id": id, "type": type, "origin": "publisher"}
            for n, (id, type) in enumerate(zip(self.ids, self.types))
        ]
        self.groups = {name: {"pending": 0, "pendingEntries": []} for name in ("aggregator", "forwarder")}

    def _publish(self, n):
        about = {"id": self.ids[n], "type": self.types[n], "key": str(n % 60)}
        return [{**about, "pid": n % 60, "outcome": "sending"}, {**about, "outcome": "stored"}]

    def _forward(self, id):
        about = {"id": id, "type": "process.ended"}
        tries = []
        for attempt in (1, 2, 3):
            if id in self.refused:
                tries.append({"started": 10.0, "mono": 10.1, "error": "ECONNREFUSED", "outcome": "failed"})
            elif id in self.unavailable:
                tries.append({"started": 55.0, "mono": 55.1, "status": 503, "outcome": "failed"})
        tries.append({"started": AFTER, "mono": AFTER + 0.1, "status": 200, "outcome": "ok"})
        return [{**about, "attempt": n + 1, **record} for n, record in enumerate(tries)]

    def _answers(self):
        unavailable = [{"id": id, "status": 503, "mono": 55.0} for id in self.unavailable for _ in range(3)]
        return unavailable + [{"id": id, "status": 200, "mono": AFTER} for id in self.forwarded]

    def write(self, folder):
        for name, records in {
            "published": self.published,
            "handled-aggregator": self.aggregator,
            "handled-forwarder": self.forwarder,
            "webhook": self.webhook,
            "server-events": self.server_events,
        }.items():
            (folder / (name + ".jsonl")).write_text("".join(json.dumps(r) + "\n" for r in records))
        groups = {
            "aggregator": {"ledger": "handled-aggregator.jsonl", "types": None},
            "forwarder": {"ledger": "handled-forwarder.jsonl", "types": ["process.ended"]},
        }
        plan = {"store": "", "publisher": "publisher", "forwarder": "forwarder", "groups": groups}
        streams = {"stream:{process-events}": {"length": 600, "groups": self.groups}}
        dlq = "dlq:{process-events}"
        for name, value in {
            "demo": plan,
            "dead-letters": {"mono": SNAPSHOT, "deadLetters": {dlq: self.letters}},
            "server": {"streams": streams, "deadLetters": {dlq: self.left}},
        }.items():
            (folder / (name + ".json")).write_text(json.dumps(value))

    def without(self, records, id, **fields):
        """The records but those of one event that have these fields."""
        return [r for r in records if r.get("id") != id or any(r.get(k) != v for k, v in fields.items())]


def check(folder, *arguments):
    command = [sys.executable, DEMO / "checker.py", "check", folder, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_AFTER)
    assert done.stderr == ""
    return done.returncode, [line.strip() for line in done.stdout.splitlines()]


def not_met(lines):
    return [line.split("  ")[0] for line in lines if line.endswith("NOT MET")]


def test_checker_accepts_a_run_in_which_everything_is_right(tmp_path):
    Run().write(tmp_path)
    status, lines = check(tmp_path, "--offline", *LIMITS)
    assert (status, not_met(lines)) == (0, [])
    found = {" ".join(line.split()[:-1]) for line in lines}
    assert "events published 600 at least 500" in found
    assert "distinct process ids 60 at least 50" in found
    assert "dead letters 14 at least 10" in found
    assert str(tmp_path) in lines


def too_few_events(run):
    keep = set(run.ids[:499])
    run.server_events = [event for event in run.server_events if event["id"] in keep]


def events_reported_refused(run):
    for record in run.published:
        if record["outcome"] == "stored" and record["id"] not in run.ids[:450]:
            record["outcome"] = "refused"


def too_few_pids(run):
    for record in run.published:
        if "pid" in record:
            record["pid"] %= 49


def too_few_dead_letters(run):
    run.letters = run.letters[:9]


def aggregator_lost_one(run):
    run.aggregator = run.without(run.aggregator, run.ids[3])


def forwarder_lost_one(run):
    run.forwarder = run.without(run.forwarder, run.forwarded[50])


def forwarder_failed_without_end(run):
    run.forwarder = run.without(run.forwarder, run.forwarded[50], outcome="ok")


def dead_letter_without_an_attempt(run):
    run.forwarder = run.without(run.forwarder, run.dead[0], outcome="failed")


def dead_letter_after_success(run):
    run.forwarder.append({"id": run.dead[0], "started": 11.0, "mono": 12.0, "status": 200, "outcome": "ok"})


def dead_letter_from_another_error(run):
    for record in run.forwarder:
        if record["id"] == run.dead[0] and record["outcome"] == "failed":
            record["error"] = "ETIMEDOUT"


def dead_letter_from_a_4xx(run):
    for record in run.forwarder + run.webhook:
        if record.get("id") == run.unavailable[0] and record.get("status") == 503:
            record["status"] = 404


def refusal_while_the_webhook_listened(run):
    for record in run.forwarder:
        if record["id"] == run.refused[0] and record["outcome"] == "failed":
            record["started"] = LISTENING + 1


def answer_that_the_webhook_did_not_give(run):
    run.webhook = run.without(run.webhook, run.unavailable[0], status=503)


def dead_letter_of_another_group(run):
    run.letters[0]["group"] = "aggregator"


def dead_letter_left_after_requeue(run):
    run.left = run.letters[:1]


def requeued_event_not_handled(run):
    run.forwarder = run.without(run.forwarder, run.dead[0], outcome="ok")


def success_that_the_webhook_did_not_see(run):
    run.webhook = run.without(run.webhook, run.dead[0], status=200)


def handled_event_that_nobody_published(run):
    run.aggregator.append({"id": "nobody's", "attempt": 1, "outcome": "ok", "mono": 20.0})


def something_pending(run):
    run.groups["aggregator"] = {"pending": 1, "pendingEntries": ["1-3"]}


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (too_few_events, ["events published"]),
        (events_reported_refused, ["events published"]),
        (too_few_pids, ["distinct process ids"]),
        (too_few_dead_letters, ["dead letters"]),
        (aggregator_lost_one, ["lost"]),
        (forwarder_lost_one, ["lost"]),
        (forwarder_failed_without_end, ["lost"]),
        (dead_letter_without_an_attempt, ["from anything else"]),
        (dead_letter_after_success, ["from anything else"]),
        (dead_letter_from_another_error, ["from anything else"]),
        (dead_letter_from_a_4xx, ["from anything else"]),
        (refusal_while_the_webhook_listened, ["from anything else"]),
        (answer_that_the_webhook_did_not_give, ["from anything else"]),
        (dead_letter_of_another_group, ["from anything else"]),
        (dead_letter_left_after_requeue, ["left on the server"]),
        (requeued_event_not_handled, ["handled after requeue", "lost"]),
        (success_that_the_webhook_did_not_see, ["handled after requeue"]),
        (handled_event_that_nobody_published, ["invented"]),
        (something_pending, ["pending"]),
    ],
)
def test_checker_refuses_a_run_with(tmp_path, break_it, expected):
    run = Run()
    break_it(run)
    run.write(tmp_path)
    status, lines = check(tmp_path, "--offline", *LIMITS)
    assert (status, not_met(lines)) == (1, expected)


def test_checker_does_not_count_what_is_pending_or_dead_as_lost(tmp_path):
    run = Run()
    aggregator_lost_one(run)
    something_pending(run)
    requeued_event_not_handled(run)
    run.left = [letter for letter in run.letters if letter["id"] == run.dead[0]]
    run.write(tmp_path)
    _, lines = check(tmp_path, "--offline", *LIMITS)
    assert "lost" not in not_met(lines)


def test_checker_lets_a_visitor_publish_beside_the_demo(tmp_path):
    run = Run()
    run.aggregator.append({"id": "visitor's", "attempt": 1, "outcome": "ok", "mono": 20.0})
    run.server_events.append({**run.server_events[0], "entry": "2-0", "id": "visitor's", "origin": "events"})
    run.write(tmp_path)
    status, lines = check(tmp_path, "--offline", *LIMITS)
    assert (status, not_met(lines)) == (0, [])


def test_checker_says_what_it_cannot_read(tmp_path):
    command = [sys.executable, DEMO / "checker.py", "check", tmp_path, "--offline"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_AFTER)
    assert done.returncode == 1
    assert "demo.json" in done.stderr and "Traceback" not in done.stderr


# ---- the checker and the server ------------------------------------------------------------------------


@pytest.fixture
def children(tmp_path):
    (tmp_path / "logs").mkdir()
    started = demo_children.Children(str(tmp_path / "logs"))
    yield started
    started.stop_all(10)


@pytest.fixture
def redis_url(tmp_path, children):
    return demo_redis.start(children, str(tmp_path / "redis"))


def add(server, key, id, **more):
    data = json.dumps({"v": 1, "header": {"id": id, "type": "process.ended", "origin": "publisher"}, "body": None})
    return server.call("XADD", key, "*", "data", data, *(part for pair in more.items() for part in pair))


def test_checker_keeps_lengths_pending_counts_and_dead_letters_of_the_server(tmp_path, redis_url):
    run = Run()
    run.write(tmp_path)
    plan = json.loads((tmp_path / "demo.json").read_text())
    (tmp_path / "demo.json").write_text(json.dumps({**plan, "store": redis_url}))
    stream, dlq = "stream:{process-events}", "dlq:{process-events}"
    with demo_store.Server(redis_url) as server:
        for id in run.ids:
            add(server, stream, id)
        server.call("XGROUP", "CREATE", stream, "aggregator", "0")
        server.call("XGROUP", "CREATE", stream, "forwarder", "$")
        server.call("XREADGROUP", "GROUP", "aggregator", "c", "COUNT", 7, "STREAMS", stream, ">")
        add(server, dlq, run.dead[0], dead='{"group": "forwarder"}')

    status, lines = check(tmp_path, *LIMITS)

    assert (status, not_met(lines)) == (1, ["left on the server", "pending"])
    kept = json.loads((tmp_path / "server.json").read_text())
    groups = kept["streams"][stream]["groups"]
    assert kept["streams"][stream]["length"] == 600
    assert (groups["aggregator"]["pending"], groups["forwarder"]["pending"]) == (7, 0)
    assert [(letter["id"], letter["group"]) for letter in kept["deadLetters"][dlq]] == [(run.dead[0], "forwarder")]
    assert len((tmp_path / "server-events.jsonl").read_text().splitlines()) == 600


def test_store_is_quiet_only_when_each_group_has_read_and_settled_everything(redis_url):
    stream = "stream:{process-events}"
    with demo_store.Server(redis_url) as server:

        def busy():
            return demo_store.busy(server, [stream], ["aggregator"])

        assert "does not exist" in busy()[0]
        entry = add(server, stream, "e1")
        assert "no group" in busy()[0]
        server.call("XGROUP", "CREATE", stream, "aggregator", "0")
        assert "not read to the end" in busy()[0]
        server.call("XREADGROUP", "GROUP", "aggregator", "c", "STREAMS", stream, ">")
        assert "1 pending" in busy()[0]
        server.call("XACK", stream, "aggregator", entry)
        assert busy() == []


def test_a_file_is_looked_into_as_a_server_is(tmp_path):
    path = str(tmp_path / "events.db")
    for number in range(3):
        subprocess.run([BUILD / "bin" / "events", "--file", path, "publish", "process.ended", str(number)], check=True,
                       stdout=subprocess.DEVNULL)
    with demo_store.opened(path) as look:
        assert look.overview()["streams"]["process-events"]["length"] == 3
        assert [event["type"] for event in look.events()] == ["process.ended"] * 3
        assert look.dead_letters() == {"process-events": []}
        assert demo_store.busy(look, [look.stream("process-events")], ["aggregator"]) == [
            "process-events has no group aggregator"]


# ---- the webhook ---------------------------------------------------------------------------------------


def post(url, id):
    """The status of one request, or 'refused'."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=HANGS_AFTER)
    try:
        connection.request("POST", "/", b"{}", {"X-Event-Id": id})
        return connection.getresponse().status
    except ConnectionRefusedError:
        return "refused"
    finally:
        connection.close()


def test_webhook_refuses_then_is_unavailable_then_works_and_records_what_it_answered(tmp_path, children):
    (tmp_path / "state").mkdir()
    command = [sys.executable, str(DEMO / "webhook.py"), "--dir", str(tmp_path)]
    children.start("webhook", command + ["--refuses", "0.5", "--unavailable", "1.0"])
    url = until(lambda: demo_ledger.read_state(tmp_path, "webhook").get("url"))
    assert post(url, "before its time counts") == "refused"

    children.tell("webhook", b"\n")
    seen = []

    def works():
        status = post(url, "e%d" % len(seen))
        seen.append(status)
        return status == 200

    until(works)

    assert sorted(set(map(str, seen))) == ["200", "503", "refused"]
    assert [str(s) for s in seen] == sorted(map(str, seen), key=["refused", "503", "200"].index)
    answered = {r["id"]: r["status"] for r in demo_ledger.read(tmp_path / "webhook.jsonl") if "status" in r}
    assert answered == {"e%d" % n: status for n, status in enumerate(seen) if status != "refused"}
    until(lambda: demo_ledger.read_state(tmp_path, "webhook").get("phase") == "up")


# ---- /proc ---------------------------------------------------------------------------------------------


def show_process(root, pid, comm, start, state="S", cmdline=b""):
    folder = root / str(pid)
    folder.mkdir(exist_ok=True)
    fields = [state, "1"] + ["0"] * 17 + [str(start)] + ["0"] * 20
    (folder / "stat").write_text("%d (%s) %s\n" % (pid, comm, " ".join(fields)))
    (folder / "cmdline").write_bytes(cmdline)


def hide_process(root, pid):
    for file in (root / str(pid)).iterdir():
        file.unlink()
    (root / str(pid)).rmdir()


def names(processes):
    return [(process.pid, process.comm) for process in processes]


def test_processes_that_start_and_end_are_seen_and_those_before_are_not(tmp_path):
    show_process(tmp_path, 1, "init", 5)
    processes = demo_proc.Processes(str(tmp_path))
    assert processes.changes() == ([], [])

    show_process(tmp_path, 7, "a (b) c", 90, cmdline=b"a\0--flag\0" + b"x" * 1000)
    started, ended = processes.changes()
    assert (names(started), ended) == ([(7, "a (b) c")], [])
    assert started[0].cmdline.startswith("a --flag xxx") and len(started[0].cmdline) <= 200

    hide_process(tmp_path, 7)
    started, ended = processes.changes()
    assert (started, names(ended)) == ([], [(7, "a (b) c")])


def test_a_process_id_that_is_used_again_is_another_process(tmp_path):
    show_process(tmp_path, 7, "first", 90)
    processes = demo_proc.Processes(str(tmp_path))
    show_process(tmp_path, 7, "second", 91)
    started, ended = processes.changes()
    assert (names(started), names(ended)) == ([(7, "second")], [(7, "first")])


def test_a_process_that_waits_to_be_collected_has_ended(tmp_path):
    show_process(tmp_path, 7, "short", 90)
    processes = demo_proc.Processes(str(tmp_path))
    show_process(tmp_path, 7, "short", 90, state="Z")
    assert names(processes.changes()[1]) == [(7, "short")]


def test_a_real_process_is_seen_to_start_and_to_end():
    processes = demo_proc.Processes()
    child = subprocess.Popen(["sleep", "60"])
    try:
        started = until(lambda: [p for p in processes.changes()[0] if p.pid == child.pid])
        assert started[0].ppid == os.getpid()
    finally:
        child.kill()
        child.wait()
    assert until(lambda: [p for p in processes.changes()[1] if p.pid == child.pid])


def test_samples_are_differences_between_two_looks(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "stat").write_text("cpu  100 0 0 900 0 0 0 0 0 0\nintr 1\n")
    (tmp_path / "net" / "dev").write_text("Inter-|\n face |bytes\n  eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n")
    (tmp_path / "diskstats").write_text(" 8 0 sda 1 0 30 0 1 0 40 0 0 0 0\n 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n")
    samples = demo_proc.Samples(str(tmp_path))
    assert samples.take() == []

    (tmp_path / "stat").write_text("cpu  175 0 0 925 0 0 0 0 0 0\nintr 1\n")
    (tmp_path / "net" / "dev").write_text("Inter-|\n face |bytes\n  eth0: 15 1 0 0 0 0 0 0 27 1 0 0 0 0 0 0\n")
    (tmp_path / "diskstats").write_text(" 8 0 sda 1 0 31 0 1 0 43 0 0 0 0\n")
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable: 60 kB\nBuffers: 1 kB\n")
    assert samples.take() == [
        ("cpu", "cpu", {"cpu": "cpu", "busy": 0.75}),
        ("memory", "memory", {"kib": {"memTotal": 100, "memAvailable": 60}}),
        ("disk", "sda", {"disk": "sda", "readSectors": 1, "writtenSectors": 3}),
        ("network", "eth0", {"interface": "eth0", "receivedBytes": 5, "sentBytes": 7}),
    ]


# ---- processes of the demo -----------------------------------------------------------------------------


def has_ended(pid):
    """True when no such process runs; one that waits to be collected has ended."""
    try:
        return Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_children_end_when_their_orchestrator_is_killed(tmp_path):
    program = (
        "import sys, time; sys.path.insert(0, %r); import children;"
        "started = children.Children(%r).start('sleep', ['sleep', '300']);"
        "print(started.pid, flush=True); time.sleep(300)" % (str(DEMO), str(tmp_path))
    )
    orchestrator = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with orchestrator:
        pid = int(orchestrator.stdout.readline())
        assert not has_ended(pid)
        orchestrator.send_signal(signal.SIGKILL)
    until(lambda: has_ended(pid))


def test_a_child_that_ignores_the_request_to_stop_is_ended_nevertheless(children):
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(300)"
    child = children.start("stubborn", [sys.executable, "-c", program])
    until(lambda: os.path.getsize(children.log("stubborn")))
    assert children.stop("stubborn", seconds=0.2) == -signal.SIGKILL
    assert has_ended(child.pid)


def test_a_child_that_ends_by_itself_is_noticed_with_what_it_said(children):
    child = children.start("broken", [sys.executable, "-c", "raise SystemExit('no luck today')"])
    child.wait(timeout=HANGS_AFTER)
    with pytest.raises(demo_children.ChildEnded, match="no luck today"):
        children.check()


# ---- the load ------------------------------------------------------------------------------------------


def start_load(tmp_path, children, text):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "example.c").write_text(text)
    command = [sys.executable, str(DEMO / "load.py"), "--dir", str(tmp_path)]
    return children.start("load", command + ["--sources", str(tmp_path / "sources"), "--compile", "cc -O0"])


def test_load_compiles_and_runs_the_examples_until_it_is_stopped(tmp_path, children):
    start_load(tmp_path, children, '#include <stdio.h>\nint main(void) { return puts("done") < 0; }\n')
    records = until(lambda: demo_ledger.read(tmp_path / "load.jsonl")[3:])
    assert records[0]["exit"] == 0
    assert children.stop("load") == 0
    assert not (tmp_path / "example").exists()
    assert "done" in Path(children.log("load")).read_text()


def test_load_says_so_when_an_example_fails(tmp_path, children):
    child = start_load(tmp_path, children, "int main(void) { return 7; }\n")
    until(lambda: child.poll() is not None)
    with pytest.raises(demo_children.ChildEnded, match="example ended with 7"):
        children.check()


def test_load_only_compiles_what_needs_a_server(tmp_path, children):
    start_load(tmp_path, children, "int main(void) { return 7; } /* redis://127.0.0.1 */\n")
    until(lambda: len(demo_ledger.read(tmp_path / "load.jsonl")) >= 2)
    assert children.stop("load") == 0
    assert {record["command"] for record in demo_ledger.read(tmp_path / "load.jsonl")} == {"cc"}
