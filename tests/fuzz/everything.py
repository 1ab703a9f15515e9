"""Does all that pycarbon can do with a run file's bytes: what is no run must be refused, what is one must be told."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np

from pycarbon import edge_reader, fold, runfile, siting
from pycarbon.advising import advise
from pycarbon.analysis import Run
from pycarbon.emissions import Emissions
from pycarbon.errors import IntensityError, PyCarbonError, RunFileError
from pycarbon.frame import EDGES, TURNS_ZSTD, Data, Frame, frames
from pycarbon.reports import advice_json
from pycarbon.reports.advice_text import AdviceText
from pycarbon.reports.as_json import JsonReport
from pycarbon.reports.text import Style, TextReport
from pycarbon.reports.tree import lines
from pycarbon.run import RunData

MOST_DOMAINS = 20
"""So many are looked at one by one: a file may have 65535."""

MOST_EDGES, MOST_NODES = 100_000, 1000
"""Of a run with more no advice is taken: it would take most of the time."""

COLOUR = re.compile("\x1b\\[[0-2]m")


def of_file(path: Path) -> str | None:
    """Use a file; gives the one line with which it was refused, or None."""
    return _used(lambda: runfile.read(path))


def of_bytes(data: Data, where: str = "here") -> str | None:
    """Use a file's bytes; gives the one line with which they were refused, or None."""
    return _used(lambda: runfile.parse(data, where))


def _used(opened) -> str | None:
    try:
        use(Run(opened(), Path("run.pcr")))
    except RunFileError as error:
        line = str(error)
        assert line and line.isprintable(), f"no line to print: {line!r}"
        return line
    return None


def use(run: Run) -> None:
    """Ask a run for everything; only RunFileError may come of it."""
    check_text(TextReport().render(run))
    check_text(COLOUR.sub("", TextReport(Style(60, True, False)).render(run)))
    _check_figures(json.loads(JsonReport().render(run), parse_constant=_refuse))
    if run.outside is not None:
        check_text("\n".join(line.text for line in lines(run.tree(), run.outside, 132)))
    for used in run.energy.channels[:MOST_DOMAINS]:
        line = run.edges(used.domain)
        assert (np.diff(line["time_ns"]) >= 0).all() and np.isfinite(line["energy_j"]).all()
        assert np.isfinite(run.power(used.domain)["power_w"]).all()
        assert np.isfinite(run.power(used.domain, max(run.duration_s / 1000, 1e-3))["power_w"]).all()
    for channel in list(run.data.edges)[:MOST_DOMAINS]:
        assert (run.data.edges[channel]["channel"] == channel).all()
    middle_ns = (run.data.start_ns + run.data.end_ns) // 2
    for channel in run.data.channels[:MOST_DOMAINS]:
        near = run.data.part(channel, run.data.start_ns, middle_ns).edges_of(channel)
        assert (near["channel"] == channel.id).all()
        assert len(near) <= len(run.data.edges_of(channel))
    for region in run.regions[:MOST_DOMAINS]:
        try:
            run.calls(region.label)
        except PyCarbonError as error:
            assert "no region" in str(error), error
    timeline = run.kernel_timeline
    assert timeline is None or (np.diff(timeline.spans["start_ns"]) >= 0).all()
    _carbon(run)
    assert run.emissions.co2e_g is not None and run.machine is not None and run.gaps is not None


def _carbon(run: Run) -> None:
    """Count its grams at another place, and take advice; what is not known may be said in a line."""
    _check_emissions(run.emissions)
    for wanted in ({"zone": "aws:us-east-1"}, {"year": 2022}, {"pue": 1.5}):
        try:
            again = run.rated(siting.rated_again(run.rating, **wanted))
        except IntensityError as error:
            assert str(error), "nothing is said"
        else:
            _check_emissions(again.emissions)
    ledger = run.data.ledger
    if sum(map(len, run.data.edges.values())) > MOST_EDGES or (ledger is not None and len(ledger.nodes) > MOST_NODES):
        return
    for zone in (None, "aws:us-west-1"):
        try:
            advised = advise(run, zone)
        except PyCarbonError as error:
            assert str(error), "nothing is said"
        else:
            check_text(AdviceText().render(advised))
            json.loads(advice_json.render(advised), parse_constant=_refuse)


def _check_emissions(told: Emissions) -> None:
    assert math.isnan(told.co2e_g) or 0 <= told.low_g <= told.co2e_g <= told.high_g, told
    assert 0 <= told.low_g_per_kwh <= told.intensity_g_per_kwh <= told.high_g_per_kwh, told


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


def check_text(text: str) -> None:
    """Check that a terminal shows the text and obeys nothing in it."""
    assert all(line.isprintable() for line in text.split("\n")), "a report that no terminal should get"


def _check_figures(values) -> None:
    energy = values["energy"]
    told = [(energy["total_j"], energy["low_j"], energy["high_j"])]
    told += [(channel["energy_j"], channel["low_j"], channel["high_j"]) for channel in energy["channels"]]
    told += [(region["energy_j"], region["low_j"], region["high_j"]) for region in values["regions"]]
    for best, low, high in told:
        assert low is None or high is None or 0 <= low <= high, (low, best, high)
        assert best is None or low is None or high is None or low <= best <= high, (low, best, high)


def compare_decoders(data: Data) -> None:
    """Check that the compiled decoder and numpy's give the same edges, or refuse the same frames."""
    try:
        whole = [frame for _, frame in frames(data, "here")]
    except RunFileError:
        return
    for frame in whole:
        if frame.type == EDGES and frame.codec == TURNS_ZSTD and 0 < frame.count <= edge_reader.MAX_PER_FRAME:
            _compare(frame)


def _compare(frame: Frame) -> None:
    try:
        data, table = edge_reader._unpacked(frame)
    except RunFileError:
        return
    places = [edge_reader.new_place(0, int(entry["count"])) for entry in table]
    fast = edge_reader._decode_fast(frame, data, places)
    try:
        slow = edge_reader._decode_slowly(frame, data, table)
    except RunFileError as error:
        assert not fast, f"only numpy refuses: {error}"
        return
    assert fast, "only the compiled decoder refuses"
    for one, other in zip(places, slow, strict=True):
        assert one.tobytes() == other.tobytes(), "the two decoders differ"


def check_round_trip(data: Data, path: Path) -> None:
    """Check that a run that can be read can be written as a new file, with the same edges in it."""
    try:
        run = runfile.parse(data, "here")
        held = {channel: edges.copy() for channel, edges in run.edges.items()}
        parts = list(fold.frames_of(run))
    except RunFileError:
        return
    footer = run.footer if run.complete else {"end_ns": run.end_ns, "complete": False}
    fold.write(parts, path, lambda: footer)
    try:
        again = runfile.read(path)
        assert {channel: len(edges) for channel, edges in again.edges.items()} == {
            channel: len(edges) for channel, edges in held.items() if len(edges)
        }
        _same_edges(held, again)
    finally:
        path.unlink()


def _same_edges(held: dict[int, np.ndarray], again: RunData) -> None:
    for channel, edges in held.items():
        if len(edges):
            found = again.edges[channel]
            assert found.tobytes() == edges.tobytes(), f"channel {channel} changed"
            assert math.isfinite(float(found["t_seen_ns"][-1]))
