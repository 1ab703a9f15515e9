"""Taking an answer apart: every field is checked, and what is wrong is said in a few words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from pycarbon.services.reading import MOST_G_PER_KWH, Reading, Unusable

_SHOWN = 40  # characters of a bad value in a message


def shown(value: object) -> str:
    """A bad value as a message shows it: short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def table(value: Any, where: str) -> dict[str, Any]:
    """A JSON object; `where` names it in the message of Unusable, as in all functions here."""
    if not isinstance(value, dict):
        raise Unusable(f"{where} is {shown(value)}, not an object")
    return value


def array(value: Any, where: str) -> list[Any]:
    """A JSON array."""
    if not isinstance(value, list):
        raise Unusable(f"{where} is {shown(value)}, not a list")
    return value


def field(value: Any, name: str, where: str) -> Any:
    """A member of a JSON object that has to be there."""
    members = table(value, where)
    if name not in members:
        raise Unusable(f"{where} has no {name!r}")
    return members[name]


def word(value: Any, where: str) -> str:
    """A JSON string that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"{where} is {shown(value)}, not a word")
    return value


def number(value: Any, where: str) -> float:
    """A finite JSON number: no string, no truth value, no NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unusable(f"{where} is {shown(value)}, not a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise Unusable(f"{where} is not finite")
    return found


def g_per_kwh(value: Any, where: str, factor: float = 1.0) -> float:
    """An intensity in g per kWh from a number in another unit, which `factor` converts."""
    found = number(value, where) * factor
    if not 0 <= found <= MOST_G_PER_KWH:
        raise Unusable(f"{where} is {found:g} g/kWh, which cannot be (0 to {MOST_G_PER_KWH:g})")
    return found


def moment(value: Any, where: str, *, naive_is_utc: bool = False) -> datetime:
    """A time as RFC 3339 writes it, in UTC; one without an offset only where its field is defined to be UTC."""
    text = word(value, where).strip()
    if text[-1] in "Zz":
        text = text[:-1] + "+00:00"
    # Python 3.10 reads three or six digits of a second, and no offset without its colon.
    text = re.sub(r"\.(\d+)", lambda digits: "." + f"{digits[1]:0<6}"[:6], text)
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text)
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None and naive_is_utc:
            found = found.replace(tzinfo=timezone.utc)
        if found.utcoffset() is None:
            raise Unusable(f"{where} is {shown(value)}, a time without its offset from UTC")
        if not 1990 <= found.year <= 2200:
            raise Unusable(f"{where} is {shown(value)}, which is no time of a grid")
        return found.astimezone(timezone.utc)
    except Unusable:
        raise
    except (ValueError, OverflowError):
        raise Unusable(f"{where} is {shown(value)}, not a time") from None


def in_order(readings: Iterable[Reading]) -> list[Reading]:
    """Sorted by time; raises Unusable where a period comes twice or two overlap."""
    found = sorted(readings, key=lambda reading: reading.start)
    for before, after in pairwise(found):
        if after.start < before.end:
            raise Unusable(f"the period from {after.start.isoformat()} comes twice or overlaps the one before it")
    return found


def widened(start: datetime, end: datetime, step: timedelta) -> tuple[datetime, datetime]:
    """[start, end) out to whole steps of a day: what is asked for then is the same question for a while."""
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (start - day) // step * step, day - (day - end) // step * step


def following(found: Sequence[Reading], told: Iterable[Reading]) -> list[Reading]:
    """Of what was told of the next part of a time, what begins where the parts before it end, or later."""
    return [reading for reading in told if not found or reading.start >= found[-1].end]


def within(readings: Iterable[Reading], start: datetime, end: datetime) -> list[Reading]:
    """Those that touch [start, end)."""
    return [reading for reading in readings if reading.end > start and reading.start < end]


def covering(readings: Sequence[Reading], start: datetime, end: datetime) -> list[Reading]:
    """The readings that cover [start, end), in order; raises Unusable with the time that is missing."""
    found = in_order(within(readings, start, end))
    if readings and not found:
        first, last = min(reading.start for reading in readings), max(reading.end for reading in readings)
        raise Unusable(f"it is for {_span(first, last)}, not for {_span(start, end)}")
    covered = start
    for reading in found:
        if reading.start > covered:
            raise Unusable(f"there is nothing for {_span(covered, reading.start)}")
        covered = reading.end
    if covered < end:
        raise Unusable(f"there is nothing for {_span(covered, end)}")
    return found


def _span(start: datetime, end: datetime) -> str:
    """A time span for people: the date of the end only where it is another one."""
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {until} UTC"
