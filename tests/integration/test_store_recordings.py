"""Recordings into the run store: none is missing from the index, however many end at once, and none waits for it."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from processes import PYCARBON, run, started, without_privileges

from pycarbon.commands import main
from pycarbon.store.filters import Filter
from pycarbon.store.index import Store

RECORDING = """
import sys
from multiprocessing import get_context
import pycarbon

def work(number):
    with pycarbon.record(f"{sys.argv[1]} {number}", project="p", experiment="e"):
        pass

if __name__ == "__main__":
    print(sys.stdin.readline(), end="")
    with get_context("fork").Pool(2) as pool:
        pool.map(work, range(2))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The run store of what a test starts."""
    return tmp_path / "data" / "pycarbon"


def recorded_names(folder: Path) -> list[str]:
    """The names of the runs in an index as it is, without a look at the files."""
    connection = sqlite3.connect(folder / "index.sqlite")
    names = [name for (name,) in connection.execute("SELECT name FROM runs ORDER BY name")]
    connection.close()
    return names


def test_of_eight_that_record_at_once_none_is_missing(folder: Path, tmp_path: Path) -> None:
    # GIVEN four commands under `pycarbon run`, and four programs that record in pools, all waiting
    (tmp_path / "pool.py").write_text(RECORDING)
    commands = [[PYCARBON, "run", "--name", f"run {n}", "--project", "p", "--", "cat"] for n in range(4)]
    commands += [[sys.executable, str(tmp_path / "pool.py"), f"pool {n}"] for n in range(4)]
    with ExitStack() as running:
        processes = [running.enter_context(started(command)) for command in commands]
        # WHEN they go and end at once
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.close()
            process.stdin = None
        ends = [process.end() for process in processes]
        assert [process.returncode for process in processes] == [0] * 8
    # THEN the index has each of them before anybody looks for files, and nobody complained
    wanted = sorted([f"run {n}" for n in range(4)] + [f"pool {n} {m}" for n in range(4) for m in range(2)])
    assert recorded_names(folder) == wanted
    assert not [complaint for _, complaint in ends if "not in the index" in complaint]
    # THEN the sums are those of the files
    store = Store(folder)
    sums = store.totals(Filter(project="p"))
    store.rebuild()
    assert sums.runs == 12 and store.totals(Filter(project="p")) == sums
    assert store.totals(Filter(experiment="e")).runs == 8 and store.refused() == []


def test_an_index_that_is_locked_for_long_does_not_cost_the_run(folder: Path) -> None:
    # GIVEN an index that somebody has locked
    Store(folder).close()
    holder = sqlite3.connect(folder / "index.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    # WHEN runs end meanwhile
    ended = run([PYCARBON, "run", "--json", "--", "sh", "-c", "exit 3"])
    program = "import pycarbon\nwith pycarbon.record('block'): pass\nprint('done')"
    blocked = run([sys.executable, "-c", program])
    # THEN the program ends as ever, one line says so, and a summary is still the last thing on standard error
    assert ended.returncode == 3 and json.loads(ended.stderr[ended.stderr.index("{\n") :])["run"]["exit_status"] == 3
    assert (blocked.returncode, blocked.stdout) == (0, "done\n")
    for finished in (ended, blocked):
        [line] = [line for line in finished.stderr.splitlines() if line.startswith("pycarbon: the run is not in")]
        assert "the next `pycarbon ls` finds it" in line and "is locked by another process" in line
    # THEN the next look finds them
    holder.execute("ROLLBACK")
    holder.close()
    listed = json.loads(run([PYCARBON, "ls", "--json"]).stdout)
    assert sorted(one["name"] for one in listed["runs"]) == ["block", "sh"]


def test_where_the_store_takes_no_file_the_run_goes_elsewhere_as_ever(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    ended = run(without_privileges([PYCARBON, "run", "--", "true"]))
    folder.chmod(0o700)
    [file] = (tmp_path / "tmp").glob("*.pcr")
    assert ended.returncode == 0 and f"recording into {file} instead" in ended.stderr.replace("\n", " ")
    assert "index" not in ended.stderr and list(folder.iterdir()) == []


def test_a_file_that_was_asked_for_is_in_no_index(folder: Path) -> None:
    assert run([PYCARBON, "run", "-o", "a.pcr", "--", "true"]).returncode == 0
    assert not folder.exists()


def test_from_recording_to_deleting(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def pycarbon(*words: str, status: int = 0) -> str:
        assert main(words) == status
        out, err = capsys.readouterr()
        assert (err if status == 0 else out) == ""
        return out + err

    # GIVEN two runs of a project
    for name in ("first", "second"):
        run([PYCARBON, "run", "--organisation", "acme", "--project", "p", "--name", name, "--", "true"])
    first, second = json.loads(pycarbon("ls", "--sort", "name", "--json"))["runs"]
    assert (first["organisation"], first["project"], first["experiment"]) == ("acme", "p", "")
    # WHEN one of them gets a tag and another project THEN lists, its file and sums say so
    assert pycarbon("tag", first["id"], "user=ada", "draft=yes") == ""
    assert pycarbon("tag", first["id"][:6], "--remove", "draft") == ""
    moved = Path(pycarbon("mv", first["id"], "--project", "q", "--experiment", "e").strip())
    assert moved.parent == folder / "acme" / "q" and not (folder / first["path"]).exists()
    [listed] = json.loads(pycarbon("ls", "--tag", "user=ada", "--json"))["runs"]
    assert (listed["project"], listed["experiment"], listed["tags"]) == ("q", "e", {"user": "ada"})
    assert listed["energy_j"] == first["energy_j"] and listed["path"] == f"acme/q/{moved.name}"
    assert json.loads(pycarbon("report", first["id"], "--json"))["run"]["project"] == "q"
    assert json.loads(pycarbon("show", "q/e", "--json"))["totals"]["runs"] == 1
    assert "organisation acme · 2 runs" in pycarbon("show")
    # WHEN it is deleted THEN the other one is left
    assert "add --yes" in pycarbon("rm", first["id"], status=1)
    assert pycarbon("rm", first["id"], "--yes").startswith("deleted 1 run, ")
    assert [one["id"] for one in json.loads(pycarbon("ls", "--json"))["runs"]] == [second["id"]]
    assert pycarbon("index", "--rebuild") == f"{folder}  runs: 1, read: 1, gone: 0, refused: 0\n"
    assert run([PYCARBON, "show", first["id"]]).stderr.startswith(
        f"pycarbon: there is no file '{first['id']}', and no"
    )
