"""pycarbon intensity ZONE [--at TIME] [--all]: what a kilowatt-hour emits there, and where the figure is from."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycarbon.settings import SCOPES

if TYPE_CHECKING:
    from pycarbon.intensity import Intensity
    from pycarbon.rating import Rating

FLOWS = ("production", "consumption")
ENDS = ("low_g_per_kwh", "intensity_g_per_kwh", "high_g_per_kwh")
MOST_HOURS = 72


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon intensity FRA\n"
        "  pycarbon intensity aws:us-east-1 --at 2026-07-01T15:00 --all\n"
        "  pycarbon intensity GBR --service uk\n\n"
        "ZONE is a country (FRA, FR, France), a state (US-WY), a bidding zone (NO-NO1), a balancing area (US-CISO),\n"
        "a cloud region (aws:us-east-1) or WORLD; `pycarbon zones` lists them. Only --service uses the network."
    )
    parser.add_argument("zone", metavar="ZONE", help="which place")
    parser.add_argument("--at", type=_time, metavar="TIME", help="then, as 2026-07-01T15:00 (UTC without offset)")
    parser.add_argument("--year", type=int, help="the figure of that year (default: the newest)")
    parser.add_argument("--scope", choices=SCOPES, default=SCOPES[0], help="what is counted (default: lifecycle)")
    parser.add_argument("--flow", choices=FLOWS, help="by what is generated there, or with imports followed")
    parser.add_argument("--factors", type=Path, metavar="FILE", help="your own grid factors, a CSV file")
    parser.add_argument("--service", metavar="NAME[:ZONE]", help="ask a grid service instead of the shipped table")
    parser.add_argument(
        "--hours", type=_count, metavar="N", help="also the next N hours: typical ones, or the service's forecast"
    )
    parser.add_argument("--all", action="store_true", help="also every figure that was not taken")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if not 1990 <= time.year <= 2200:
            raise ValueError("out of range")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write it as 2026-07-01T15:00+02:00") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_HOURS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours from 1 to {MOST_HOURS}")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Print the factor on standard output."""
    from pycarbon import asking, factors, siting
    from pycarbon.intensity import Method, choose
    from pycarbon.rating import Rating
    from pycarbon.reports.text import style_for

    own = None if options.factors is None else factors.read(options.factors)
    method = Method(options.scope, options.flow)
    used_at = options.at
    if used_at is None and options.year is not None and 1 <= options.year <= datetime.now(timezone.utc).year:
        used_at = datetime(options.year, 7, 1, tzinfo=timezone.utc)  # who asks for a year asks how it was then
    choice = choose(options.zone, method, year=options.year, at=used_at, own=own)
    rating = Rating(choice.taken, choice.others, *siting.pue_of(None, choice.taken.asked or choice.taken.zone))
    at = options.at or datetime.now(timezone.utc)
    ahead = rating.intensity
    if options.service is not None and options.hours:
        ahead = asking.forecast(rating, options.service, at, options.hours)
    if options.service is not None:
        rating = asking.rate(rating, options.service, at, at + timedelta(seconds=1))
    found = _found(rating, at) | _hours(ahead, at, options.hours or 0)
    style = style_for(sys.stdout)
    lines = (_wrapped(line, style.width) for line in _lines(rating, found, options))
    print(style.fit(json.dumps(found, indent=1) if options.json else "\n".join(lines)))


def _wrapped(line: str, width: int) -> str:
    """Go on below, a little to the right, with what the terminal is too narrow for."""
    margin = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(line.strip(), width, initial_indent=margin, subsequent_indent=f"{margin}    ")


def _hours(ahead: Intensity, at: datetime, count: int) -> dict[str, Any]:
    from pycarbon.errors import IntensityError
    from pycarbon.hours import hour_of, start_of

    if count and ahead.hours is None:
        raise IntensityError(
            f"there are no hourly figures of {ahead.zone}: ask a service for its forecast (--service)"
        )
    found = []
    for hour in range(hour_of(at), hour_of(at) + count):
        values = None if ahead.hours is None else ahead.hours.at(hour)
        if values is not None:
            found.append({"start": start_of(hour).isoformat(), **dict(zip(ENDS, values, strict=True))})
    return {"hours_method": ahead.method if found else None, "hours": found}


def _found(rating: Rating, at: datetime) -> dict[str, Any]:
    from pycarbon.hours import hour_of

    taken = rating.intensity
    hourly = None if taken.hours is None else taken.hours.at(hour_of(at))
    return {
        "schema": 1,
        **{name: value for name, value in asdict(taken).items() if name != "hours"},
        "hour": None
        if hourly is None or taken.hours is None
        else {
            "kind": taken.hours.kind,
            **dict(zip(ENDS, hourly, strict=True)),
        },
        "pue": rating.pue.best,
        "pue_range": [rating.pue.low, rating.pue.high],
        "pue_source": rating.pue_source,
        "alternatives": [
            {name: value for name, value in asdict(other).items() if name not in ("hours", "note", "place_known")}
            for other in rating.others
        ],
    }


def _lines(rating: Rating, found: dict[str, Any], options: argparse.Namespace) -> Iterator[str]:
    from pycarbon.reports import figures

    taken = rating.intensity
    yield _line(taken)
    if found["hour"] is not None:
        value, between = _figure(found["hour"])
        when = "now" if options.at is None else f"at {options.at.isoformat(timespec='minutes')}"
        typical = "a typical day of that month" if found["hour"]["kind"] == "typical" else "as the service tells it"
        yield f"  {when}: {value} g/kWh ({between}), {typical}"
    if rating.pue.high > 1:
        yield f"  PUE {rating.pue.best:g} ({rating.pue.low:g} to {rating.pue.high:g}): {rating.pue_source}"
    if taken.note:
        yield f"  {figures.printable(taken.note)}"
    for other in rating.others:
        if other.type == "marginal":
            yield f"  beside it, never instead: {_line(other)}"
    if found["hours"]:
        yield f"  hour by hour, {found['hours_method']}:"
        best = min(found["hours"], key=lambda hour: float(hour["intensity_g_per_kwh"]))
        for hour in found["hours"]:
            value, between = _figure(hour)
            yield f"  {hour['start'][:16]} UTC {value:>6} g/kWh ({between}){'  least' if hour is best else ''}"
    if options.all:
        yield ""
        yield "Not taken:" if rating.others else "There is no other figure."
        for other in rating.others:
            yield f"  {_line(other)}"


def _line(one: Intensity) -> str:
    from pycarbon.reports import carbon, figures

    value, between = _figure(asdict(one))
    where = f"{carbon.where(one)}, {one.year}, {one.method}; {one.source}"
    return figures.printable(f"{value} g/kWh ({between}): {where}")


def _figure(values: dict[str, Any]) -> tuple[str, str]:
    from pycarbon.reports import figures

    ends = (values["intensity_g_per_kwh"], values["low_g_per_kwh"], values["high_g_per_kwh"])
    return figures.with_interval(*ends, 1.0)
