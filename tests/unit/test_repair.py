"""What is whole in a damaged file is kept, what was lost is said, and the energy stays right where it can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from counter_simulator import PACKAGE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_runfile import encoded

from pycarbon import fold, home
from pycarbon.analysis import load
from pycarbon.commands import main
from pycarbon.edge_writer import edges_frames
from pycarbon.errors import PyCarbonError, RunFileError
from pycarbon.frame import EVENT, FOOTER, FRAME_HEADER_BYTES, IGNORABLE, META, RAW, Frame, frames, json_frame
from pycarbon.repair import repair
from pycarbon.run import EDGE_DTYPE, Flag, GapCause

START_NS, PERIOD_NS, EACH = 10**12, 1_000_000, 200
CUTS = 6


def edges(first: int, count: int) -> np.ndarray:
    """Updates of 50 W, number `first` and those after it."""
    found = np.zeros(count, EDGE_DTYPE)
    found["t_seen_ns"] = START_NS + (first + np.arange(count)) * PERIOD_NS
    found["t_before_ns"] = found["t_seen_ns"] - 5_000
    found["raw"] = (first + np.arange(count)) * 50_000
    if first == 0:
        found["flags"][0] = Flag.FIRST
    return found


def parts() -> list:
    """The frames of a live file of 1.2 s: metadata, edges, an event, the footer."""
    end_ns = START_NS + (CUTS * EACH - 1) * PERIOD_NS
    meta = {"start_ns": START_NS, "channels": [PACKAGE.to_dict()], "name": "n", "notes": []}
    made = [json_frame(META, meta)]
    for part in range(CUTS):
        made += edges_frames(edges(part * EACH, EACH))
    event = json_frame(EVENT, {"monotonic_ns": START_NS, "clock_step_ns": 5})
    return [*made, event, json_frame(FOOTER, {"end_ns": end_ns, "notes": ["hello"]})]


TRUTH = np.concatenate([edges(part * EACH, EACH) for part in range(CUTS)])


def starts(data: bytes) -> list[int]:
    return [offset for offset, _ in frames(data, "here")]


def repaired(tmp_path: Path, data: bytes):
    (tmp_path / "a.pcr").write_bytes(data)
    (tmp_path / "a-repaired.pcr").unlink(missing_ok=True)
    done = repair(tmp_path / "a.pcr")
    return done, None if done.path is None else load(done.path)


def assert_holds(run) -> None:
    """Every edge is one that was recorded, and the energy's interval holds the truth as far as the run goes."""
    found = run.data.edges_of(run.data.channels[0])
    values = found[(found["flags"] & Flag.GAP) == 0]
    assert np.isin(values["t_seen_ns"], TRUTH["t_seen_ns"]).all() and (np.diff(values["t_seen_ns"]) > 0).all()
    assert (values["raw"] == TRUTH["raw"][np.searchsorted(TRUTH["t_seen_ns"], values["t_seen_ns"])]).all()
    [channel] = run.energy.channels
    if len(values) > 100:
        truth_j = (int(values["raw"][-1]) - int(values["raw"][0])) / 1e6
        assert channel.low_j - 0.06 <= truth_j <= channel.high_j + 0.06


def test_a_whole_file_is_left_alone(tmp_path, capsys):
    (tmp_path / "a.pcr").write_bytes(encoded(parts()))
    assert main(["repair", str(tmp_path / "a.pcr")]) == 0
    assert capsys.readouterr() == ("", f"pycarbon: {tmp_path / 'a.pcr'} is whole: there is nothing to repair\n")
    assert [file.name for file in tmp_path.iterdir()] == ["a.pcr"]


@pytest.mark.parametrize("lost", range(1, CUTS + 1))
def test_a_damaged_frame_in_the_middle_is_a_gap(lost, tmp_path, capsys):
    # GIVEN a file with one flipped bit in a frame of edges
    data = bytearray(encoded(parts()))
    data[starts(data)[lost] + FRAME_HEADER_BYTES + 30] ^= 4
    (tmp_path / "a.pcr").write_bytes(data)
    # WHEN it is repaired
    assert main(["repair", str(tmp_path / "a.pcr")]) == 0
    out, err = capsys.readouterr()
    # THEN all other edges are there, that nobody looked is marked and said, and the energy is still right
    assert out == f"{tmp_path / 'a-repaired.pcr'}\n" and err.startswith("pycarbon: edges were lost, damaged at byte ")
    run = load(tmp_path / "a-repaired.pcr")
    assert_holds(run)
    found = run.data.edges_of(run.data.channels[0])
    assert (found["flags"] & Flag.GAP == 0).sum() == (CUTS - 1) * EACH and not run.complete
    assert "hello" in run.notes and any("damaged" in note for note in run.notes) and len(run.data.events) == 1
    [channel] = run.energy.channels
    if 1 < lost < CUTS:
        assert channel.gap_s == pytest.approx(0.201, abs=0.001) and run.gaps[0].cause == GapCause.UNKNOWN
        assert channel.energy_j == pytest.approx(TRUTH["raw"][-1] / 1e6, rel=0.01)
    # AND the file is whole: read by its index, with its figures in the footer
    assert run.data.footer["totals"]["energy"]["total_j"] == run.energy.total_j
    assert repair(tmp_path / "a-repaired.pcr").path is None


