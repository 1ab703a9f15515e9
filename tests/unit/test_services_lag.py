"""What a service publishes late is bridged for a while: never for longer, and never without saying so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_world import NOW, at

from pycarbon.services.lag import age_in_words, bridged
from pycarbon.services.reading import Question, Reading, Unusable

HOUR = timedelta(hours=1)
MINUTES = st.integers(-200, 100).map(lambda minutes: timedelta(minutes=minutes))


def hours_until(end, count=3):
    return [Reading(end - n * HOUR, end - (n - 1) * HOUR, 100.0 + n) for n in range(count, 0, -1)]


def question(start, end):
    return Question("X", start, end)


@given(MINUTES, MINUTES.filter(bool))
def test_a_bridge_is_short_estimated_and_all_that_changes(told_until, asked_until):
    # GIVEN hours until some time around now, and a question until another
    found, end = hours_until(NOW + told_until), NOW + asked_until
    # WHEN they are bridged for at most two hours
    try:
        bridge = bridged(found, question(end - HOUR, end), NOW, 2 * HOUR)[len(found) :]
    except Unusable:
        # THEN that is refused only where the last is too old for a question about the present
        assert told_until < -2 * HOUR < asked_until
        return
    # THEN what is new is the last value, from its end to the question's, of a gap no longer than allowed
    for held in bridge:
        assert (held.start, held.end, held.g_per_kwh) == (found[-1].end, end, found[-1].g_per_kwh)
        assert held.estimated and held.start >= NOW - 2 * HOUR and held.end <= NOW + HOUR
    assert bool(bridge) == (max(-2 * HOUR, told_until) < asked_until <= HOUR and told_until >= -2 * HOUR)


def test_a_value_just_old_enough_and_one_too_old():
    now = question(at(12), NOW)
    assert len(bridged(hours_until(NOW - 2 * HOUR), now, NOW, 2 * HOUR)) == 4
    with pytest.raises(Unusable, match="its latest value is 2 h old"):
        bridged(hours_until(NOW - 2 * HOUR - timedelta(minutes=1)), now, NOW, 2 * HOUR)


def test_what_is_missing_from_the_past_is_no_lag():
    found = hours_until(at(5))
    assert bridged(found, question(at(5), at(7)), NOW, 2 * HOUR) == found
    assert bridged([], question(at(12), NOW), NOW, HOUR) == []


@pytest.mark.parametrize(("minutes", "words"), [(5, "5 min"), (119, "119 min"), (200, "3 h"), (5000, "3 days")])
def test_an_age_in_words(minutes, words):
    assert age_in_words(timedelta(minutes=minutes)) == words
