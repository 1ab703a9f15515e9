"""Runs find their way to a server by themselves, and whoever records never notices."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import threading
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from processes import PYCARBON, homes, pycarbon_run, run, started, wait_until
from team_server import TeamServer
from werkzeug import Request, Response

from pycarbon.analysis import load
from pycarbon.commands import main
from pycarbon.pushing.outbox import Outbox
from pycarbon.store.access_tokens import Tokens
from pycarbon.store.index import Store

TOKEN = "t0ken-of-the-tests"


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    return Outbox(tmp_path / "data" / "pycarbon")


@pytest.fixture
def token(monkeypatch) -> None:
    monkeypatch.setenv("PYCARBON_SERVER_TOKEN", TOKEN)


class Taken(Counter[str]):
    """How often each run was sent to a server that takes all."""

    def __init__(self, httpserver, monkeypatch) -> None:
        super().__init__()
        self._lock = threading.Lock()
        httpserver.expect_request(re.compile("/api/v1/runs/.*"), method="PUT").respond_with_handler(self.take)
        monkeypatch.setenv("PYCARBON_SERVER", httpserver.url_for("").rstrip("/"))

    def take(self, request: Request) -> Response:
        run_id = request.path.rpartition("/")[2]
        assert request.headers["Authorization"] == f"Bearer {TOKEN}" and request.get_data()
        with self._lock:
            self[run_id] += 1
            state = "stored" if self[run_id] == 1 else "already here"
        return Response(json.dumps({"id": run_id, "state": state}), 201 if state == "stored" else 200)


@pytest.fixture
def taken(httpserver, monkeypatch, token) -> Taken:
    return Taken(httpserver, monkeypatch)


def pushers(folder: Path) -> list[int]:
    """The processes that send what waits under a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (
                b"--quiet" in (entry / "cmdline").read_bytes()
                and os.fsencode(folder) in (entry / "environ").read_bytes()
            ):
                found.append(int(entry.name))
    return found


def url_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def done(outbox: Outbox) -> bool:
    return not pushers(outbox.folder.parent) and not outbox.is_claimed()


