"""Hours of balancing areas are their mix times its factors, slips are left out, broken cloud rows are named."""

import cmath
import csv
import math
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_data import SOURCES, TABLES, alter, link_raw, needs_sources, rewrite

from intensity import cloud_checks, fuels, hourly, registry

CISO = "hourly/eia930_CISO_2022_hourly_mix_ci.csv.gz"
AZURE = "cloud/ccf_grid_emissions_factors_azure.csv"
FIRST_HOUR = "2022-01-01 00:00:00+00:00,"


@pytest.fixture
def raw(tmp_path):
    return link_raw(tmp_path / "raw")


@pytest.fixture(scope="module")
def areas():
    return {area.name: area for area in hourly.areas(SOURCES, registry.load())}


def table():
    with (TABLES / "hours.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def change_hours(raw, change):
    """Runs every line of California's file, {column: cell}, through `change(index, cells)`."""

    def rewritten(text):
        header, *lines = text.splitlines()
        names = header.split(",")
        rows = [dict(zip(names, line.split(","), strict=True)) for line in lines]
        for index, cells in enumerate(rows):
            change(index, cells)
        return "\n".join([header, *(",".join(cells.values()) for cells in rows)]) + "\n"

    rewrite(raw / CISO, rewritten)


def read(raw):
    return hourly.read_area("CISO", (raw / CISO).resolve(), CISO)


@needs_sources
def test_california_2022_is_what_the_facts_say(areas):
    # FACTS section 6: 74 to 449 g/kWh around a mean of 256.
    values = [hour.published for hour in areas["CISO"].hours]
    assert (round(min(values)), round(max(values))) == (74, 449)
    assert round(math.fsum(values) / len(values)) == 256


@needs_sources
def test_the_yearly_figures_are_all_that_was_emitted_over_all_that_was_generated(areas):
    found = {(one.zone, one.scope): one for one in hourly.collect(SOURCES, registry.load())}
    assert len(found) == 16
    for name, area in areas.items():
        emitted = math.fsum(hour.published * hour.total_mwh for hour in area.hours)
        mean = emitted / math.fsum(hour.total_mwh for hour in area.hours)
        lifecycle, direct = found[f"US-{name}", "lifecycle"], found[f"US-{name}", "direct"]
        assert lifecycle.value == pytest.approx(mean)
        assert lifecycle.low < lifecycle.value < lifecycle.high
        assert direct.value < lifecycle.value


@needs_sources
def test_the_slips_that_are_known_are_left_out_and_winter_storms_are_not(areas):
    pjm = areas["PJM"]
    # Five hours of October report 43 to 47 g/kWh because coal, nuclear and nearly all gas are missing.
    assert min(hour.published for hour in pjm.hours) > 250
    assert pjm.left_out["total out of range"] == 5
    # The storm of 24 December 2022 burnt thirty times the usual oil, and stays.
    storm = datetime(2022, 12, 24, 22, tzinfo=timezone.utc)
    assert next(hour.mwh["OIL"] for hour in pjm.hours if hour.start == storm) == 11841


@needs_sources
@pytest.mark.parametrize(
    ("name", "longitude"),
    [("BPAT", -121.0), ("CISO", -117.5), ("ERCO", -101.0), ("MISO", -88.5), ("PJM", -77.5), ("SOCO", -83.8)],
)
def test_solar_plants_make_most_when_the_sun_is_highest(areas, name, longitude):
    """GIVEN about where an area's solar plants are, THEN an hour that is named by its other end would show."""
    turns = [(cmath.rect(1, (hour.start.hour + 0.5) * math.tau / 24), hour.mwh["SUN"]) for hour in areas[name].hours]
    middle_h = cmath.phase(sum(turn * mwh for turn, mwh in turns)) * 24 / math.tau % 24
    assert middle_h == pytest.approx(12 - longitude / 15, abs=0.4)


@needs_sources
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda i, cells: i == 5 and cells.update(avg_CI="0.2"), r"05:00:00\+00:00: avg_CI is 0\.2, its mix gives"),
        (lambda i, cells: cells.update(avg_CI=str(float(cells["avg_CI"] or 0) * 2.2046)), "another unit"),
        (lambda i, cells: i == 7 and cells.update(timestamp="2022-01-01 08:00:00+00:00"), "expected 2022-01-01 07"),
        (lambda i, cells: i < 100 and cells.update(NG=""), "103 hours cannot be used"),
        (lambda i, cells: i < 700 and i % 24 == 3 and cells.update(COL="-1"), "only .* days|hours cannot be used"),
    ],
)
def test_hours_that_are_not_their_mix_are_refused(raw, change, named):
    change_hours(raw, change)
    with pytest.raises(registry.BuildError, match=named) as caught:
        area = read(raw)
        hourly.usual_days(area, hourly.MADE_WITH)
    assert "eia930_CISO_2022" in str(caught.value)


