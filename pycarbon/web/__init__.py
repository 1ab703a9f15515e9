"""What pages are made of, in the dashboard and in a report that is one file: templates, styles, and figures in words.

Templates escape whatever they are given; scripts and styles are files of their own, so that pages need none inline.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pycarbon._version import __version__
from pycarbon.errors import PyCarbonError
from pycarbon.reports import figures
from pycarbon.web.power_plot import power_plot

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Give the templates of `pycarbon/web/templates`, with filters that write figures as reports do.

    PyCarbonError where Jinja2 is missing.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise PyCarbonError("pages need Jinja2; type: pip install jinja2") from None
    made = Environment(
        loader=PackageLoader("pycarbon.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        energy=lambda value_j: "not known" if value_j is None else figures.quantity(value_j, "J"),
        mass=lambda value_g: "not known" if value_g is None else figures.mass(value_g),
        power=lambda value_w: "not known" if value_w is None else figures.quantity(value_w, "W"),
        duration=figures.duration,
        percent=figures.percent,
    )
    made.filters["between"] = between
    made.globals.update(version=__version__, power_plot=power_plot, power_data=power_data)
    return made


def between(equivalent: Mapping[str, Any]) -> str:
    """Write the range of an equivalent, a dict as the JSON report has them."""
    low, high, unit = (equivalent[name] for name in ("low", "high", "unit"))
    if unit == "s":
        return f"{figures.duration(low)} and {figures.duration(high)}"
    if unit == "m":
        return f"{figures.quantity(low, 'm')} and {figures.quantity(high, 'm')}"
    return f"{figures.digits(low)} and {figures.digits(high)} {unit}"


def power_data(power: Mapping[str, Any]) -> dict[str, Any]:
    """Give what static/power.js reads of reports/power_view.py's `embedded`."""
    domains = [{name: value for name, value in one.items() if name != "coarse"} for one in power["domains"]]
    return {"duration_s": power["duration_s"], "gaps": power["gaps"], "domains": domains}


def static(name: str) -> str:
    """Give the text of a file of `pycarbon/web/static`."""
    return (files("pycarbon.web") / "static" / name).read_text(encoding="utf-8")