def test_runs_recorded_offline_arrive_when_the_server_is_there(tmp_path, outbox, monkeypatch, capsys):
    # GIVEN a team's server that is off, and a token for it
    store = tmp_path / "store"
    store.mkdir()
    with contextlib.closing(Tokens(store)) as tokens:
        monkeypatch.setenv("PYCARBON_SERVER_TOKEN", tokens.add("ci", "upload", date(2026, 1, 1)))
    with socket.create_server(("127.0.0.1", 0)) as listener:  # which has a port that nobody else gets
        server = TeamServer(store)
        server.port = listener.getsockname()[1]
        monkeypatch.setenv("PYCARBON_SERVER", url_of(listener))
    # WHEN a command is recorded THEN its status is its own, nothing is said, and the run waits
    recorded = run(pycarbon_run("sh", "-c", "exit 3"))
    assert recorded.returncode == 3 and "wait" not in recorded.stderr
    (entry,) = wait_until(lambda: [entry for entry in outbox.entries() if entry.answer])
    wait_until(lambda: done(outbox))
    assert "cannot be reached" in entry.answer and not entry.refused
    # WHEN somebody pushes in vain THEN one line says why
    assert main(["push"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "cannot be reached" in told
    with server:
        # WHEN the server is there and somebody pushes THEN nothing waits
        pushed = run([PYCARBON, "push"])
        assert (pushed.returncode, pushed.stderr) == (0, "") and pushed.stdout.startswith("sent 1 run to http")
        # WHEN another run ends THEN it arrives by itself
        run(pycarbon_run("true"))
        wait_until(lambda: not outbox.entries() and done(outbox), 60.0)
        # WHEN the first is sent once more THEN the server has it already
        assert main(["push", entry.path]) == 0
    # THEN both are there, byte by byte
    with contextlib.closing(Store(store)) as found:
        runs = found.runs()
        assert len(runs) == 2 and entry.id in {listed.summary.id for listed in runs}
        assert found.path_of(found.run(entry.id)).read_bytes() == Path(entry.path).read_bytes()


def test_a_server_that_never_answers_holds_up_nobody(tmp_path, outbox, token, monkeypatch):
    # GIVEN a server that takes the connection and says nothing, and a pipe that is open in all that is started
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("PYCARBON_SERVER", url_of(server))
        reading, writing = os.pipe()
        # WHEN a command is recorded
        recorded = run(pycarbon_run("sh", "-c", "exit 5"), pass_fds=(writing,))
        os.close(writing)
        # THEN its status is its own, and all its pipes come to their end while the sender still tries
        assert recorded.returncode == 5 and os.read(reading, 1) == b""
        os.close(reading)
        (sender,) = wait_until(lambda: pushers(tmp_path))
        connection = server.accept()[0]
        assert connection.recv(3) == b"PUT"
        # THEN that one goes last, holds no folder, can be ended, and is in no terminal's way
        status = Path(f"/proc/{sender}/status").read_text()
        assert re.search(r"SigBlk:\s+0+$", status, re.MULTILINE) and os.getsid(sender) != os.getsid(0)
        assert os.getpriority(os.PRIO_PROCESS, sender) == 19 and Path(f"/proc/{sender}/cwd").readlink() == Path("/")
        assert {Path(f"/proc/{sender}/fd/{number}").readlink() for number in range(3)} == {Path("/dev/null")}
        # WHEN another run ends meanwhile THEN no second sender is started
        run(pycarbon_run("true"))
        assert pushers(tmp_path) == [sender]
        os.kill(sender, 15)
        connection.close()
        wait_until(lambda: done(outbox))
    assert len(outbox.entries()) == 2


def test_eight_recordings_at_once_each_arrive_once(tmp_path, outbox, taken):
    # GIVEN a server, WHEN eight recordings end at the same time
    code = "import pycarbon, sys; sys.stdin.read()\nwith pycarbon.record('r'): pass"
    commands = [pycarbon_run("cat"), [sys.executable, "-c", code]] * 4
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(started(command)) for command in commands]
        for process in processes:
            process.stdin.close()
        for process in processes:
            assert process.wait(60) == 0
    # THEN each is sent once, and nothing waits
    wait_until(lambda: not outbox.entries() and done(outbox), 60.0)
    assert sorted(taken.values()) == [1] * 8 and homes(tmp_path) == []


PROGRAM = """
import os, pycarbon
for number in range(3):
    with pycarbon.record("outer"):
        with pycarbon.record("inner"):
            pass
    try:
        print(os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        print("no child")
child = os.fork()
if child == 0:
    with pycarbon.record("forked"):
        pass
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_program_that_records_often_finds_no_child_and_has_all_sent_at_its_end(outbox, taken):
    told = run([sys.executable, "-W", "ignore", "-c", PROGRAM])
    assert (told.returncode, told.stdout, told.stderr) == (0, "no child\n" * 3, "")
    wait_until(lambda: not outbox.entries() and done(outbox), 60.0)
    assert sorted(taken.values()) == [1] * 7


def test_a_run_within_a_run_is_sent_by_the_outer_one(outbox, taken):
    count = f'"{PYCARBON}" run -- true 2>/dev/null; ls "{outbox.folder}"'
    told = run(pycarbon_run("sh", "-c", count))
    # GIVEN that the inner run waits when it has ended, THEN both are sent
    assert told.stdout.count(".json") == 1 and "sent" not in told.stdout
    wait_until(lambda: not outbox.entries() and done(outbox), 60.0)
    assert sorted(taken.values()) == [1, 1]


def test_whoever_wants_to_wait_has_the_run_sent_before_the_end(outbox, taken, monkeypatch):
    monkeypatch.setenv("PYCARBON_PUSH", "wait")
    assert run(pycarbon_run("true")).returncode == 0 and sorted(taken.values()) == [1] and done(outbox)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("PYCARBON_SERVER", url_of(server))
    told = run(pycarbon_run("false"))
    assert told.returncode == 1 and "pycarbon: a run waits to be sent: " in told.stderr and "reached" in told.stderr


def test_a_bad_token_is_said_at_the_next_run_and_not_shown(outbox, httpserver, monkeypatch, token):
    httpserver.expect_request(re.compile(".*")).respond_with_json({"state": "refused", "message": TOKEN}, 401)
    monkeypatch.setenv("PYCARBON_SERVER", httpserver.url_for("").rstrip("/"))
    run(pycarbon_run("true"))
    wait_until(lambda: outbox.pauses() and done(outbox))
    told = run(pycarbon_run("true"))
    assert told.returncode == 0 and "does not accept PYCARBON_SERVER_TOKEN" in told.stderr
    wait_until(lambda: done(outbox))
    files = [path for path in outbox.folder.parent.rglob("*") if path.is_file()]
    assert TOKEN not in told.stderr and not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_a_server_that_only_a_project_file_names_gets_nothing_until_its_user_says_so(
    tmp_path, outbox, taken, monkeypatch, capsys
):
    # GIVEN a folder whose pyproject.toml names a server
    server = os.environ["PYCARBON_SERVER"]
    monkeypatch.delenv("PYCARBON_SERVER")
    (tmp_path / "pyproject.toml").write_text(f'[tool.pycarbon]\nserver = "{server}"\n')
    # WHEN a command is recorded there THEN one line says what to type, and nothing is sent
    told = run(pycarbon_run("true"))
    assert told.returncode == 0 and f"type `pycarbon push --server {server}` once" in told.stderr
    assert main(["push"]) == 1 and "--server" in capsys.readouterr().err and not taken
    # WHEN that is typed THEN it is sent, and so is the next run
    assert main(["push", "--server", server]) == 0 and capsys.readouterr().out == f"sent 1 run to {server}\n"
    assert run(pycarbon_run("true")).returncode == 0
    wait_until(lambda: not outbox.entries() and done(outbox), 60.0)
    assert sorted(taken.values()) == [1, 1]


def test_a_data_folder_that_takes_nothing_costs_one_line(tmp_path, taken, monkeypatch):
    monkeypatch.setenv("PYCARBON_DATA_DIR", "/proc/none")
    told = run(pycarbon_run("sh", "-c", "exit 4", output=tmp_path / "x.pcr"))
    assert told.returncode == 4 and load(tmp_path / "x.pcr").exit_status == 4
    assert (
        len([line for line in told.stderr.splitlines() if "outbox" in line]) == 1 and "pycarbon push" in told.stderr
    )