@pytest.mark.parametrize("lost", range(1, CUTS + 1))
def test_a_damaged_header_costs_one_frame(lost, tmp_path):
    data = bytearray(encoded(parts()))
    data[starts(data)[lost] + 9] ^= 1
    done, run = repaired(tmp_path, bytes(data))
    found = run.data.edges_of(run.data.channels[0])
    assert (found["flags"] & Flag.GAP == 0).sum() == (CUTS - 1) * EACH and done.lost and not run.complete
    assert_holds(run)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_damaged_the_rest_is_right(tmp_path, data):
    # GIVEN a file with bits flipped, bytes put in or taken out, its end cut off, or frames in disorder
    made = parts()
    whole = encoded(made)
    after_meta = starts(whole)[1]
    if data.draw(st.booleans()):
        order = data.draw(st.lists(st.integers(1, len(made) - 1), max_size=10))
        numbered = [made[0].encode(0), *(made[number].encode(number) for number in order)]
        whole = whole[:16] + b"".join(numbered)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(after_meta, max(len(damaged) - 1, after_meta)))
        how = data.draw(st.sampled_from(["flip", "insert", "remove", "cut"]))
        if how == "flip" and place < len(damaged):
            damaged[place] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "insert":
            damaged[place:place] = data.draw(st.binary(max_size=50))
        elif how == "remove":
            del damaged[place : place + data.draw(st.integers(1, 400))]
        elif how == "cut":
            del damaged[place:]
    # WHEN it is repaired THEN nothing in it is wrong
    _, run = repaired(tmp_path, bytes(damaged))
    if run is None:
        run = load(tmp_path / "a.pcr")
        assert run.complete
    else:
        assert not run.complete
    assert_holds(run)


def test_without_metadata_nothing_can_be_kept(tmp_path, capsys):
    data = bytearray(encoded(parts()))
    data[16 + FRAME_HEADER_BYTES + 3] ^= 1
    (tmp_path / "a.pcr").write_bytes(data)
    with pytest.raises(RunFileError, match="lost its metadata"):
        repair(tmp_path / "a.pcr")
    assert main(["repair", str(tmp_path / "a.pcr")]) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "a-repaired.pcr").exists()


def test_no_file_is_replaced(tmp_path):
    (tmp_path / "a.pcr").write_bytes(encoded(parts())[:-10])
    (tmp_path / "a-repaired.pcr").write_text("mine")
    with pytest.raises(PyCarbonError, match="it exists; name another with -o"):
        repair(tmp_path / "a.pcr")
    assert (tmp_path / "a-repaired.pcr").read_text() == "mine"
    with pytest.raises(PyCarbonError, match="cannot be written: No such file"):
        repair(tmp_path / "a.pcr", tmp_path / "nowhere" / "b.pcr")


def test_raw_edges_are_those_of_the_file(tmp_path):
    # GIVEN a file stored raw, larger than what is read at once
    count = 50_000
    meta = {"start_ns": START_NS, "channels": [PACKAGE.to_dict()]}
    source = [json_frame(META, meta), *edges_frames(edges(0, count)), json_frame(FOOTER, {"end_ns": START_NS})]
    (tmp_path / "a.pcr").write_bytes(encoded(source))
    repair(tmp_path / "a.pcr", tmp_path / "raw.pcr", RAW)
    # WHEN its edges are asked for THEN they are a view of the file, not a copy, and the same
    found = load(tmp_path / "raw.pcr").data.edges[0]
    assert found.tobytes() == load(tmp_path / "a.pcr").data.edges[0].tobytes()
    assert not found.flags.writeable and not found.flags.owndata
    assert (tmp_path / "raw.pcr").stat().st_size > count * EDGE_DTYPE.itemsize > 2**20


def test_what_a_killed_recorder_left_becomes_its_file(tmp_path):
    # GIVEN the home of a recorder that was killed
    live = home.home_of(tmp_path / "a.pcr")
    live.mkdir()
    (live / home.RUN_FILE).write_bytes(encoded(parts()[:-1]))
    # WHEN it is repaired THEN the file is there, whole, cut off, with figures, and the home is gone
    done = repair(tmp_path / "a.pcr")
    assert done.path == tmp_path / "a.pcr" and not live.exists()
    run = load(done.path)
    assert not run.complete and "totals" in run.data.footer and run.data.footer["run"]["name"] == "n"
    assert_holds(run)


def test_a_live_run_is_not_repaired(tmp_path):
    # GIVEN a run that is being recorded
    live, file = home.make(tmp_path / "a.pcr")
    file.append(parts()[:-1])
    # WHEN it is repaired THEN nothing happens to it
    with pytest.raises(PyCarbonError, match="being recorded by another pycarbon"):
        repair(tmp_path / "a.pcr")
    assert live.exists() and not (tmp_path / "a.pcr").exists()
    file.close()


def test_folding_keeps_a_frame_that_it_does_not_know(tmp_path):
    made = parts()
    made.insert(2, Frame(200, b"for readers to come", flags=IGNORABLE))
    fold.write(made, tmp_path / "a.pcr")
    assert b"for readers to come" in (tmp_path / "a.pcr").read_bytes() and load(tmp_path / "a.pcr").complete
