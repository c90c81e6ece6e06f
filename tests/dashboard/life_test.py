# SPDX-License-Identifier: MIT
"""life_test.py - starting, stopping and outliving: clients that hang, a store that goes away, hosts in C and
Python, and the command `events serve`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis_server import RedisServer
from support import BUILD, HOST, MEMORY, ROOT, Client, Host, basic, file_config, redis_config, until

EVENTS = BUILD / "bin/events"

# The dlopen of a sanitizer does not look where the program that calls it says.
ENVIRONMENT = os.environ | ({"LD_LIBRARY_PATH": str(BUILD)} if "LD_PRELOAD" in os.environ else {})


def test_stopping_does_not_wait_for_clients(start: Any) -> None:
    host = start()
    host.fail_all()
    large = json.dumps({"text": "x" * 900_000})
    row = host.dead_letters(large)[0]
    host.do("subscribe", outcome="ack")
    with ExitStack() as stack:
        peers = [stack.enter_context(host.client.raw()) for _ in range(20)]
        for peer in peers[1:]:
            peer.sendall(b"GET /api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        request = f"GET /api/v1/dlq/entries/{row['key']}/body HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        peers[0].sendall(request * 20)  # 18 MB that it never reads
        assert host.do("publish", type="order.paid", body="1", count=50) == {"stored": 50}
        assert host.do("stop", deadline=20000) == {"status": "EVS_OK"}
        assert host.do("publish", type="order.paid", body="1") == {"stored": 1}


def test_a_stop_that_runs_out_of_time_can_be_called_again(memory: Host) -> None:
    assert memory.do("stop", deadline=0)["status"] in ("EVS_TIMEOUT", "EVS_OK")
    assert memory.do("stop", deadline=20000) == {"status": "EVS_OK"}


def test_the_hosts_signals_are_left_alone(memory: Host) -> None:
    assert memory.do("signals") == {"sigpipe": "default"}
    with memory.client.raw() as peer:  # a client that leaves while it is answered
        peer.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50)
    assert memory.client.get("/session").status == 200
    assert memory.do("signals") == {"sigpipe": "default"}


def test_a_port_that_is_taken_is_an_error_that_says_so(memory: Host) -> None:
    run = subprocess.run((HOST, json.dumps(MEMORY), json.dumps({"port": memory.client.port})), capture_output=True,
                         text=True, timeout=300)
    assert run.returncode == 1 and '"EVS_TRANSPORT"' in run.stderr and "Is the port in use?" in run.stderr


def test_two_dashboards_of_one_process_do_not_meet() -> None:
    with Host(MEMORY) as one, Host(MEMORY, {"readOnly": True}) as two:
        assert one.client.ok("/session")["bootId"] != two.client.ok("/session")["bootId"]
        assert (one.client.ok("/session")["readOnly"], two.client.ok("/session")["readOnly"]) == (False, True)


def test_a_store_that_goes_away_and_comes_back_is_shown_and_survived() -> None:
    with RedisServer() as server, ExitStack() as stack:
        host = stack.enter_context(Host(redis_config(server.url)))
        host.fail_all()
        host.dead_letters('{"n":1}')
        port, process = server.port, server.process
        assert process
        process.send_signal(signal.SIGTERM)
        process.wait()
        away = until(lambda: (seen := host.client.ok("/overview"))["unavailable"] and not seen["transports"][0]["connected"]
                     and seen)
        assert {part["part"] for part in away["unavailable"]} == {"groups", "deadLetters"}
        assert away["totals"]["published"] == 1
        until(lambda: host.client.ok("/overview")["transports"][0]["lastError"])
        for path in ("/groups", "/dlq/entries", "/audit"):
            answer = host.client.get(path)
            assert (answer.status, answer.code) == (503, "store_unavailable") and answer.headers["retry-after"]
        assert host.client.call("GET", "/readyz").status == 503
        assert host.client.call("GET", "/healthz").status == 200
        back = subprocess.Popen(("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                                 "--dir", server.folder.name), stdout=subprocess.DEVNULL,
                                env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
        stack.callback(back.wait)
        stack.callback(back.terminate)
        until(lambda: host.client.ok("/overview")["unavailable"] == [] and host.client.get("/groups").status == 200)
        until(lambda: host.client.call("GET", "/readyz").status == 200)
        stack.close()


def test_python_starts_it_and_takes_it_along(redis: RedisServer) -> None:
    import libevents

    async def run() -> str:
        async with libevents.EventSystem(redis_config(redis.url)) as system:
            dashboard = await system.start_dashboard(port=0, base_path="/ops", environment={"name": "test"})
            loop = asyncio.get_running_loop()
            session = await loop.run_in_executor(None, lambda: Client(dashboard.url).ok("/session"))
            assert session["environment"]["name"] == "test" and dashboard.url.endswith("/ops/")
            second = await system.start_dashboard({"readOnly": True})
            await second.stop()
            await second.stop()
            assert not listens(second.url)
            with pytest.raises(libevents.ConfigurationError, match="did you mean"):
                await system.start_dashboard(prot=1)
        return dashboard.url

    assert not listens(asyncio.run(run()))


def test_sync_python_starts_it_and_takes_it_along() -> None:
    import libevents

    with libevents.SyncEventSystem(MEMORY) as system:
        with system.start_dashboard() as dashboard:
            assert Client(dashboard.url).get("/session").status == 200
        assert not listens(dashboard.url)
        dashboard = system.start_dashboard()
    assert not listens(dashboard.url)
    with pytest.raises(libevents.Closed):
        system.start_dashboard()


def listens(url: str) -> bool:
    try:
        Client(url).raw().close()
        return True
    except OSError:
        return False


def run_python(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((sys.executable, "-c", text), capture_output=True, text=True, timeout=300)


def test_importing_the_package_loads_no_web_server() -> None:
    loaded = "print('civetweb' in open('/proc/self/maps').read())"
    before = run_python("import libevents; " + loaded)
    after = run_python(f"import libevents; s = libevents.SyncEventSystem({MEMORY!r}); s.connect(); s.start_dashboard(); "
                       f"{loaded}; s.close()")
    assert (before.stdout, after.stdout) == ("False\n", "True\n"), after.stderr


def test_a_program_that_ends_without_closing_ends() -> None:
    run = run_python(f"import libevents; s = libevents.SyncEventSystem({MEMORY!r}); s.connect(); s.start_dashboard()")
    assert run.returncode == 0, run.stderr


@pytest.mark.forks
def test_a_child_process_leaves_the_parents_dashboard_alone() -> None:
    run = run_python(f"""
