"""Hourly intensities: what they come to over a run, and how periods become hours."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import hours
from pycarbon.hours import HOURS_OF_A_YEAR, EnergyByHour, Hours, actual, hour_of, start_of, typical, weighted

grams = st.floats(0, 1500)
triples = st.tuples(grams, grams, grams).map(sorted)
START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def series(values, first_hour=1000):
    low, mean, high = zip(*values, strict=True)
    return Hours("actual", first_hour, list(mean), list(low), list(high))


@given(st.lists(st.tuples(triples, st.just(0.0) | st.floats(1e-9, 1e9)), min_size=1, max_size=30))
def test_a_run_is_between_its_cleanest_and_its_dirtiest_hour(pairs):
    values = [value for value, _ in pairs]
    found = weighted(series(values), EnergyByHour(1000, tuple(energy for _, energy in pairs)))
    low, mean, high = found
    assert low <= mean <= high
    for end, at in zip(found, range(3), strict=True):
        assert min(v[at] for v in values) - 1e-9 <= end <= max(v[at] for v in values) + 1e-9


@given(st.lists(st.tuples(triples, st.floats(1e-3, 1e6)), min_size=2, max_size=20), st.integers(1, 19))
def test_grams_of_the_parts_of_a_run_are_those_of_the_whole(pairs, cut):
    # GIVEN a run's energy hour by hour, cut in two somewhere
    cut = min(cut, len(pairs) - 1)
    energy = tuple(joules for _, joules in pairs)
    its = series([value for value, _ in pairs])
    # WHEN the whole and each part meet the same hours
    whole = weighted(its, EnergyByHour(1000, energy))
    first = weighted(its, EnergyByHour(1000, energy[:cut]))
    second = weighted(its, EnergyByHour(1000 + cut, energy[cut:]))
    # THEN nothing is lost at the cut
    for i in range(3):
        parts = first[i] * sum(energy[:cut]) + second[i] * sum(energy[cut:])
        assert parts == pytest.approx(whole[i] * sum(energy), rel=1e-9, abs=1e-9)


def test_a_single_hour_is_that_hour_and_none_is_guessed():
    its = series([(1, 2, 3), (4, 5, 6)])
    assert weighted(its, EnergyByHour(1001, (7.0,))) == (4, 5, 6)
    assert weighted(its, EnergyByHour(1001, (7.0, 1.0))) is None
    assert weighted(its, EnergyByHour(999, (7.0,))) is None


def test_a_run_that_used_nothing_weighs_its_hours_alike():
    assert weighted(series([(1, 2, 3), (3, 4, 5)]), EnergyByHour(1000, (0.0, 0.0))) == (2, 3, 4)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)), st.integers(-12 * 60, 14 * 60))
def test_an_hour_begins_before_its_times_whatever_their_offset(naive, minutes):
    time = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert timedelta(0) <= time - start_of(hour_of(time)) < timedelta(hours=1)


def test_a_typical_year_has_the_months_days_in_order():
    july_afternoon = hour_of(datetime(2031, 7, 14, 15, 59, tzinfo=timezone.utc))
    assert hours.typical_index(july_afternoon) == 6 * 24 + 15
    assert hours.typical_index(hour_of(datetime(2026, 1, 1, tzinfo=timezone.utc))) == 0
    assert hours.typical_index(hour_of(datetime(2026, 12, 31, 23, tzinfo=timezone.utc))) == HOURS_OF_A_YEAR - 1


@given(st.lists(triples, min_size=1, max_size=50), st.floats(0, 1), st.floats(0, 1))
def test_an_error_that_hours_share_widens_each_of_them_and_moves_none(values, below, above):
    its = series(values)
    wide = its.widened(below, above)
    assert wide.mean_g_per_kwh == its.mean_g_per_kwh
    assert all(w <= own for w, own in zip(wide.low_g_per_kwh, its.low_g_per_kwh, strict=True))
    assert all(w >= own for w, own in zip(wide.high_g_per_kwh, its.high_g_per_kwh, strict=True))


@pytest.mark.parametrize(
    "columns",
    [([1.0], [2.0], [3.0]), ([1.0], [0.5, 0.5], [2.0]), ([], [], []), ([1.0], [-1.0], [2.0]), ([2.0], [1.0], [1.5])],
)
def test_what_is_no_series_is_refused(columns):
    mean, low, high = columns
    with pytest.raises(ValueError, match="must"):
        Hours("actual", 0, mean, low, high)


def periods(minutes, values, start=START):
    step = timedelta(minutes=minutes)
    return [(start + i * step, start + (i + 1) * step, v - 1, v, v + 1) for i, v in enumerate(values)]


def test_half_hours_are_averaged_to_hours():
    first = hour_of(START)
    found = actual(periods(30, [10, 20, 30, 50]), first, first + 1)
    assert (found.first_hour, found.mean_g_per_kwh, found.low_g_per_kwh) == (first, [15, 40], [14, 39])


def test_longer_periods_hold_for_each_of_their_hours():
    first = hour_of(START)
    assert actual(periods(180, [10]), first, first + 2).mean_g_per_kwh == [10, 10, 10]


def test_an_hour_that_nobody_told_of_leaves_nothing():
    first = hour_of(START)
    told = periods(60, [10, 20, 30])
    assert actual(told, first, first + 3) is None
    assert actual([told[0], told[2]], first, first + 2) is None
    assert actual([], first, first) is None


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=40), st.sampled_from([5, 15, 30, 60, 90, 120]))
def test_the_mean_over_all_hours_is_that_of_the_periods(values, minutes):
    # GIVEN periods of one length that fill whole hours
    while len(values) * minutes % 60:
        values = [*values, values[-1]]
    first = hour_of(START)
    last = first + len(values) * minutes // 60 - 1
    # WHEN they become hours THEN time's mean stays
    found = actual(periods(minutes, values), first, last)
    assert sum(found.mean_g_per_kwh) / len(found.mean_g_per_kwh) == pytest.approx(sum(values) / len(values))


def test_california_is_as_far_apart_as_its_hours_were_in_2022():
    its = typical("US-CISO", 2022, "lifecycle", "production", "CO2e")
    noon, evening = (
        its.at(hour_of(datetime(2026, 4, 15, 20, tzinfo=timezone.utc))),
        its.at(hour_of(datetime(2026, 4, 15, 3, tzinfo=timezone.utc))),
    )
    assert noon[1] < 0.7 * evening[1], "in spring its sun is up at 20 h UTC, and not at 3 h"
    assert len(its.mean_g_per_kwh) == HOURS_OF_A_YEAR


def test_a_zone_without_hours_has_none():
    assert typical("FRA", 2025, "lifecycle", "production", "CO2e") is None
    assert typical("US-CISO", 2021, "lifecycle", "production", "CO2e") is None
