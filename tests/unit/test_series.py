"""Power over time: means between their extremes, and parts of a run that are those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from counter_simulator import PACKAGE
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import fold, runfile
from pycarbon.analysis import Run
from pycarbon.errors import PyCarbonError, RunFileError
from pycarbon.run import EDGE_DTYPE, Flag, RunData
from pycarbon.series import Powers, seconds

START_NS = 10**12


@given(st.lists(st.floats(0, 400), min_size=1, max_size=60), st.integers(1, 90))
def test_every_mean_lies_between_its_extremes(watts, windows):
    # GIVEN a series of the shortest windows, and longer or shorter ones over the same span
    border = np.arange(len(watts) + 1) * 50.0
    level = np.concatenate([[0.0], np.cumsum(watts)]) * 50
    asked = np.linspace(0, border[-1], windows + 1)
    mean = np.diff(np.interp(asked, border, level)) / np.diff(asked)
    # WHEN they are asked for
    found = Powers(border, np.array(watts)).series(asked, mean)
    # THEN each mean lies between, the extremes are of windows, and those of everything are the true ones
    assert (found["min_w"] <= found["power_w"]).all() and (found["power_w"] <= found["max_w"]).all()
    assert found["min_w"].min() >= min(watts) - 1e-6 and found["max_w"].max() <= max(watts) + 1e-6
    [whole] = Powers(border, np.array(watts)).series(border[[0, -1]], np.array([np.mean(watts)]))
    assert (whole["min_w"], whole["max_w"]) == pytest.approx((min(watts), max(watts)))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A whole file of two minutes of 50 W at 1 ms, of four frames of edges."""
    count, period_ns = 125_000, 976_000
    edges = np.zeros(count, EDGE_DTYPE)
    jitter_ns = np.random.default_rng(1).integers(-20_000, 20_000, count)
    edges["t_seen_ns"] = START_NS + np.arange(count) * period_ns + jitter_ns
    edges["t_before_ns"] = edges["t_seen_ns"] - 5_000
    edges["raw"] = (edges["t_seen_ns"] - START_NS + 30_000) * 50 // 1000
    edges["flags"][0] = Flag.FIRST
    edges["t_seen_ns"] += -edges["t_seen_ns"] % 100
    edges["t_before_ns"] -= edges["t_before_ns"] % 100
    end_ns = int(edges["t_seen_ns"][-1])
    meta = {"start_ns": START_NS, "channels": [PACKAGE.to_dict()]}
    file = tmp_path_factory.mktemp("stored") / "a.pcr"
    fold.write(fold.frames_of(RunData(meta, [PACKAGE], {0: edges})), file, lambda: {"end_ns": end_ns})
    return file


@pytest.fixture(scope="module")
def stored(path):
    return Run(runfile.read(path))


@pytest.mark.parametrize(
    "start, stop", [(None, 1.5), ("12s", "13.25s"), (0, 0.001), ("119s", None), (20, 20), (500, 600)]
)
def test_a_part_of_the_edges_is_that_of_the_whole(path, stored, start, stop):
    # GIVEN all edges, and a reader that has decoded none yet
    whole = stored.edges("package-0")
    since_s = (whole["time_ns"] - stored.data.start_ns) / 1e9
    low, high = (seconds(bound, False) if bound is not None else None for bound in (start, stop))
    wanted = whole[(since_s >= (low or 0)) & (since_s < (np.inf if high is None else high))]
    # WHEN it is asked for a part
    part = Run(runfile.read(path)).edges("package-0", start, stop)
    # THEN it gives those edges, their energy counted from the first of them
    assert len(part) == len(wanted)
    assert (part["t_seen_ns"] == wanted["t_seen_ns"]).all() and (part["t_before_ns"] == wanted["t_before_ns"]).all()
    assert abs(part["time_ns"] - wanted["time_ns"]).max(initial=0) < 1000
    if len(part):
        assert part["energy_j"] == pytest.approx(wanted["energy_j"] - wanted["energy_j"][0], abs=1e-9)


def test_only_the_frames_of_a_part_are_decoded(path, stored, tmp_path):
    # GIVEN a file whose last frame of edges is damaged
    whole, data = stored.edges("package-0", "1s", "2s"), bytearray(path.read_bytes())
    data[-2000] ^= 1
    (tmp_path / "damaged.pcr").write_bytes(data)
    damaged = Run(runfile.read(tmp_path / "damaged.pcr"))
    # THEN what lies far from it can be had, and the rest says what to type
    assert len(whole) > 1000 and damaged.edges("package-0", "1s", "2s").tobytes() == whole.tobytes()
    for ask in (lambda: damaged.edges("package-0"), lambda: damaged.edges("package-0", "118s")):
        with pytest.raises(RunFileError, match=r"damaged frame at byte \d+; `pycarbon repair`"):
            ask()


def test_power_has_extremes(stored):
    fine = stored.power("package-0")
    [coarse] = stored.power("package-0", "1000s")
    assert coarse["min_w"] <= fine["min_w"].min() and coarse["max_w"] >= fine["max_w"].max()
    assert (
        coarse["power_w"] == pytest.approx(50, rel=0.001) and 0.9 * 50 < coarse["min_w"] < coarse["max_w"] < 1.1 * 50
    )


@pytest.mark.parametrize("text", ["", "ms", "-1s", "1.2.3", "1 fortnight", "nan", -1, float("inf"), None])
def test_what_is_no_length_of_time(text):
    with pytest.raises(PyCarbonError, match="no length of time"):
        seconds(text, False)


def test_lengths_of_time():
    texts = ("10ms", " 0.5 s", "2min", "1h", 3, "250us")
    assert [seconds(text) for text in texts] == pytest.approx([0.01, 0.5, 120, 3600, 3, 2.5e-4])
    assert seconds("0s", False) == 0
    with pytest.raises(PyCarbonError):
        seconds(0)


def test_a_part_in_as_many_windows_as_wanted_is_the_same_power():
    # GIVEN a run whose power is known all over WHEN a part of it is asked for
    from report_world import long_run

    run = Run(long_run(60_000))
    part = run.power("package-0", start="10s", stop="12s", most=20)
    # THEN it begins there, in so many windows, and used what its edges say
    assert len(part) == 20 and part["time_ns"][0] == run.data.start_ns + 10 * 10**9
    edges = run.edges("package-0", "10s", "12s")
    assert part["power_w"].mean() * 2 == pytest.approx(edges["energy_j"][-1], rel=2e-3)
    assert len(run.power("package-0", most=7)) == 7
    assert len(run.power("package-0", start="59s")) == 20  # of 50 ms, none shorter
    assert len(run.power("package-0", start="100s")) == 0
