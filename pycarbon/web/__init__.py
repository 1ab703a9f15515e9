"""What pages are made of, in the dashboard and in a report that is one file: templates, styles, and figures in words.

Templates escape whatever they are given; scripts and styles are files of their own, so that pages need none inline.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pycarbon._version import __version__
from pycarbon.errors import PyCarbonError
from pycarbon.reports import figures

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
    made.globals["version"] = __version__
    return made


def static(name: str) -> str:
    """Give the text of a file of `pycarbon/web/static`."""
    return (files("pycarbon.web") / "static" / name).read_text(encoding="utf-8")
