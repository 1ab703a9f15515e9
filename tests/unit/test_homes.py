"""The homes of live runs under a folder: found as they come and go, and never touched."""

import os

import pytest
from live_world import recording

from pycarbon import home
from pycarbon.dashboard.homes import SETTLED_NS, Homes
from pycarbon.errors import RunFileError


def test_homes_are_found_as_they_come_and_go_in_any_folder(tmp_path):
    # GIVEN folders that look as if they had not changed for long
    inner = tmp_path / "lab" / "digits"
    inner.mkdir(parents=True)
    homes = Homes(tmp_path)
    long_ago_ns = inner.stat().st_mtime_ns - 10 * SETTLED_NS
    for folder in (tmp_path, tmp_path / "lab", inner):
        os.utime(folder, ns=(long_ago_ns, long_ago_ns))
    assert homes() == [] == homes()
    # WHEN a run begins, and one is just being cleared away THEN the first is found, until it goes
    live, file = recording(inner / "a.pcr", "a")
    (inner / "b.pcr.live-1a2b3c4d").mkdir()
    assert homes() == [live] == homes()
    file.close()
    home.remove(live)
    assert homes() == []


def test_what_nobody_may_look_into_and_links_are_passed_over(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    live, file = recording(tmp_path / "a.pcr", "a")
    assert Homes(tmp_path)() == [live]
    assert Homes(tmp_path / "none")() == []
    file.close()


def test_whether_a_recorder_lives_is_told_without_its_noticing(tmp_path):
    # GIVEN a run that is being recorded
    live, file = recording(tmp_path / "a.pcr", "a")
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in live.iterdir()}
    # WHEN somebody looks, also one who may only read THEN it lives, and nothing changed
    (live / home.RUN_FILE).chmod(0o444)
    assert home.is_recorded(live) is True
    home.recover(live)
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in live.iterdir()} == before
    # and once its recorder is dead, that is told, and the lock is free for whoever repairs it
    file.close()
    assert home.is_recorded(live) is False
    home.settle(live, tmp_path / "a.pcr")
    with pytest.raises(RunFileError):
        home.is_recorded(live)
