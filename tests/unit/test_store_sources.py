"""Stores elsewhere in the index: in memory and in another folder, as fsspec opens both."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from compared_runs import data, program
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from pycarbon import fold
from pycarbon.analysis import Run, figures
from pycarbon.errors import PyCarbonError, RunFileError
from pycarbon.frame import RAW
from pycarbon.run import RunData, listed
from pycarbon.store import remote
from pycarbon.store.index import Store
from pycarbon.store.remote import address, state_of

MADE = data(program(4, 50.0, "save"), "made")


def contents(folder: Path, run_id: str, **meta: object) -> bytes:
    """The file of a run."""
    run = RunData(MADE.meta | {"id": run_id, **meta}, MADE.channels, MADE.edges, MADE.footer, True, [], MADE.ledger)
    run.footer = {**MADE.footer, "run": listed(run.meta)}
    path = folder / f"{uuid.uuid4()}.pcr"
    fold.write(fold.frames_of(run), path, figures=lambda made: figures(Run(made)))
    read = path.read_bytes()
    path.unlink()
    return read


class There:
    """A folder elsewhere that a test fills."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, self.root = fsspec.core.url_to_fs(url)

    def put(self, path: str, held: bytes) -> None:
        self.fs.makedirs(f"{self.root}/{path}".rpartition("/")[0], exist_ok=True)
        self.fs.pipe_file(f"{self.root}/{path}", held)

    def remove(self, path: str) -> None:
        self.fs.rm(f"{self.root}/{path}")


