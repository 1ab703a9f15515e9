"""What pages write: figures with their interval in one unit, and what others said, on one line and bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pycarbon.reports import figures

LONGEST_TEXT = 500
MOST_LISTED = 64
"""So many of anything are listed, where a run may have any number of it."""

Row = dict[str, Any]


def text(value: object, most: int = LONGEST_TEXT) -> str:
    """Give what a run says as one line of bounded length."""
    line = figures.printable(str(value)[: 4 * most])
    return line if len(line) <= most else f"{line[: most - 3]}..."


def told_figure(label: str, unit: str, kind: str, values: Sequence[float | None], of: str = "") -> Row:
    """Give a figure: `values` are best, low and high, of which any may be None or NaN: not known."""
    best, low, high = (None if value is None or math.isnan(value) else value for value in values)
    row: Row = {"label": label, "value": best, "low": low, "high": high, "unit": unit, "kind": kind, "of": of}
    if best is None:
        return row | {"text": "not known", "between": "", "kind": ""}
    factor, prefix = (
        figures.mass_prefix_for(best or high or 0.0) if unit == "g" else figures.prefix_for(best or high or 0)
    )
    unit = prefix if unit == "g" else f"{prefix}{unit}"
    if low is None or high is None:
        return row | {"text": f"{figures.digits(best / factor)} {unit}", "between": figures.NO_INTERVAL}
    amount, between = figures.with_interval(best, low, high, factor)
    return row | {"text": f"{amount} {unit}", "between": f"{between} {unit}"}
