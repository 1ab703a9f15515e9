"""When a run would emit less: made-up grids whose best hour is known, or found by trying all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import siting
from pycarbon.advice import Used
from pycarbon.advice_hours import later
from pycarbon.emissions import JOULES_PER_KWH, from_energy
from pycarbon.hours import EnergyByHour, Hours, hour_of, start_of
from pycarbon.intensity import Intensity, choose
from pycarbon.interval import Range
from pycarbon.rating import Rating

NOON = datetime(2026, 7, 1, 12, 30, tzinfo=timezone.utc)
values = st.floats(min_value=0, max_value=1000)


def grid(day, spread=0.0, kind="typical", first=0):
    """A zone with the same day in every month, each hour known to within a part of it."""
    many = [float(value) for value in day] * (12 if kind == "typical" else 1)
    hours = Hours(kind, first, many, [v * (1 - spread) for v in many], [v * (1 + spread) for v in many])
    mean = sum(day) / len(day)
    return Intensity("X", "X", mean, mean * 0.5, mean * 1.5, 2025, "method", "source", hours=hours)


def used(intensity, energy_j, started=NOON):
    by_hour = EnergyByHour(hour_of(started), tuple(energy_j))
    total = sum(energy_j)
    emissions = from_energy(total, total, total, intensity, by_hour=by_hour)
    return Used(Range(total, total, total), emissions, Rating(intensity), by_hour)


def advised(some, duration_s=3600.0, started=NOON):
    found, why = later(some, started, duration_s)
    assert bool(found) != bool(why) and len(found) <= 1
    return found[0] if found else None


def test_it_waits_for_the_sun():
    # GIVEN a grid that is clean from 9 to 15, and worst at 18, and a run of three hours that began at 17
    day = [300.0] * 24
    day[9:15], day[18] = [50.0] * 6, 600.0
    started = NOON.replace(hour=17)
    # WHEN it asks
    one = advised(used(grid(day, 0.1), [3.6e6] * 3, started), started=started)
    # THEN it begins at the first hour of which it is done in time, and the worst is no later hour
    assert (one.facts["shift_h"], one.facts["start_at"]) == (16, "2026-07-02T09:30:00+00:00")
    assert "09:30 UTC" in one.what and one.resolved
    assert one.saved_g == pytest.approx(300 + 600 + 300 - 3 * 50)
    assert one.facts["worst_saved_g"] == 0 and one.facts["worst_shift_h"] == 0


def test_the_clock_of_the_place_is_told_too():
    started = NOON.astimezone(timezone(timedelta(hours=-7)))
    one = advised(used(grid([500] * 23 + [10]), [3.6e6], started), started=started)
    assert one.what == "start 11 h later, at 23:30 UTC (16:30 there)"
    assert one.facts["utc_offset_s"] == -7 * 3600


@given(
    st.lists(values, min_size=24, max_size=24),
    st.lists(st.floats(min_value=0, max_value=1e7), min_size=1, max_size=24),
    st.integers(min_value=0, max_value=364 * 24),
)
def test_it_is_the_best_of_all_hours(day, energy_j, first):
    # GIVEN any day, and any run of up to a day at any time within a month
    started = NOON.replace(month=1, day=1, hour=0) + timedelta(hours=first)
    if start_of(hour_of(started) + 48).month != started.month:
        started = started.replace(day=3)
    some = used(grid(day), energy_j, started)
    # WHEN every later start is counted as its own run would be
    intensity = some.rating.intensity
    by_hour = [EnergyByHour(some.by_hour.first_hour + shift, some.by_hour.energy_j) for shift in range(24)]
    total_j = some.energy.best
    emitted = [from_energy(total_j, total_j, total_j, intensity, by_hour=one).co2e_g for one in by_hour]
    # THEN the one advised is as good as the best, and saves the difference
    one = advised(some, started=started)
    near = 1e-9 * (emitted[0] + 1)
    if one is None:
        assert min(emitted) >= emitted[0] - near
    else:
        assert emitted[one.facts["shift_h"]] <= min(emitted) + near
        assert one.saved_g == pytest.approx(emitted[0] - min(emitted), abs=near)
        assert one.saved_g <= some.emissions.co2e_g + near
        assert one.facts["worst_saved_g"] == pytest.approx(emitted[0] - max(emitted), abs=near)


@given(
    st.lists(st.tuples(values, values), min_size=24, max_size=24),
    st.lists(st.floats(min_value=0, max_value=1e7), min_size=1, max_size=6),
    st.lists(st.floats(min_value=-1, max_value=1), min_size=48, max_size=48),
)
def test_the_interval_holds_whatever_each_hour_truly_was(day, energy_j, errors):
    # GIVEN hours that are known to within a half, each with its own true value
    some = used(grid([value for value, _ in day], 0.5), energy_j)
    one = advised(some)
    if one is None:
        return
    hours, first = some.rating.intensity.hours, some.by_hour.first_hour
    truth = {first + n: hours.at(first + n)[1] * (1 + 0.5 * error) for n, error in enumerate(errors)}
    # THEN what is truly saved lies within: an hour that is in both has one value
    kwh = [joules / JOULES_PER_KWH for joules in energy_j]
    now = sum(part * truth[first + n] for n, part in enumerate(kwh))
    then = sum(part * truth[first + n + one.facts["shift_h"]] for n, part in enumerate(kwh))
    near = 1e-9 * (now + then + 1)
    assert one.low_g - near <= now - then <= one.high_g + near


def test_hours_that_are_in_both_do_not_blur_the_saving():
    # GIVEN a run of ten hours whose first is dirty, on a grid known to within a third
    day = [100.0] * 24
    day[12] = 300.0
    # WHEN it begins an hour later
    one = advised(used(grid(day, 1 / 3), [3.6e6] * 10))
    # THEN nine hours are the same for either, and what is saved is sure
    assert one.facts["shift_h"] == 1 and one.resolved
    assert (one.low_g, one.saved_g) == pytest.approx((300 * 2 / 3 - 100 * 4 / 3, 200))


def test_the_error_of_the_years_mean_does_not_blur_the_saving():
    # GIVEN a balancing area of the table, in a month whose noon is much cleaner than its night
    started = datetime(2026, 4, 10, 5, tzinfo=timezone.utc)
    choice = choose("US-CISO", at=started)
    by_hour = EnergyByHour(hour_of(started), (3.6e6,))
    rating = Rating(choice.taken, choice.others, *siting.pue_of(None, "US-CISO"))
    some = Used(
        Range(3.6e6, 3.6e6, 3.6e6), from_energy(3.6e6, 3.6e6, 3.6e6, choice.taken, by_hour=by_hour), rating, by_hour
    )
    one = advised(some, started=started)
    # THEN noon is better under every error, and by more than half
    assert one.resolved and one.share > 0.5
    assert 17 <= datetime.fromisoformat(one.facts["start_at"]).hour <= 23


def told(zone):
    """A run of two hours, of which alone a service told."""
    hours = grid([7, 1], kind="actual", first=hour_of(NOON)).hours
    return used(replace(choose(zone).taken, hours=hours), [1.0, 1.0])


@pytest.mark.parametrize("zone", ["GBR", "US-CA"])
def test_typical_days_are_not_promised_where_there_are_none(zone):
    assert later(told(zone), NOON, 7200.0) == ([], "the run's own hours are known, and no others")


@pytest.mark.parametrize(
    ("some", "duration_s", "started", "why"),
    [
        (used(grid([7] * 24), [1.0]), 1.0, NOON, "best hour"),
        (used(grid([7] * 23 + [1]), [1.0]), 90000.0, NOON, "longer than a day"),
        (used(grid([7] * 23 + [1]), [1.0]), 1.0, None, "does not say when"),
        (used(grid([7] * 23 + [1]), [1.0]), 1.0, datetime.max.replace(tzinfo=timezone.utc), "does not say when"),
        (told("US-CISO"), 7200.0, NOON, "no others: --zone US-CISO counts by typical days"),
        (used(Intensity("X", "X", 2, 1, 3, 2025, "m", "s"), [1.0]), 1.0, NOON, "no hourly figures of X"),
        (used(Intensity("X", "X", 2, 1, 3, 2025, "m", "s", False), [1.0]), 1.0, NOON, "an unknown place"),
    ],
)
def test_why_there_is_no_advice(some, duration_s, started, why):
    found, said = later(some, started, duration_s)
    assert found == [] and why in said and "\n" not in said


def test_hours_that_a_service_told_are_advised_as_far_as_they_go():
    some = used(grid([500, 400, 20, 300], kind="actual", first=hour_of(NOON)), [3.6e6])
    assert advised(some).facts["shift_h"] == 2


def test_a_run_that_used_nothing_saves_nothing():
    one = advised(used(grid([7] * 23 + [1]), [0.0]))
    assert one is None or (one.saved_g == 0 and not one.resolved)