import libevents, os, urllib.request
system = libevents.SyncEventSystem({MEMORY!r}); system.connect(); dashboard = system.start_dashboard()
child = os.fork()
if child == 0:
    dashboard.stop(); system.close(); os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert urllib.request.urlopen(dashboard.url + "healthz").status == 200
system.close()
""")
    assert run.returncode == 0, run.stderr


def test_where_the_library_is_missing_the_error_says_what_to_do(tmp_path: Path) -> None:
    package = tmp_path / "libevents"
    package.mkdir()
    for path in (BUILD / "python/libevents").iterdir():
        if "dashboard.so" not in path.name and path.name != "__pycache__":
            (package / path.name).symlink_to(path.resolve())
    run = subprocess.run((sys.executable, "-c", f"""
import libevents
with libevents.SyncEventSystem({MEMORY!r}) as system:
    try:
        system.start_dashboard()
    except libevents.Unsupported as error:
        print(error)
"""), capture_output=True, text=True, timeout=300, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert "no dashboard" in run.stdout and "libcivetweb-dev" in run.stdout, run.stderr


class Serve:
    """`events serve` until the end of the block, ended by SIGTERM."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen((str(EVENTS), *arguments), stdout=subprocess.PIPE, text=True,
                                        env=ENVIRONMENT | environment)
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()

    def __enter__(self) -> Serve:
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=40)
        assert self.process.stdout
        self.process.stdout.close()
        assert kind or status == 0


def test_serve_shows_a_store_without_a_host_program(start: Any, redis: RedisServer) -> None:
    host = start()
    host.fail_all()
    host.dead_letters('{"n":1}')
    with Serve("--redis", redis.url, "serve", "--port", "0", "--base-path", "/ops") as serve:
        client = Client(serve.url)
        assert serve.url.endswith("/ops/")
        assert until(lambda: client.ok("/overview")["totals"]["published"] == 1)
        assert [row["service"] for row in client.ok("/routes")["items"]] == ["shop"]
        assert {row["service"] for row in client.ok("/publishers")["items"]} == {"shop"}  # and not itself
        row = client.ok("/dlq/entries")["items"][0]
        assert client.post(f"/dlq/entries/{row['key']}:discard", {}).status == 200


