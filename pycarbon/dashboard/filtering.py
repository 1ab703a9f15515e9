"""The filter as pages show it: what is chosen, and links to the page without each part of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from pycarbon.dashboard.links import address
from pycarbon.dashboard.page import Pairs
from pycarbon.errors import PyCarbonError
from pycarbon.store.filters import Filter, sorted_tags

_NAMES = ("organisation", "project", "experiment", "since", "until", "machine", "device", "zone", "kind")


def given(chosen: Filter) -> dict[str, Any]:
    """Give a filter as JSON can hold it; what is not asked for is None, and a tag with any value has None for it."""
    values = {name: getattr(chosen, name) for name in _NAMES}
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    return plain | {"tags": dict(sorted_tags(chosen.tags))}


def last(pairs: Pairs, name: str) -> str:
    """Give the last value of a parameter, empty where there is none."""
    return next((value for key, value in reversed(pairs) if key == name), "")


def number(pairs: Pairs, name: str, default: int, most: int) -> int:
    """Read a parameter that counts from 1; PyCarbonError where it does not."""
    text = last(pairs, name)
    if not text:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= value <= most:
        raise PyCarbonError(f"{name} {text[:40]!r} is no good: it must be a whole number from 1 to {most}")
    return value


def parts(path: str, chosen: Filter, subject: tuple[str, ...]) -> list[dict[str, str]]:
    """Give what a page is filtered by: each a `name`, a `value`, and the address of the page `without` it.

    The page's subject is none of it.
    """
    pairs = chosen.to_query()
    return [
        {
            "name": name,
            "value": value or f"no {name}",
            "without": address(path, [*pairs[:place], *pairs[place + 1 :]]),
        }
        for place, (name, value) in enumerate(pairs)
        if name not in subject
    ]


def spans(path: str, chosen: Filter, today: date) -> list[dict[str, Any]]:
    """Give links to the spans of time that are mostly asked for: `label`, `address`, whether it is `current`."""
    wanted: list[tuple[str, date | None]] = [
        ("All time", None),
        ("This year", today.replace(month=1, day=1)),
        ("This month", today.replace(day=1)),
        ("Last 30 days", today - timedelta(days=29)),
    ]
    return [
        {
            "label": label,
            "address": address(path, chosen.but(since=since, until=None).to_query()),
            "current": chosen.until is None and chosen.since == since,
        }
        for label, since in wanted
    ]
