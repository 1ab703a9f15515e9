"""Readings and the checks on the way to them: what is no good is refused in a few words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import at

from pycarbon.services import checks
from pycarbon.services.reading import Reading, Unusable

READING = Reading(at(0), at(1), 50.0)
EASTERN = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    "changed",
    [
        {"g_per_kwh": -0.1},
        {"g_per_kwh": float("nan")},
        {"g_per_kwh": 3000.1},
        {"low_g_per_kwh": 51.0},
        {"high_g_per_kwh": 49.0},
        {"end": at(0)},
        {"start": datetime(2026, 3, 10)},
        {"start": at(0).astimezone(EASTERN)},
        {"issued_at": datetime(2026, 3, 10)},
        {"type": "median"},
        {"scope": "upstream"},
        {"flow": "import"},
        {"gas": "N2O"},
    ],
)
def test_what_cannot_be_is_no_reading(changed):
    with pytest.raises(Unusable):
        replace(READING, **changed)


@pytest.mark.parametrize("value", ["61", None, True, [61], float("nan"), float("inf"), -1, 3001, 10**400])
def test_what_is_no_intensity(value):
    with pytest.raises(Unusable, match=r"^carbonIntensity (is|has) "):
        checks.g_per_kwh(value, "carbonIntensity")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-10T12:00Z",
        "2026-03-10T12:00:00.0000000Z",
        "2026-03-10T13:00:00.00+0100",
        "2026-03-10T12:00:00.000Z",
        "2026-03-10T12:00:00+00:00",
        "2026-03-10T07:00:00-05:00",
    ],
)
def test_times_as_services_write_them(text):
    assert checks.moment(text, "datetime") == at(12) and checks.moment(text, "datetime").utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-10T12:00",
        "2026-03-10",
        "yesterday",
        "",
        None,
        1741608000,
        "9999-12-31T23:59Z",
        "1970-01-01T00:00Z",
        "Z",
    ],
)
def test_what_is_no_time(value):
    with pytest.raises(Unusable):
        checks.moment(value, "datetime")


def test_a_field_that_is_utc_by_definition_needs_no_offset():
    assert checks.moment("2026-03-10T12:00", "Minutes5UTC", naive_is_utc=True) == at(12)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3)), max_size=6), st.integers(0, 12), st.integers(1, 6))
def test_periods_cover_a_time_or_it_is_said_what_is_missing(periods, first, length):
    """GIVEN any periods, THEN covering gives touching ones that hold the whole time, or says why not."""
    readings = [replace(READING, start=at(start), end=at(start + hours)) for start, hours in periods]
    start, end = at(first), at(first + length)
    try:
        found = checks.covering(readings, start, end)
    except Unusable as reason:
        held = {hour for begin, hours in periods for hour in range(begin, begin + hours)}
        wanted = set(range(first, first + length))
        if "nothing for" in str(reason) or "it is for" in str(reason):
            assert wanted - held
        else:
            assert "twice or overlaps" in str(reason)
        return
    assert found[0].start <= start and end <= found[-1].end
    assert all(before.end == after.start for before, after in pairwise(found))
    assert all(reading.end > start and reading.start < end for reading in found)


@given(st.integers(0, 6000), st.integers(1, 6000), st.sampled_from([5, 15, 30, 60]))
def test_a_widened_time_holds_it_in_whole_steps(start_min, length_min, step_min):
    start, end = at(start_min / 60), at((start_min + length_min) / 60)
    first, last = checks.widened(start, end, timedelta(minutes=step_min))
    assert first <= start < first + timedelta(minutes=step_min) and end <= last < end + timedelta(minutes=step_min)
    assert (
        (first - at(0)) % timedelta(minutes=step_min) == (last - at(0)) % timedelta(minutes=step_min) == timedelta(0)
    )


def test_another_day_is_named():
    with pytest.raises(Unusable, match="it is for 2026-03-10 00:00 to 01:00 UTC, not for 2026-03-11 00:00 to 01:00"):
        checks.covering([READING], at(24), at(25))


def test_a_gap_is_named():
    later = replace(READING, start=at(2), end=at(3))
    with pytest.raises(Unusable, match="there is nothing for 2026-03-10 01:00 to 02:00 UTC"):
        checks.covering([READING, later], at(0), at(3))
