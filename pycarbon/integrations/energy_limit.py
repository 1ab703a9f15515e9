"""How much energy a test may use: what its marker says, and whether a figure is above that."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pycarbon.integrations.figure import ATTRIBUTED, MODELLED, Figure

EXAMPLES = '"5 J", "200 mJ", "1.5 kJ" or "3 Wh"'
_FORM = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(n|u|µ|μ|m|k|M|G)?(J|Wh)\s*")
_PREFIX = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, None: 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_UNIT_J = {"J": 1.0, "Wh": 3600.0}

KEPT, EXCEEDED, OPEN = "kept", "exceeded", "open"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a limit was `kept` or `exceeded`, whatever lies within the figure's interval; else it is `open`."""

    limit_j: float
    outcome: str
    text: str


def parse(text: object) -> float:
    """Read a limit in joules; ValueError, in one line, where it is none."""
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"an energy limit is a text such as {EXAMPLES}, not {text!r}")
    number, prefix, unit = match.groups()
    limit_j = float(number) * _PREFIX[prefix] * _UNIT_J[unit]
    if not 0 < limit_j < math.inf:
        raise ValueError(f"an energy limit must be more than 0, not {text!r}")
    return limit_j


def judge(figure: Figure, limit_j: float) -> Verdict:
    """Compare. Only what counters tell can exceed a limit, and only with its whole interval."""
    from pycarbon.reports.figures import prefix_for, with_interval

    factor, prefix = prefix_for(limit_j)
    limit = f"{limit_j / factor:g} {prefix}J"
    if not figure.known:
        return Verdict(limit_j, OPEN, f"its limit of {limit} is not checked: {figure.note}")
    factor, prefix = prefix_for(figure.high_j)
    best, ends = with_interval(figure.energy_j, figure.low_j, figure.high_j, factor)
    used = f"{best} {prefix}J ({ends})"
    if figure.kind == MODELLED:
        return Verdict(limit_j, OPEN, f"its limit of {limit} is not checked: {used} is modelled, not measured")
    if figure.high_j <= limit_j:
        return Verdict(limit_j, KEPT, f"used {used}, its limit is {limit}")
    how = " as its share by CPU time" if figure.kind == ATTRIBUTED else ""
    if figure.low_j > limit_j:
        return Verdict(limit_j, EXCEEDED, f"used {used}{how}, its limit is {limit}")
    why = f"; {figure.note}" if figure.note else ""
    return Verdict(limit_j, OPEN, f"used {used}{how}, which cannot be told from its limit of {limit}{why}")