@needs_sources
def test_a_missing_hour_is_refused(raw):
    rewrite(raw / CISO, lambda text: text.rsplit("\n", 2)[0] + "\n")
    with pytest.raises(registry.BuildError, match="8759 hours, expected 8760"):
        read(raw)


@needs_sources
def test_one_leaping_fuel_costs_one_hour(raw):
    # GIVEN an hour in which the solar plants report ten times what they are, with its own mean
    def leap(index, cells):
        if index == 4000:
            cells["SUN"] = "90000"
            mwh = {column: float(cells[column]) for column in hourly.COLUMNS}
            cells["avg_CI"] = repr(hourly.weighted(mwh, hourly.MADE_WITH))

    before = len(read(SOURCES).hours)
    change_hours(raw, leap)
    # THEN that hour is left out, and no other
    after = read(raw)
    assert len(after.hours) == before - 1
    assert sum(after.left_out.values()) == 4


def test_every_area_has_every_month_and_hour_in_both_scopes():
    rows = table()
    assert len(rows) == 8 * 2 * 12 * 3
    keys = {(row["zone"], row["scope"], row["month"], row["statistic"]) for row in rows}
    assert len(keys) == len(rows)
    by_key = {(row["zone"], row["scope"], row["month"], row["statistic"]): row for row in rows}
    for (zone, scope, month, statistic), row in by_key.items():
        for hour in range(24):
            cell = float(row[f"h{hour:02d}"])
            assert 0 <= cell < 1000
            assert float(by_key[zone, scope, month, "p10"][f"h{hour:02d}"]) <= cell or statistic != "p90"


def test_california_is_cleanest_in_its_own_day():
    # Noon in California is 19 or 20 o'clock in UTC: hours are UTC.
    june = next(row for row in table() if (row["zone"], row["scope"], row["month"]) == ("US-CISO", "lifecycle", "6"))
    hours = [float(june[f"h{hour:02d}"]) for hour in range(24)]
    assert 15 <= hours.index(min(hours)) <= 22
    assert max(hours) > 1.5 * min(hours)


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=40), st.floats(0, 1))
def test_a_quantile_lies_between_its_neighbours(values, share):
    values.sort()
    found = hourly.quantile(values, share)
    assert values[0] - 1e-9 <= found <= values[-1] + 1e-9
    assert hourly.quantile(values, 0) == pytest.approx(values[0])
    assert hourly.quantile(values, 1) == pytest.approx(values[-1])


@given(st.dictionaries(st.sampled_from(["coal", "gas", "hydro", "wind"]), st.floats(0.1, 100), min_size=1))
def test_the_mean_of_a_mix_lies_among_its_fuels(mix):
    known = fuels.read()
    for scope in ("lifecycle", "direct"):
        factors = [known[name].factor(scope).value for name in mix]
        assert min(factors) - 1e-9 <= fuels.mean(mix, known, scope) <= max(factors) + 1e-9


@needs_sources
def test_broken_cloud_rows_must_be_listed_and_listed_rows_must_be_broken(raw):
    known = registry.load()
    assert len(cloud_checks.notes(SOURCES, known)) == 2
    # GIVEN a registry that forgot one THEN it is refused by name
    finland, germany = known["cloud"]["broken"]
    with pytest.raises(registry.BuildError, match=r"azure\.csv: Finland Central: 6 columns instead of 5"):
        cloud_checks.notes(SOURCES, {**known, "cloud": {"broken": [germany]}})
    # GIVEN a list in which one was mended THEN its entry is refused
    alter(raw / AZURE, "Frankfurt,,000402", "Frankfurt,,0.000402")
    with pytest.raises(registry.BuildError, match="Germany West Central: listed as broken"):
        cloud_checks.notes(raw, {**known, "cloud": {"broken": [finland, germany]}})


@needs_sources
@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("West Europe,Netherlands,,0.00039,EEA", "West Europe,Netherlands,0.00039,EEA", "West Europe: 4 columns"),
        ("0.00039,EEA", "EEA,0.00039", "West Europe: 'EEA' stands where the factor belongs"),
        ("0.00039,EEA", "0.39,EEA", "West Europe: 0.39 t/kWh is 390000 g/kWh"),
        ("0.00039,EEA", "0.00039,", "West Europe: no source"),
        ("West Europe,", "North Europe,", "North Europe: the region is there twice"),
    ],
)
def test_a_newly_broken_cloud_row_is_refused_by_name(raw, old, new, named):
    alter(raw / AZURE, old, new)
    with pytest.raises(registry.BuildError, match=named):
        cloud_checks.notes(raw, registry.load())
