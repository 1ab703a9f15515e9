"""Where a run that has ended is queued, and what is said; that it is sent is in integration/test_push_live.py."""

from __future__ import annotations

import os

import pytest

from pycarbon import settings
from pycarbon.pushing import at_end, known
from pycarbon.pushing.outbox import Entry, Outbox, Pause

SERVER = "https://carbon.example.org"


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """What is planned with some settings, of which the last may be in a project's file."""
    for name in [name for name in os.environ if name.startswith("PYCARBON_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "data"))

    def plan(*, inside: bool = False, project_file: str = "", **set_to: str):
        (tmp_path / "pyproject.toml").write_text(f"[tool.pycarbon]\n{project_file}\n")
        for name, value in set_to.items():
            monkeypatch.setenv(f"PYCARBON_{name.upper()}", value)
        return at_end.planned(settings.resolve(folder=tmp_path)[0], inside)

    return plan


def test_nothing_is_sent_without_a_server_or_where_somebody_says_off(planned):
    assert planned() is None and planned(server=SERVER, push="off") is None
    assert not planned(push="auto").wait and planned(push="wait").wait


def test_a_run_waits_in_one_file_and_nothing_is_said(planned, tmp_path):
    sending = planned(server=SERVER)
    assert at_end.queue(sending, "abcd1234", tmp_path / "x.pcr") == []
    (entry,) = Outbox(tmp_path / "data").entries()
    assert (entry.id, entry.path, entry.server, entry.tries) == ("abcd1234", str(tmp_path / "x.pcr"), SERVER, 0)
    assert at_end.queue(sending, "efgh5678", None) == [] and len(Outbox(tmp_path / "data").entries()) == 1


def test_what_somebody_has_to_do_is_said_at_the_next_run(planned, tmp_path):
    sending, outbox = planned(server=SERVER), Outbox(tmp_path / "data")
    outbox.put(Entry("abcd1234", "/x.pcr", SERVER, 0.0))
    for stopped, said in ((False, []), (True, ["runs wait to be sent: why"])):
        outbox.pause(SERVER, Pause(0.0, 1, "why", stopped))
        assert at_end.queue(sending, "efgh5678", tmp_path / "x.pcr") == said


def test_a_server_that_only_a_project_names_is_not_known_until_its_user_says_so(planned, tmp_path):
    line = f"server = '{SERVER}'"
    sending = planned(project_file=line)
    assert not sending.named
    (said,) = at_end.queue(sending, "abcd1234", tmp_path / "x.pcr")
    assert f"pycarbon push --server {SERVER}" in said and at_end.send(sending, at_once=True) == []
    known.remember(SERVER, os.environ)
    assert planned(project_file=line).named and planned(server=SERVER).named


def test_a_folder_that_takes_nothing_costs_one_line(planned, tmp_path):
    sending = planned(server=SERVER, data_dir="/proc/none")
    (said,) = at_end.queue(sending, "abcd1234", tmp_path / "x.pcr")
    assert "/proc/none/outbox" in said and f"pycarbon push {tmp_path / 'x.pcr'}" in said


def test_the_sender_stands_elsewhere_and_finds_the_same_modules(planned, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["here", "/there"]))
    monkeypatch.setenv("PYCARBON_RUN", "abcd")
    monkeypatch.chdir(tmp_path)
    environ = at_end._environment(planned(server=SERVER, data_dir="data"))
    assert environ["PYTHONPATH"] == os.pathsep.join([str(tmp_path / "here"), "/there"])
    assert environ["PYCARBON_DATA_DIR"] == str(tmp_path / "data") and "PYCARBON_RUN" not in environ


def test_a_program_with_python_in_it_is_not_started_as_python(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", "/usr/sbin/uwsgi")
    monkeypatch.setattr("sys.exec_prefix", str(tmp_path))
    assert at_end._interpreter() is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").touch(mode=0o755)
    assert at_end._interpreter() == str(tmp_path / "bin" / "python3")
