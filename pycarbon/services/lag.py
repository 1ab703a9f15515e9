"""Services publish a while after the fact: a short while is bridged, and said; a long one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pycarbon.services.reading import Question, Reading, Unusable


def bridged(readings: Sequence[Reading], question: Question, now: datetime, longest: timedelta) -> list[Reading]:
    """`readings`, in order, with their last value held to the end of a question about the present.

    What is held is a period of its own, marked as estimated. Raises Unusable, with the age, for a
    last value that ended more than `longest` ago. A question about the past, and one that reaches
    more than an hour ahead, stays as it is: what it lacks is no lag.
    """
    found = list(readings)
    if not found or found[-1].end >= question.end:
        return found
    if not now - longest < question.end <= now + timedelta(hours=1):
        return found
    last = found[-1]
    age = now - last.end
    if age > longest:
        raise Unusable(f"its latest value is {age_in_words(age)} old, of {last.end:%Y-%m-%d %H:%M} UTC")
    return [*found, replace(last, start=last.end, end=question.end, estimated=True)]


def age_in_words(age: timedelta) -> str:
    """An age for people: in minutes, hours or days."""
    minutes = age.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 72 * 60 else f"{minutes / 1440:.0f} days"
