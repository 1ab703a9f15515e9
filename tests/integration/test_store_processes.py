"""The store's index between processes: many that write, forks, a folder that takes no file, a disk that is full."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from processes import in_tmpfs, is_root, run
from run_copies import Copies

from pycarbon.store.index import Store

CROWD = """
import os, sys
from pathlib import Path
from run_copies import Copies
from pycarbon.store.index import Store

folder, mode = Path(sys.argv[1]), sys.argv[2]
copies = Copies()
shared = Store(folder) if mode == "inherited" else None
children = []
for worker in range(8):
    pid = os.fork()
    if pid:
        children.append(pid)
        continue
    store = shared or Store(folder)
    for number in range(10):
        path = folder / "o" / f"p{number}" / f"{worker}.pcr"
        store.add(copies.write(path, f"{worker:04d}{number:04d}", 1.78e9 + number))
        if mode == "deleted" and (worker, number) == (3, 5):
            (folder / "index.sqlite").unlink()
        if number == worker:
            store.refresh()
    os._exit(0 if store.totals().runs >= 1 else 3)
statuses = [os.waitpid(pid, 0)[1] for pid in children]
print(statuses, Store(folder).totals().runs)
"""


@pytest.mark.parametrize("mode", ["each its own", "inherited", "deleted"])
def test_eight_processes_add_at_once_and_none_is_missing(mode: str, tmp_path: Path, script: list[str]) -> None:
    # GIVEN eight processes that open a new store, or inherit an open one; in one case somebody deletes the index
    folder = tmp_path / "store"
    # WHEN each adds ten runs
    finished = run([*script, CROWD, str(folder), mode])
    # THEN none fails, none is missing, and the index says what one made from nothing does
    assert finished.stdout == f"{[0] * 8} 80\n", finished.stderr
    assert finished.stderr == ""
    store = Store(folder)
    found = (store.totals(), store.by("project"), store.refused())
    assert found[0].runs == 80 and not list(folder.glob("*.damaged"))
    store.close()
    (folder / "index.sqlite").unlink()
    store = Store(folder)
    assert (store.totals(), store.by("project"), store.refused()) == found
    store.close()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line that runs a program which may import what tests do."""
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))
    return [sys.executable, "-c"]


SAY = """
import sys
from pathlib import Path
from run_copies import Copies
from pycarbon.errors import PyCarbonError
from pycarbon.store.index import Store

folder = Path(sys.argv[1])
store = Store(folder)
print(store.totals().runs, store.read_only, store.refresh().added)
try:
    store.add(folder / "o/1.pcr")
except PyCarbonError as error:
    print(error)
"""


def read_only(folder: Path, *argv: str) -> list[str]:
    """The command line that runs `argv` where a folder is read-only, to root, too."""
    as_root = [] if is_root() else ["--user", "--map-root-user"]
    bind = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99; shift; exec "$@"'
    return ["unshare", "--mount", *as_root, "--", "sh", "-c", bind, "sh", str(folder), *argv]


@pytest.mark.parametrize("state", ["no index", "an index", "an index in use"])
def test_a_folder_that_takes_no_file(state: str, namespaces: None, tmp_path: Path, script: list[str]) -> None:
    # GIVEN a store with a run that can only be read; its index is not there, at rest, or in somebody's hands
    folder = tmp_path / "store"
    Copies().write(folder / "o/1.pcr", "0001")
    store = None if state == "no index" else Store(folder)
    if store is not None and state == "an index":
        store.close()
    # WHEN it is asked
    finished = run(read_only(folder, *script, SAY, str(folder)))
    # THEN it answers; an index in memory can be added to, one that lies there cannot
    assert finished.returncode == 0, finished.stderr
    first, *more = finished.stdout.splitlines()
    assert first == "1 True 0"
    assert len(more) == (state != "no index")
    assert all("index.sqlite cannot be changed: " in line for line in more)
    if store is not None:
        store.close()


FULL = """
import sys
from pathlib import Path
from run_copies import Copies
from pycarbon.errors import PyCarbonError
from pycarbon.store.index import Store

folder, copies = Path(sys.argv[1]), Copies()
store = Store(folder)
store.add(copies.write(folder / "0.pcr", "first"))
names, number = [], 0
with (folder / "filler").open("wb", buffering=0) as filler:
    try:
        while filler.write(bytes(65536)):
            pass
    except OSError:
        pass
for number in range(1000):
    try:
        copies.write(folder / "1.pcr", f"{number:04d}")
        store.add(folder / "1.pcr")
    except (PyCarbonError, OSError) as error:
        print(error if isinstance(error, PyCarbonError) else "no room for the file")
        break
print(store.totals().runs >= 1)
print(Store(folder).totals().runs >= 1)
(folder / "filler").unlink()
store.add(copies.write(folder / "2.pcr", "last"))
store.refresh()
print(store.run("last").path, store.refused())
"""


def test_a_disk_that_is_full_and_gets_room_again(namespaces: None, tmp_path: Path, script: list[str]) -> None:
    (tmp_path / "full").mkdir()
    finished = run(in_tmpfs(tmp_path / "full", "4m", 'shift; "$@"', *script, FULL, str(tmp_path / "full")))
    assert finished.returncode == 0, finished.stderr
    what, *then = finished.stdout.splitlines()
    assert "the disk is full" in what or what == "no room for the file"
    assert then == ["True", "True", "2.pcr []"]
