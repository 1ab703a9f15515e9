"""A run of which another tool told the energy alone: nobody knows its interval, and every report says so."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from compared_runs import FRANCE, before

from pycarbon import analysis, fold, metadata, repair
from pycarbon.advising import advise
from pycarbon.analysis import Run, load
from pycarbon.emissions import from_energy
from pycarbon.errors import PyCarbonError
from pycarbon.intensity import from_dict
from pycarbon.interval import Range
from pycarbon.merging import merge
from pycarbon.reports import run_view
from pycarbon.reports.as_html import HtmlReport
from pycarbon.reports.as_json import as_dict
from pycarbon.reports.compared_json import compared_as_dict
from pycarbon.reports.compared_text import ComparedText
from pycarbon.reports.figures import NO_INTERVAL, with_interval
from pycarbon.reports.text import TextReport
from pycarbon.run import RunData
from pycarbon.run_differences import differences
from pycarbon.store.summary import summary

UNKNOWN = math.nan


def told_run(**changes) -> RunData:
    """Two hours of 0.1 kWh, as somebody else counted them."""
    channel = {"source": "other", "kind": "modelled", "quantity": "energy", "unit": "1/1000000", "range_raw": 0}
    meta = {
        "id": "told-run",
        "name": "train",
        "project": "vision",
        "started_at": "2025-11-03T09:00:00+00:00",
        "start_ns": 0,
        "channels": [
            {"id": 0, "domain": "cpu", "in_total": True, **channel},
            {"id": 1, "domain": "gpu", "in_total": True, **channel},
        ],
        "told": {"cpu": 120e3, "gpu": 240e3},
        "intensity": FRANCE | {"low_g_per_kwh": None, "high_g_per_kwh": None, "type": "own", "scope": ""},
        **changes,
    }
    channels = [analysis.Channel.from_dict(values) for values in meta["channels"]]
    return RunData(meta, channels, {}, {"end_ns": 7200 * 10**9}, complete=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fold.write(fold.frames_of(told_run()), tmp_path / "told.pcr", figures=lambda data: analysis.figures(Run(data)))
    return tmp_path / "told.pcr"


def test_its_energy_is_known_and_no_interval(path: Path) -> None:
    run = load(path)

    assert run.energy.total_j == 360e3 and run.energy.kind == "modelled"
    assert math.isnan(run.energy.low_j) and math.isnan(run.energy.high_j)
    assert [channel.energy_j for channel in run.energy.channels] == [120e3, 240e3]
    assert run.emissions.co2e_g == pytest.approx(5.0)
    assert math.isnan(run.emissions.low_g) and math.isnan(run.emissions.high_g)
    assert run.energy_by_hour is None, "nobody told of the hours"


def test_its_file_keeps_the_figures_and_so_does_one_without_them(path: Path) -> None:
    # GIVEN the figures of its footer, and those that are computed anew
    kept, computed = load(path), Run(told_run())

    # THEN both are the same
    assert kept.data.footer["totals"]["energy"]["low_j"] is None
    assert repr(kept.energy) == repr(computed.energy)


def test_it_may_be_repaired(path: Path) -> None:
    done = repair.repair(path, path.with_name("again.pcr"))

    assert done.path is not None and load(done.path).energy.total_j == 360e3


def test_json_has_null_for_what_nobody_knows(path: Path) -> None:
    values = as_dict(load(path))

    assert values["energy"]["total_j"] == 360e3
    assert values["energy"]["low_j"] is values["energy"]["high_j"] is values["energy"]["channels"][0]["low_j"] is None
    assert values["emissions"]["low_g"] is values["emissions"]["low_g_per_kwh"] is None
    assert values["footprint"]["total_g"] == pytest.approx(5.0) and values["footprint"]["low_total_g"] is None
    json.dumps(values, allow_nan=False)


def test_the_report_says_so_beside_each_figure(path: Path) -> None:
    text = TextReport().render(load(path))

    assert text.count(NO_INTERVAL) == 5, text  # the total, two domains, the grams, the factor
    assert "nan" not in text.casefold()


def test_its_page_says_so_and_who_counted(path: Path) -> None:
    run = load(path)
    run.data.meta["origin"] = "CodeCarbon 3.1.0"
    page = HtmlReport().render(run)

    assert page.count(NO_INTERVAL) >= 5 and f"{NO_INTERVAL} kJ" not in page
    assert "recorded with CodeCarbon 3.1.0" in page
    assert json.dumps(run_view.view(run), allow_nan=False)


def test_the_index_has_none(path: Path) -> None:
    found = summary(load(path))

    assert (found.energy_j, found.low_j, found.high_j) == (360e3, None, None)
    assert (found.low_g, found.high_g) == (None, None)


def test_it_can_be_counted_elsewhere(path: Path) -> None:
    again = load(path).recounted("POL")

    assert again.emissions.co2e_g > 30 and math.isnan(again.emissions.low_g)
    assert again.emissions.low_g_per_kwh < again.emissions.high_g_per_kwh


def test_a_comparison_shows_it_and_judges_nothing(path: Path) -> None:
    found = differences([before(), load(path)])

    assert found.energy.values[1] is not None and found.energy.values[1].best == 360e3
    assert [change.verdict for change in found.energy.changes] == ["not known"]
    values = compared_as_dict(found)
    assert values["energy"]["values"][1]["value_j"] == 360e3 and values["energy"]["values"][1]["low_j"] is None
    assert "nan" not in ComparedText().render(found).casefold()


def test_two_of_them_are_no_more_sure(path: Path) -> None:
    found = differences([load(path), Run(told_run(id="other"))])

    assert found.energy.changes[0].verdict == "not known" != "same within its interval"


def test_a_sum_with_it_has_no_interval(path: Path) -> None:
    merged = merge([load(path), Run(told_run(id="other", started_at="2025-11-04T09:00:00+00:00"))])

    assert merged.energy.total_j == pytest.approx(720e3) and math.isnan(merged.energy.low_j)


def test_advice_needs_an_interval(path: Path) -> None:
    with pytest.raises(PyCarbonError, match="no interval is known"):
        advise(load(path))


def test_one_end_alone_is_no_interval() -> None:
    with pytest.raises(ValueError, match="not an interval"):
        Range(UNKNOWN, 1.0, 2.0)
    with pytest.raises(ValueError, match="not an interval"):
        Range(UNKNOWN, UNKNOWN, UNKNOWN)
    with pytest.raises(ValueError, match="energy must be finite"):
        from_energy(UNKNOWN, UNKNOWN, UNKNOWN, from_dict(FRANCE))
    assert not metadata._INTENSITY(FRANCE | {"low_g_per_kwh": None})
    assert Range(UNKNOWN, 1.0, UNKNOWN).times(2).best == 2


def test_a_figure_without_an_interval_is_written_as_others_are() -> None:
    assert with_interval(1234.5, UNKNOWN, UNKNOWN, 1e3) == ("1.23", NO_INTERVAL)
