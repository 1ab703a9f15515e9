"""pycarbon index with stores elsewhere."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from test_store_sources import There, contents

from pycarbon.commands import main
from pycarbon.store.index import Store


def test_a_source_is_added_looked_at_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a store elsewhere with a run and a file that is none
    monkeypatch.setenv("PYCARBON_DATA_DIR", str(tmp_path / "store"))
    there = There(f"memory://{uuid.uuid4()}/runs")
    there.put("a.pcr", contents(tmp_path, "run-a"))
    there.put("none.pcr", b"rubbish")

    # WHEN it is added, THEN that is said, and the files that are refused only where somebody asks
    assert main(["index", there.url]) == 0
    told = capsys.readouterr().out
    assert f"{there.url}  read: 1, gone: 0, refused: 1" in told
    assert "  runs: 1, read: 0, gone: 0, refused: 1" in told and "none.pcr" not in told

    # AND without an address it is looked at again
    there.put("b.pcr", contents(tmp_path, "run-b"))
    assert main(["index", "--verbose"]) == 0
    told = capsys.readouterr().out
    assert f"{there.url}  read: 1" in told and f"{there.url}/none.pcr: " in told

    # AND its runs open by their ids, as those of the store do; they are not changed
    assert main(["report", "run-a"]) == 0 and main(["show", "run-b"]) == 0
    assert (
        main(["export", "run-a", "-o", str(tmp_path / "a.csv")]) == 0 and (tmp_path / "a.csv").stat().st_size > 1000
    )
    assert main(["compare", "run-a", "run-b", "--format", "json"]) == 0
    capsys.readouterr()
    assert main(["tag", "run-a", "k=v"]) == 1
    assert f"{there.url}/a.pcr lies in another store, which pycarbon only reads" in capsys.readouterr().err

    # AND it stays when the index is made anew
    assert main(["index", "--rebuild"]) == 0
    assert f"{there.url}  read: 2" in capsys.readouterr().out

    # AND what cannot be reached is one line, and its runs stay
    there.fs.rm(there.root, recursive=True)
    assert main(["index"]) == 1
    told = capsys.readouterr()
    assert told.err == f"pycarbon: {there.url} cannot be read: there is no such folder\n" and "runs: 2" in told.out

    # AND it goes when somebody says so
    assert main(["index", "--remove", there.url]) == 0
    assert f"{there.url}: forgotten, with 2 runs; its files stay" in capsys.readouterr().out
    assert Store(tmp_path / "store").totals().runs == 0
    assert main(["index", "--remove", there.url]) == 1
    assert "is no source of this store" in capsys.readouterr().err
