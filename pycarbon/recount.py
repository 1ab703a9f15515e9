"""The options that count a run's grams in another way, for every command that shows runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycarbon import settings
from pycarbon.footprint import hardware
from pycarbon.intensity import FLOWS, SCOPES
from pycarbon.settings import DATA_CENTRE

if TYPE_CHECKING:
    from pycarbon.analysis import Run
    from pycarbon.rating import Rating

_OPTIONS = (
    *("zone", "year", "scope", "flow", "pue", "factors", "service"),
    *("embodied", "lifetime", "embodied_share", "wue"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe them."""
    group = parser.add_argument_group("count its grams in another way; the file stays as it is")
    group.add_argument("--zone", help="as if it had run there: FRA, US-WY, NO-NO1, gcp:europe-north1, WORLD, ...")
    group.add_argument("--year", type=int, help="by the figure of that year (default: the newest)")
    group.add_argument("--scope", choices=SCOPES, help="with building of plants and fuel supply, or the stack alone")
    group.add_argument("--flow", choices=FLOWS, help="by what is generated there, or with imports followed")
    group.add_argument(
        "--pue", type=_read(settings.pue), help=f"of the building, 1 or more, or {DATA_CENTRE} for an unknown one"
    )
    group.add_argument("--factors", type=Path, metavar="FILE", help="your own grid factors, a CSV file")
    group.add_argument("--service", metavar="NAME[:ZONE]", help="ask a grid service for the run's hours")
    group.add_argument(
        "--embodied", type=_read(settings.embodied), metavar="KG", help="CO2e of making the device, or aws:m5.large"
    )
    group.add_argument("--lifetime", type=_set("lifetime_years"), metavar="YEARS", help="of the device (default: 4)")
    group.add_argument(
        "--embodied-share",
        type=_set("embodied_share"),
        metavar="SHARE",
        help="of the device that it had (default: 1)",
    )
    group.add_argument("--wue", type=_set("wue_l_per_kwh"), metavar="L", help="litres of water per kWh of computers")


def as_wanted(run: Run, options: argparse.Namespace) -> Run:
    """Count the run's grams as the options say; the run itself where they say nothing.

    IntensityError, in one line, for a zone, a year, a method or a file that is no good, or a service without answer.
    """
    if all(getattr(options, name) is None for name in _OPTIONS):
        return run
    from pycarbon import asking

    again = run.recounted(
        options.zone,
        year=options.year,
        scope=options.scope,
        flow=options.flow,
        pue=options.pue,
        factors=options.factors,
    )
    rating = _with_device(again.rating, options)
    if options.service is not None:
        rating = asking.rate(rating, options.service, run.started, run.ended)
    return run.rated(rating)


def _with_device(rating: Rating, options: argparse.Namespace) -> Rating:
    from pycarbon import siting
    from pycarbon.errors import IntensityError

    if options.wue is not None:
        water, source = siting.wue_of(options.wue, None)
        rating = replace(rating, wue_l_per_kwh=water, wue_source=source)
    if options.embodied is None and options.lifetime is None and options.embodied_share is None:
        return rating
    before = rating.device
    lifetime = options.lifetime or (4.0 if before is None else before.lifetime_years)
    share = options.embodied_share or (1.0 if before is None else before.resource_share)
    if options.embodied is not None:
        device, source, complaints = siting.device_of(options.embodied, lifetime, share)
        if complaints:
            raise IntensityError(complaints[0])
        return replace(rating, device=device, device_source=source)
    if before is None:
        raise IntensityError("no embodied carbon is known of the device: type --embodied KG beside it")
    return replace(rating, device=hardware(before.embodied_kg, lifetime, share))


def _set(name: str) -> Callable[[str], Any]:
    return _read(lambda text: settings.read(name, text))


def _read(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no good: {error}") from None

    return read