def test_serve_shows_a_file_that_others_use(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with Host(file_config(path)) as host, Serve("--file", str(path), "serve") as serve:
        host.fail_all()
        host.dead_letters('{"n":1}')
        client = Client(serve.url)
        assert until(lambda: client.ok("/overview")["totals"]["published"] == 1)
        assert {row["service"] for row in client.ok("/publishers")["items"]} == {"shop"}
        row = client.ok("/dlq/entries")["items"][0]
        assert client.post(f"/dlq/entries/{row['key']}:discard", {}).status == 200
        assert client.ok("/dlq/archive")["items"]


def test_serve_logs_lines_of_json_to_standard_error() -> None:
    with RedisServer() as server:
        run = subprocess.Popen((str(EVENTS), "--redis", server.url, "serve"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=ENVIRONMENT)
        assert run.stdout and run.stderr and run.stdout.readline().startswith("http")
    line = json.loads(run.stderr.readline())  # the server is gone
    assert line["level"] == "warn" and line["component"] == "main" and line["message"]
    run.terminate()
    run.communicate(timeout=40)


def test_serve_reads_its_options_and_users(redis: RedisServer, tmp_path: Path) -> None:
    options = tmp_path / "dashboard.json"
    options.write_text(json.dumps({"environment": {"name": "prod"}, "readOnly": False}))
    with Serve("serve", "--redis", redis.url, "--dashboard", str(options), "--read-only", "--user", "ana-b:operator",
               EVENTS_PASSWORD_ANA_B="operator pass") as serve:
        assert Client(serve.url).get("/session").status == 401
        session = Client(serve.url, basic("ana-b", "operator pass")).ok("/session")
        assert session["environment"]["name"] == "prod" and session["readOnly"] is True


def test_serve_makes_a_token_where_others_can_reach_it(redis: RedisServer) -> None:
    with Serve("serve", "--redis", redis.url, "--listen", "0.0.0.0", "--allow-insecure") as serve:
        assert serve.process.stdout
        token = serve.process.stdout.readline().split()[1]
        url = serve.url.replace("0.0.0.0", "127.0.0.1")
        assert Client(url).get("/session").status == 401
        assert Client(url, basic("token", token)).ok("/session")["actor"] == "token"


@pytest.mark.parametrize("arguments,status,text", [
    (("--listen", "0.0.0.0"), 3, "reverse proxy"), (("--port", "99999"), 2, "65535"), (("--user", "ana"), 2, "NAME:ROLE"),
    (("--user", "ana:operator"), 2, "EVENTS_PASSWORD_ANA"), (("--dashboard", "/no/such/file"), 3, "/no/such/file"),
    (("--base-path", "x"), 3, "/basePath"), (("--limit", "3"), 2, "no option --limit")])
def test_serve_refuses_wrong_options(server: RedisServer, arguments: tuple[str, ...], status: int, text: str) -> None:
    run = subprocess.run((EVENTS, "serve", "--redis", server.url, *arguments), capture_output=True, text=True, timeout=300,
                         env=ENVIRONMENT)
    assert run.returncode == status and text in run.stderr, run.stderr


def test_serve_says_when_the_store_is_not_there() -> None:
    run = subprocess.run((EVENTS, "serve", "--redis", "redis://127.0.0.1:1", "--timeout", "500"), capture_output=True,
                         text=True, timeout=300, env=ENVIRONMENT)
    assert run.returncode == 4 and "127.0.0.1:1" in run.stderr and run.stdout == ""


def test_the_library_exports_what_its_header_declares() -> None:
    header = (ROOT / "dashboard/server/include/libevents_dashboard.h").read_text()
    exported = subprocess.run(("nm", "-D", "--defined-only", BUILD / "libevents-dashboard.so"), capture_output=True,
                              text=True, check=True).stdout
    names = {line.split()[-1].split("@")[0] for line in exported.splitlines()} - {"LIBEVENTS_DASHBOARD_1"}
    assert {name for name in names if not name.startswith("_")} == {
        "evs_dashboard_start", "evs_dashboard_url", "evs_dashboard_stop"}
    assert all(name in header for name in names)


@pytest.mark.parametrize("compiler", [("cc", "-std=c11", "-xc"), ("c++", "-std=c++17", "-xc++")])
def test_the_header_stands_alone(compiler: tuple[str, ...]) -> None:
    subprocess.run((*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/libevents/include",
                    str(ROOT / "dashboard/server/include/libevents_dashboard.h")), check=True, timeout=300,
                   env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
