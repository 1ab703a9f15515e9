"""The commands of the run store: what they print, what they refuse in one line, and which status they end with."""

from __future__ import annotations

import io
import json

import pytest
from store_files import recorded

from pycarbon.commands import main
from pycarbon.store.index import Store


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """A store with two runs of a project, one of another, and a file that is no run."""
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    for id, project, experiment in [("aaaa0001", "p", "e"), ("aaaa0002", "p", ""), ("bbbb0003", "p/q", "r/s")]:
        said = {"organisation": "acme", "project": project, "experiment": experiment}
        recorded(tmp_path / f"store/acme/{id}.pcr", id, **said)
    (tmp_path / "store/acme/bad.pcr").write_text("hello")
    return Store(tmp_path / "store")


@pytest.fixture
def ask(capsys):
    """Run a command: its status, and what it wrote on both streams."""

    def asked(*words: str) -> tuple[int, str, str]:
        try:
            status = main(words)
        except SystemExit as ended:
            status = int(ended.code)
        return (status, *capsys.readouterr())

    return asked


def test_ls_lists_what_was_asked_for(store, ask):
    status, out, err = ask("ls", "--project", "p", "--sort", "name")
    assert (status, err) == (0, "") and "aaaa0001" in out and "bbbb0003" not in out
    assert "1 file holds no run that can be used: pycarbon index --verbose" in out
    found = json.loads(ask("ls", "--experiment", "r/s", "--tag", "commit=c0ffee", "--json")[1])
    assert [run["id"] for run in found["runs"]] == ["bbbb0003"] and found["totals"]["runs"] == 1
    assert "… 1 of 3: --limit shows more" in ask("ls", "--limit", "1")[1]
    sums = json.loads(ask("ls", "--by", "project", "--json")[1])
    assert {group["key"]: group["runs"] for group in sums["groups"]} == {"p": 2, "p/q": 1}


@pytest.mark.parametrize(
    "words", [["--limit", "-1"], ["--limit", "many"], ["--by", "colour"], ["--sort", "size"], ["--kind", "guessed"]]
)
def test_ls_refuses_what_makes_no_sense(store, ask, words):
    status, out, err = ask("ls", *words)
    assert (status, out) == (2, "") and words[1] in err


def test_ls_says_which_day_is_none(store, ask):
    assert ask("ls", "--since", "today") == (1, "", "pycarbon: 'today' is no day; write one as 2026-11-27\n")


def test_show_takes_a_run_a_project_and_an_experiment(store, ask):
    assert (
        " Energy " in ask("show", "bbbb")[1]
        and "project p/q · experiment r/s · organisation acme" in ask("show", "bbbb")[1]
    )
    assert json.loads(ask("show", "aaaa0001", "--json")[1])["run"]["id"] == "aaaa0001"
    for what, runs in [("p", 2), ("p/e", 1), ("p/q", 1), ("p/q/r/s", 1)]:
        assert json.loads(ask("show", what, "--json")[1])["totals"]["runs"] == runs
    assert " organisation acme · 3 runs " in ask("show")[1] and "By project" in ask("show")[1]
    status, out, err = ask("show", "p/none")
    assert (status, out) == (1, "") and err.startswith("pycarbon: there is no") and err.count("\n") == 1


def test_a_file_is_shown_before_a_project_of_its_name(store, ask, tmp_path):
    recorded(tmp_path / "p", "cccc0004", name="mine")
    assert json.loads(ask("show", "p", "--json")[1])["run"]["name"] == "mine"


def test_tag_and_mv_refuse_half_a_command(store, ask):
    for words in (["tag", "aaaa0001"], ["tag", "k=v"], ["tag", "aaaa0001", "=v"], ["mv", "aaaa0001"]):
        status, out, err = ask(*words)
        assert (status, out) == (2, "") and "usage: pycarbon" in err
    for words in (
        ["mv", "aaaa0001", "--project", " "],
        ["tag", "acme/none.pcr", "k=v"],
        ["mv", "aaaa", "--name", "n"],
    ):
        status, out, err = ask(*words)
        assert (status, out) == (1, "") and err.startswith("pycarbon: ") and err.count("\n") == 1


def test_rm_asks_on_a_terminal(store, ask, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("no\nyes\n"))
    status, out, err = ask("rm", "aaaa0001", "aaaa0002")
    assert status == 1 and out.startswith("delete 2 runs, ") and err == "pycarbon: nothing is deleted\n"
    status, out, err = ask("rm", "aaaa0001", "aaaa0002")
    assert (status, err) == (0, "") and "deleted 2 runs, " in out
    assert [one.summary.id for one in store.runs()] == ["bbbb0003"]


def test_rm_deletes_nothing_that_is_not_the_stores(store, ask, tmp_path):
    mine = recorded(tmp_path / "mine.pcr", "dddd0005")
    for words, why in [
        (["mine.pcr"], "does not lie in the run store"),
        (["store/gone.pcr"], "is no file of a finished"),
    ]:
        status, out, err = ask("rm", *words, "--yes")
        assert (status, out) == (1, "") and why in err and err.count("\n") == 1
    assert mine.exists()
    # THEN what is no run can be deleted where it lies there
    assert ask("rm", "store/acme/bad.pcr", "--yes")[0] == 0 and store.refused() == []


def test_index_says_what_is_there_and_why_not(store, ask):
    status, out, err = ask("index", "--verbose")
    head, refused = out.splitlines()
    assert (status, err) == (0, "") and head == f"{store.folder}  runs: 3, read: 0, gone: 0, refused: 1"
    assert refused.startswith("  acme/bad.pcr: ") and "is not a pycarbon run file" in refused
    before = store.runs()
    assert ask("index", "--rebuild")[1] == f"{store.folder}  runs: 3, read: 3, gone: 0, refused: 1\n"
    assert store.runs() == before
