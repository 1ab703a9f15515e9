"""Which runs are meant: what `pycarbon ls` and every page of the dashboard take, and pages keep in their address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from pycarbon.errors import PyCarbonError

KINDS = ("measured", "modelled")
FIRST_YEAR, LAST_YEAR = 1970, 9998


@dataclass(frozen=True, slots=True)
class Filter:
    """Runs that fit all of it; None, and no tags, let every run through.

    `since` and `until` are days in UTC, both included. Of an `experiment`, "" means runs that belong to none. A tag
    with the value None is to be there, whatever its value.
    """

    organisation: str | None = None
    project: str | None = None
    experiment: str | None = None
    since: date | None = None
    until: date | None = None
    machine: str | None = None
    device: str | None = None
    zone: str | None = None
    kind: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def since_s(self) -> float | None:
        """The first moment, seconds since 1970."""
        return None if self.since is None else moment_s(self.since)

    @property
    def until_s(self) -> float | None:
        """The moment after the last."""
        return None if self.until is None else moment_s(self.until + timedelta(days=1))

    def but(self, **changes: Any) -> Filter:
        """Give the same filter with something changed."""
        return replace(self, **changes)

    def to_query(self) -> list[tuple[str, str]]:
        """Give it as the parameters of an address, in a fixed order; from_query reads them back."""
        pairs = [
            (each.name, str(value))
            for each in fields(self)
            if each.name != "tags" and (value := getattr(self, each.name)) is not None
        ]
        return pairs + [("tag", key if value is None else f"{key}={value}") for key, value in sorted_tags(self.tags)]


def sorted_tags(tags: Mapping[str, str | None]) -> list[tuple[str, str | None]]:
    """Give tags in order of their names."""
    return sorted(tags.items(), key=lambda pair: pair[0])


def from_query(pairs: Iterable[tuple[str, str]]) -> Filter:
    """Read a filter from an address; what is empty or of other names is no filter (but an empty experiment is).

    PyCarbonError, in one line, for a day that is none and a kind that is none.
    """
    values: dict[str, Any] = {"tags": {}}
    names = {each.name for each in fields(Filter)} - {"tags"}
    for name, text in pairs:
        if name == "tag" and text:
            key, equals, value = text.partition("=")
            values["tags"][key] = value if equals else None
        elif name in ("since", "until") and text:
            values[name] = day(text)
        elif name in names and (text or name == "experiment"):
            values[name] = text
    if values.get("kind") not in (None, *KINDS):
        raise PyCarbonError(f"{values['kind'][:40]!r} is no kind; there are {' and '.join(KINDS)}")
    return Filter(**values)


def day(text: str) -> date:
    """Read a day such as 2026-11-27; PyCarbonError where it is none."""
    try:
        found = date.fromisoformat(text)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise ValueError("there are no runs")
        return found
    except ValueError:
        raise PyCarbonError(f"{text[:40]!r} is no day; write one as 2026-11-27") from None


def moment_s(day: date) -> float:
    """Give a day's first moment in UTC, seconds since 1970."""
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()
