"""What `pycarbon push` sends, lists and says; what happens by itself is in integration/test_push_live.py."""

from __future__ import annotations

import json
import re
import sys

import pytest
from pushed_runs import write_cut_off, write_run

from pycarbon.commands import main
from pycarbon.pushing.outbox import Entry, Outbox

RUN, OTHER = "3f9a3f9a3f9a3f9a", "4b4b4b4b4b4b4b4b"


@pytest.fixture
def outbox(tmp_path, monkeypatch, httpserver) -> Outbox:
    """A user with a server, and nothing that waits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PYCARBON_SERVER", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("PYCARBON_SERVER_TOKEN", "t0ken-of-the-tests")
    return Outbox(tmp_path / "data")


def answer(httpserver, status: int = 201, state: str = "stored", message: str = "") -> None:
    for run_id in (RUN, OTHER):
        members = {"id": run_id, "state": state, "message": message}
        httpserver.expect_request(f"/api/v1/runs/{run_id}", method="PUT").respond_with_json(members, status)


@pytest.mark.parametrize(
    "words, why",
    [
        (["none.pcr"], "no file none.pcr"),
        (["a/none.pcr"], "no file a/none.pcr"),
        (["empty.pcr"], "is empty"),
        (["cut.pcr"], "pycarbon repair"),
        (["live.pcr"], "pycarbon repair"),
        (["."], "cannot be read"),
        (["--server", "ftp://x"], "https://carbon.example.org"),
        (["--server", "http://me:hunter2@x"], "https://carbon.example.org"),
        (["--server", "http://192.0.2.1", "--all"], "unencrypted"),
    ],
)
def test_what_cannot_be_sent_is_said_in_one_line(outbox, tmp_path, capsys, words, why):
    (tmp_path / "empty.pcr").touch()
    (tmp_path / "live.pcr.live").mkdir()
    write_cut_off(tmp_path / "cut.pcr", RUN)
    assert main(["push", *words]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and why in told and "hunter2" not in told and outbox.entries() == []


def test_who_names_no_server_is_told_how(outbox, monkeypatch, capsys):
    monkeypatch.delenv("PYCARBON_SERVER")
    assert main(["push", "--all"]) == 1 and "PYCARBON_SERVER" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["push", "--status", "x"])
    with pytest.raises(SystemExit):
        main(["push", "--all", "x"])


def test_without_httpx_one_line_says_what_to_install(outbox, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert main(["push", str(write_run(tmp_path / "x.pcr", RUN))]) == 1
    assert capsys.readouterr().err == "pycarbon: sending runs needs httpx: pip install 'pycarbon-energy[live]'\n"


def test_runs_are_named_by_file_and_by_id_and_all_are_those_not_sent_yet(outbox, tmp_path, httpserver, capsys):
    # GIVEN a run in the store, and one elsewhere
    answer(httpserver)
    write_run(tmp_path / "data" / "o" / "p" / "x.pcr", RUN)
    write_run(tmp_path / "y.pcr", OTHER)
    # WHEN both are sent by name THEN they arrive, and of all runs of the store none is left to send
    assert main(["push", RUN[:6], "y.pcr"]) == 0
    assert capsys.readouterr().out.startswith("sent 2 runs to http://")
    assert main(["push", "--all"]) == 0 and capsys.readouterr().out == "nothing waits to be sent\n"
    assert len(httpserver.log) == 2
    # WHEN one is named once more THEN it is sent once more: the server knows that it has it
    assert main(["push", "y.pcr", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    assert (one["fate"], one["id"]) == ("sent", OTHER) and len(httpserver.log) == 3


def test_what_the_server_says_of_a_run_that_it_took_is_shown(outbox, tmp_path, httpserver, capsys):
    answer(httpserver, message="stored, but its clock is 9 days ahead")
    assert main(["push", str(write_run(tmp_path / "x.pcr", RUN))]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("sent 1 run") and "9 days ahead" in told.err and told.err.count("\n") == 1


def test_refused_runs_are_listed_with_the_reason_until_forgotten(outbox, tmp_path, httpserver, capsys):
    # GIVEN a run that the server refuses, and a file that is no entry
    answer(httpserver, 400, "refused", "too odd")
    assert main(["push", str(write_run(tmp_path / "x.pcr", RUN))]) == 1
    assert re.fullmatch(r"pycarbon: .*x\.pcr refused: .*too odd\)\n", capsys.readouterr().err)
    (outbox.folder / "odd.json").write_text("?")
    # WHEN somebody looks THEN both are told, in text and in JSON
    assert main(["push", "--status"]) == 0
    told = capsys.readouterr()
    assert "not taken: " in told.out and "too odd" in told.out and "odd.json" in told.err
    assert main(["push", "--status", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["fate"] for one in listed["runs"]] == ["refused"] and listed["unreadable"] == ["odd.json"]
    # WHEN they are forgotten THEN there is nothing to tell
    assert main(["push", "--forget"]) == 0 and outbox.entries() == []
    assert main(["push"]) == 0


def test_what_waits_is_listed_by_server_with_the_reason(outbox, tmp_path, httpserver, capsys):
    # GIVEN a server that is out of order, and two runs
    answer(httpserver, 503, "refused", "busy")
    names = [str(write_run(tmp_path / f"{run_id}.pcr", run_id)) for run_id in (RUN, OTHER)]
    assert main(["push", *names]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.startswith("pycarbon: 2 runs wait: ") and len(httpserver.log) == 1
    # WHEN somebody looks THEN one line has the number, the reason, and when it is tried again
    assert main(["push", "--status"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("2 runs to be sent to http://") and "busy" in told and "again in" in told
    servers = _status(capsys)["servers"]
    assert [pause["stopped"] for pause in servers.values()] == [False]


def test_a_run_that_fails_alone_is_listed_alone(outbox, tmp_path, httpserver, capsys):
    answer(httpserver, 500, "refused", "oops")
    main(["push", str(write_run(tmp_path / "x.pcr", RUN))])
    capsys.readouterr()
    main(["push", "--status"])
    assert re.search(r"x\.pcr: .*oops.*; tried 1 times; again in \d+ min", capsys.readouterr().out)


def test_a_run_whose_file_is_gone_is_told_of_once(outbox, tmp_path, capsys):
    outbox.put(Entry(RUN, str(tmp_path / "gone.pcr"), "https://carbon.example.org", 0.0))
    assert main(["push"]) == 1 and "gone.pcr dropped: " in capsys.readouterr().err
    assert main(["push"]) == 0 and capsys.readouterr().out == "nothing waits to be sent\n"


def test_an_outbox_that_cannot_be_written_is_said(outbox, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PYCARBON_DATA_DIR", "/proc/none")
    assert main(["push", str(write_run(tmp_path / "x.pcr", RUN))]) == 1
    assert re.fullmatch(r"pycarbon: /proc/none/outbox cannot be written: .*\n", capsys.readouterr().err)


def _status(capsys):
    main(["push", "--status", "--json"])
    return json.loads(capsys.readouterr().out)
