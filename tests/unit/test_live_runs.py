"""Runs that go on: what they used so far, what they draw, and which recorder is dead."""

import pytest
from live_world import POWER_W, part, recording

from pycarbon import home
from pycarbon.dashboard import live_runs
from pycarbon.dashboard.live_runs import COLUMNS, LiveRuns


@pytest.fixture
def drawn():
    """The runs whose power was drawn, which is when they were read."""
    return []


class Clock:
    """What the time is, in seconds: it goes on by `step_s` at each look."""

    now_s, step_s = 0.0, 0.0

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(tmp_path, drawn, clock):
    return LiveRuns(tmp_path, lambda run: drawn.append(run) or {"windows": len(drawn)}, clock)


def test_a_run_that_goes_on_is_told_with_its_interval_and_grows(tmp_path, live):
    # GIVEN a run that was recorded for 0.6 s
    _, file = recording(tmp_path / "lab" / "a.pcr", "aaaa", tags={"seed": "1"})
    [row] = live.rows()
    assert (row["id"], row["state"], row["project"], row["tags"]) == ("aaaa", "recording", "digits", {"seed": "1"})
    assert row["low_j"] <= row["energy_j"] <= row["high_j"] and row["kind"] == "measured"
    assert row["energy_j"] == pytest.approx(POWER_W * 0.6, rel=0.01)
    assert row["power_w"] == pytest.approx(POWER_W, rel=0.01) and row["low_w"] <= row["power_w"] <= row["high_w"]
    assert set(COLUMNS) <= set(row) and row["co2e_g"] > 0
    # WHEN its recorder writes more THEN it has used more
    file.append(part(3))
    assert live.rows()[0]["energy_j"] > row["energy_j"]
    file.close()


def test_a_home_is_read_again_only_when_its_file_grew_and_no_more_than_a_part_of_the_time(
    tmp_path, live, drawn, clock
):
    # GIVEN that reading it takes 3 s
    _, file = recording(tmp_path / "a.pcr", "aaaa")
    clock.step_s = 3.0
    assert live.rows() == live.rows() and len(drawn) == 1
    assert live.one("aaaa")[1] == {"windows": 1} and live.one("bbbb") is None
    # WHEN the file grows THEN the figures of before are given for half a minute
    clock.step_s = 0.0
    file.append(part(3))
    live.rows()
    assert len(drawn) == 1
    clock.now_s += 30
    live.rows()
    assert len(drawn) == 2
    file.close()


def test_a_dead_recorder_is_told_with_what_to_type_and_draws_nothing(tmp_path, live):
    _, file = recording(tmp_path / "my lab" / "a.pcr", "aaaa")
    file.close()
    [row] = live.rows()
    assert row["state"] == "cut off" and row["repair"] == "pycarbon repair 'my lab/a.pcr.live'"
    assert row["power_w"] is None and row["energy_j"] > 0


def test_a_home_that_says_nothing_yet_or_nonsense_is_left_out(tmp_path, live):
    folder, file = recording(tmp_path / "a.pcr", "aaaa")
    (tmp_path / "b.pcr.live").mkdir()
    (tmp_path / "c.pcr.live").mkdir()
    (tmp_path / "c.pcr.live" / home.RUN_FILE).write_bytes(b"no run at all" * 99)
    assert [row["id"] for row in live.rows()] == ["aaaa"]
    file.close()
    home.remove(folder)
    assert live.rows() == []


def test_power_now_is_of_the_last_seconds(tmp_path, live, monkeypatch):
    monkeypatch.setattr(live_runs, "NOW_S", 0.1)
    _, file = recording(tmp_path / "a.pcr", "aaaa")
    [row] = live.rows()
    assert row["power_of_s"] == pytest.approx(0.1) and row["power_w"] == pytest.approx(POWER_W, rel=0.05)
    file.close()