@pytest.fixture(params=["memory", "file"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[There]:
    url = f"file://{tmp_path}/a folder" if request.param == "file" else f"memory://{uuid.uuid4()}/runs"
    place = There(url)
    place.fs.makedirs(place.root, exist_ok=True)
    yield place
    place.fs.rm(place.root, recursive=True)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def ids(store: Store) -> list[str]:
    return sorted(each.summary.id for each in store.runs())


def test_its_runs_are_listed_added_up_and_opened(there: There, store: Store, tmp_path: Path) -> None:
    # GIVEN two runs elsewhere, one in a folder, and what is none of them
    there.put("a.pcr", contents(tmp_path, "run-a"))
    there.put("lab/vision/b.pcr", contents(tmp_path, "run-b", project="vision"))
    there.put("live.pcr.live/run.pcr", b"being recorded")
    there.put("notes.txt", b"no run")

    found = store.refresh_source(there.url + "/")

    # THEN both stand in the index as runs of that source
    assert (found.added, found.gone, found.refused) == (2, 0, [])
    assert ids(store) == ["run-a", "run-b"] and store.totals().runs == 2
    one = store.run("run-b")
    assert (one.source, one.path, one.summary.project) == (there.url, "lab/vision/b.pcr", "vision")
    (source,) = store.sources()
    assert (source.url, source.runs) == (there.url, 2) and source.read_at

    # AND open as any other, with all that is in them
    run = store.open(one)
    assert run.energy.total_j == one.summary.energy_j
    assert {region.label for region in run.regions} == {"load", "step", "forward", "save"}
    assert len(run.edges("package-0")) == len(Run(MADE).edges("package-0"))
    with pytest.raises(PyCarbonError, match="lies in"):
        store.path_of(one)
    with pytest.raises(PyCarbonError, match="only reads"):
        store.remove(one)


def test_only_what_changed_is_read_again(there: There, store: Store, tmp_path: Path) -> None:
    there.put("a.pcr", contents(tmp_path, "run-a"))
    there.put("b.pcr", contents(tmp_path, "run-b"))
    store.refresh_source(there.url)
    read: list[int] = []
    assert store.refresh_source(there.url, read.append).added == 0 and read == []

    # WHEN one is replaced, one goes, and one comes
    there.put("a.pcr", contents(tmp_path, "run-a", name="another"))
    there.remove("b.pcr")
    there.put("c.pcr", contents(tmp_path, "run-c"))
    found = store.refresh_source(there.url, read.append)

    assert (found.added, found.gone, read) == (2, 1, [2])
    assert ids(store) == ["run-a", "run-c"] and store.run("run-a").summary.name == "another"


def test_damaged_files_cost_no_other(there: There, store: Store, tmp_path: Path) -> None:
    # GIVEN a whole run, one cut at half, one of rubbish, an empty one, one without an id
    whole = contents(tmp_path, "run-a")
    there.put("cut.pcr", contents(tmp_path, "run-cut")[: len(whole) // 2])
    there.put("none.pcr", b"rubbish" * 100)
    there.put("empty.pcr", b"")
    there.put("nobody.pcr", contents(tmp_path, ""))
    there.put("whole.pcr", whole)

    found = store.refresh_source(there.url)

    # THEN what is whole in each is there, and of the others is said why not
    assert ids(store) == ["run-a", "run-cut"] and not store.run("run-cut").summary.complete
    why = dict(found.refused)
    assert set(why) == {"none.pcr", "empty.pcr", "nobody.pcr"}
    assert "is not a pycarbon run file" in why["none.pcr"] and "is empty" in why["empty.pcr"]
    assert all("\n" not in line for line in why.values())
    assert store.refresh_source(there.url).refused == [], "they are not read again until they change"
    assert len(store.refused()) == 3


def test_a_run_of_the_store_goes_before_its_copy(there: There, store: Store, tmp_path: Path) -> None:
    # GIVEN a run that is elsewhere, and then in the store, too
    held = contents(tmp_path, "run-a")
    there.put("a.pcr", held)
    store.refresh_source(there.url)
    (store.folder / "here.pcr").write_bytes(held)

    # THEN the store's own counts, whichever came first
    store.refresh()
    assert [(each.source, each.path) for each in store.runs()] == [("", "here.pcr")]
    assert store.refresh_source(there.url).added == 0 and store.totals().runs == 1
    assert "same run as" in dict(store.refused())[f"{there.url}/a.pcr"]

    # AND when that goes, the copy is found again
    store.remove(store.run("run-a"))
    assert store.refresh_source(there.url).added == 1
    assert store.run("run-a").source == there.url


def test_one_run_twice_in_a_source_counts_once(there: There, store: Store, tmp_path: Path) -> None:
    held = contents(tmp_path, "run-a")
    there.put("a.pcr", held)
    there.put("b.pcr", held)

    found = store.refresh_source(there.url)

    assert found.added == 1 and store.totals().runs == 1
    assert [path for path, _ in found.refused] == ["b.pcr"]


def test_a_source_that_is_not_there_keeps_its_runs(there: There, store: Store, tmp_path: Path) -> None:
    there.put("a.pcr", contents(tmp_path, "run-a"))
    store.refresh_source(there.url)
    there.fs.rm(there.root, recursive=True)

    with pytest.raises(PyCarbonError, match="cannot be read: there is no such folder"):
        store.refresh_source(there.url)

    assert ids(store) == ["run-a"] and store.sources()[0].runs == 1
    with pytest.raises(PyCarbonError, match="no longer there"):
        store.open(store.run("run-a"))
    there.fs.makedirs(there.root, exist_ok=True)


class Guarded(MemoryFileSystem):
    """A file system that lets nobody look into some folders, and walks through the others as most do."""

    protocol = "guarded"
    store: ClassVar[dict] = {}  # type: ignore[assignment]
    pseudo_dirs: ClassVar[list] = [""]
    closed: ClassVar[set[str]] = set()
    find = AbstractFileSystem.find

    def ls(self, path, detail=True, **more):
        if any(path.rstrip("/").endswith(name) for name in self.closed):
            raise PermissionError(13, "Permission denied", path)
        return super().ls(path, detail=detail, **more)


def test_a_folder_that_lets_nobody_in_keeps_its_runs(store: Store, tmp_path: Path) -> None:
    # GIVEN a source with a run in each of two folders, one of which is closed then
    fsspec.register_implementation("guarded", Guarded, clobber=True)
    there = There(f"guarded://{uuid.uuid4()}")
    there.put("a/a.pcr", contents(tmp_path, "run-a"))
    there.put("b/b.pcr", contents(tmp_path, "run-b"))
    assert store.refresh_source(there.url).added == 2
    Guarded.closed.add("/b")

    # THEN nobody knows what is in it, and nothing is forgotten
    with pytest.raises(PyCarbonError, match="cannot be read: Permission denied"):
        store.refresh_source(there.url)
    assert ids(store) == ["run-a", "run-b"]
    Guarded.closed.clear()


def test_a_source_that_seems_empty_keeps_its_runs(there: There, store: Store, tmp_path: Path) -> None:
    there.put("a.pcr", contents(tmp_path, "run-a"))
    store.refresh_source(there.url)
    there.remove("a.pcr")
    there.put("readme", b"it is mounted elsewhere")

    with pytest.raises(PyCarbonError, match="has no run any more"):
        store.refresh_source(there.url)
    assert ids(store) == ["run-a"]


def test_a_file_that_goes_while_it_is_read_is_forgotten(there: There, store: Store, tmp_path: Path) -> None:
    there.put("a.pcr", contents(tmp_path, "run-a"))
    there.put("b.pcr", contents(tmp_path, "run-b"))
    found = remote.Remote(there.url)
    places = found.files()
    there.remove("a.pcr")

    with pytest.raises(remote.Gone, match=r"a\.pcr is no longer there"):
        found.load(places[0].path, places[0].size_bytes)
    assert found.load(places[1].path, places[1].size_bytes).id == "run-b"


def test_a_source_that_is_removed_takes_its_runs_along(there: There, store: Store, tmp_path: Path) -> None:
    there.put("a.pcr", contents(tmp_path, "run-a"))
    there.put("none.pcr", b"rubbish")
    (store.folder / "here.pcr").write_bytes(contents(tmp_path, "run-here"))
    store.refresh()
    store.refresh_source(there.url)

    assert store.remove_source(there.url) == 1

    assert ids(store) == ["run-here"] and store.sources() == [] and store.refused() == []
    assert there.fs.exists(f"{there.root}/a.pcr"), "the files stay"
    with pytest.raises(PyCarbonError, match="is no source of this store"):
        store.remove_source(there.url)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file whose edges fill most of a megabyte."""
    path = tmp_path_factory.mktemp("long") / "long.pcr"
    long = data(program(1000, 50.0, "save"), "long")
    fold.write(fold.frames_of(long), path, figures=lambda made: figures(Run(made)), codec=RAW)
    return path.read_bytes()


def test_a_large_run_costs_few_requests(there: There, long_run: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a large run, and what counts the requests
    there.put("long.pcr", long_run)
    asked: list[int] = []
    whole = type(there.fs).cat_file

    def counted(fs, path, start=None, end=None, **more):
        asked.append(end - start)
        return whole(fs, path, start=start, end=end, **more)

    monkeypatch.setattr(type(there.fs), "cat_file", counted)

    # WHEN it is opened for its figures
    run = remote.Remote(there.url).load("long.pcr")
    assert run.energy.total_j > 0 and run.emissions.co2e_g > 0 and run.regions

    # THEN its start and its end were fetched, and of the rest what is asked for
    assert len(asked) == 2 and sum(asked) < len(long_run) / 4, (asked, len(long_run))
    assert len(run.edges("package-0")) > 10_000


def test_a_large_file_without_its_end_is_not_fetched_whole(
    there: There, long_run: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MOST_OPENING_BYTES", 1 << 18)
    there.put("cut.pcr", long_run[:-40])

    with pytest.raises(RunFileError, match=r"cut\.pcr has no index that leads to its figures"):
        remote.Remote(there.url).load("cut.pcr")


def test_the_store_is_no_source_of_itself(store: Store) -> None:
    for folder in (store.folder, store.folder / "default", store.folder.parent):
        with pytest.raises(PyCarbonError, match="is this store, or a part of it"):
            store.refresh_source(str(folder))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "needs an address"),
        ("nowhere://x/y", "cannot be read: Protocol not known"),
        ("s3://key:secret@bucket/runs", "holds a password"),
        ("https://token@host/runs", "holds a password"),
        ("https://host/runs?signature=abc", "a query"),
        ("zip://runs::s3://key:secret@bucket/runs.zip", "holds a password"),
        ("http://[x/runs", "is no address"),
    ],
)
def test_addresses_that_cannot_be_are_refused_in_a_line(store: Store, url: str, why: str) -> None:
    with pytest.raises(PyCarbonError, match=why) as refused:
        store.refresh_source(url)

    assert "secret" not in str(refused.value) and "abc" not in str(refused.value)
    assert store.sources() == [], "what was never reached is no source"


def test_addresses_are_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert address("runs/") == f"file://{tmp_path}/runs"
    assert address(" s3://bucket/runs/ ") == "s3://bucket/runs"
    assert address("ssh://me@host/runs") == "ssh://me@host/runs"


def test_a_state_is_another_when_its_file_is() -> None:
    assert state_of({"ETag": "a", "mtime": 1}) == state_of({"ETag": "a", "mtime": 2}) != state_of({"ETag": "b"})
    assert state_of({"mtime": 1.5}) != state_of({"mtime": 1.25}) and state_of({}) < 1 << 63
