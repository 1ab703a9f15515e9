"""Sweeps of parameters: every combination of values, put into the {name}s of a command."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from pycarbon.errors import PyCarbonError

MOST_VARIANTS = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE = re.compile(rf"\{{({_NAME.pattern})\}}")


def parse(text: str) -> tuple[str, list[str]]:
    """Read NAME=V1,V2,... or NAME=FIRST:LAST[:STEP], both ends included; PyCarbonError where it is neither."""
    name, equals, values = text.partition("=")
    if not equals or not _NAME.fullmatch(name) or not values:
        raise PyCarbonError(f"--sweep {text!r} is no sweep: write NAME=1,2,4 or NAME=1:8:1")
    parts = values.split(":")
    found = _steps(text, parts) if len(parts) in (2, 3) and "," not in values else values.split(",")
    if len(set(found)) < len(found):
        raise PyCarbonError(f"--sweep {text!r} has {max(found, key=found.count)!r} twice")
    return name, found


def combinations(sweeps: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, str]]:
    """Give every combination, the last parameter changing fastest; one without parameters where there are none."""
    names = [name for name, _ in sweeps]
    if len(set(names)) < len(names):
        raise PyCarbonError(f"--sweep names {max(names, key=names.count)!r} twice")
    found = [dict(zip(names, values, strict=True)) for values in itertools.product(*(values for _, values in sweeps))]
    if len(found) > MOST_VARIANTS:
        raise PyCarbonError(f"the sweeps make {len(found)} variants: {MOST_VARIANTS} at most can be compared")
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of {name}; other braces stay."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def _steps(text: str, parts: Sequence[str]) -> list[str]:
    try:
        first, last, step = (Decimal(part) for part in (*parts, "1")[:3])
    except InvalidOperation:
        return [":".join(parts)]  # a value that has a colon in it
    try:
        steps = (last - first) / step
        endless = steps < 0 or not step.is_finite()
    except ArithmeticError:  # a step of nothing, or an end that is no number
        endless = True
    if endless:
        raise PyCarbonError(f"--sweep {text!r} never ends: write FIRST:LAST:STEP, such as 1:8:1 or 8:1:-1")
    if steps >= MOST_VARIANTS:
        raise PyCarbonError(f"--sweep {text!r} has too many values: {MOST_VARIANTS} variants at most can be compared")
    return [f"{first + step * number:f}" for number in range(int(steps) + 1)]
