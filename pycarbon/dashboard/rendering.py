"""Templates filled in: figures with their units, and links that keep what a page is filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pycarbon import web
from pycarbon.dashboard import bars, filtering, links, places, world
from pycarbon.dashboard.page import Page, Pairs
from pycarbon.errors import PyCarbonError
from pycarbon.reports import figures
from pycarbon.store.filters import Filter, from_query

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_NOT_OF_OVERVIEW = ("project", "experiment")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Give the templates, with what pages of the dashboard write beside the filters of `web.environment`."""
    made = web.environment()
    made.filters.update(
        count=lambda number: f"{number:,}",
        watt_hours=lambda value_j: figures.quantity(value_j / 3600, "Wh"),
        joules_between=joules_between,
        grams_between=grams_between,
        minute=minute,
        zone_name=places.name_of,
        coded=coded,
        digits=figures.digits,
        ratio=lambda value: f"{value:.3g}" if value < 1000 else f"{value:,.0f}",
    )
    made.globals.update(month_bars=bars.months, world_map=world.draw, links_to=links.address)
    return made


def rendered(template: str, pairs: Pairs, pages: Sequence[Page] = (), page: Page | None = None, **values: Any) -> str:
    """Fill in a template for an address with these parameters, with the navigation to all pages that have a label.

    In it `address(path, **changes)` writes links that keep the filter, `tagged(path, key, value)` ones that
    ask for a tag, too, `part(text)` any text as a part of a path.
    """
    try:
        chosen = from_query(pairs)
    except PyCarbonError:  # on the page that says so
        chosen = Filter()
    kept = chosen.to_query()
    wide = [(name, value) for name, value in kept if name not in _NOT_OF_OVERVIEW]

    def address(path: str, **changes: Any) -> str:
        return links.address(path, wide if path == "/" else kept, **changes)

    def tagged(path: str, key: str, value: str) -> str:
        return links.address(path, chosen.but(tags={**chosen.tags, key: value}).to_query())

    return (
        environment()
        .get_template(template)
        .render(
            address=address,
            tagged=tagged,
            part=links.part,
            chosen=chosen,
            kept=kept,
            navigation=[each for each in pages if each.label],
            page=page,
            parts=[] if page is None else filtering.parts(page.path, chosen, page.subject),
            spans=[] if page is None else filtering.spans(page.path, chosen, _today()),
            inline=False,
            **values,
        )
    )


def joules_between(row: dict[str, Any]) -> str:
    """Write between what an energy lies, with its unit; empty where nobody knows."""
    if row["energy_j"] is None or row["low_j"] is None or row["high_j"] is None:
        return ""
    factor, prefix = figures.prefix_for(row["energy_j"] or row["high_j"])
    return f"{figures.with_interval(row['energy_j'], row['low_j'], row['high_j'], factor)[1]} {prefix}J"


def grams_between(row: dict[str, Any]) -> str:
    """Write between what a mass of CO2e lies, with its unit; empty where nobody knows."""
    if row["co2e_g"] is None or row["low_g"] is None or row["high_g"] is None:
        return ""
    factor, unit = figures.mass_prefix_for(row["co2e_g"] or row["high_g"])
    return f"{figures.with_interval(row['co2e_g'], row['low_g'], row['high_g'], factor)[1]} {unit}"


def coded(text: str) -> Markup:
    """Write what stands between backquotes as code, and escape everything."""
    from markupsafe import Markup, escape

    plain = [escape(piece) for piece in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(each) if at % 2 else each for at, each in enumerate(plain)
    )


def minute(started_at: str) -> str:
    """Write a moment to the minute in UTC; as it stands where it is none."""
    try:
        moment = datetime.fromisoformat(started_at.replace("Z", "+00:00"))
    except ValueError:
        return started_at
    return f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M}"


def _today() -> date:
    return datetime.now(timezone.utc).date()
