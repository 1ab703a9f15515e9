"""What an amount of energy or carbon is like in daily life, each comparison with its source, year and range."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pycarbon import shipped
from pycarbon.interval import Range

TABLE = "equivalents.csv"

_DAY_S, _YEAR_S = 86400.0, 365 * 86400.0

# Size, plural, singular. Largest first; the last one is also used for everything below it.
_Units = Sequence[tuple[float, str, str]]
_METRES: _Units = ((1000.0, "km", "km"), (1.0, "m", "m"), (1e-3, "mm", "mm"), (1e-6, "µm", "µm"))
_MILES: _Units = (
    (1.0, "miles", "mile"),
    (1 / 5280, "feet", "foot"),
    (1 / 63360, "inches", "inch"),
    (1 / 63360e3, "thousandths of an inch", "thousandth of an inch"),
)
_SECONDS: _Units = (
    (_YEAR_S, "years", "year"),
    (_DAY_S, "days", "day"),
    (3600.0, "hours", "hour"),
    (60.0, "minutes", "minute"),
    (1.0, "s", "s"),
    (1e-3, "ms", "ms"),
    (1e-6, "µs", "µs"),
)
_GREAT = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One comparison: `value` in `unit` (m, miles, s, charges, flights or tree-years), the same as `text` for people.

    `low` and `high` combine the interval of the amount with the range of the factor, worst case with worst case.
    `basis` says what it was computed from, "energy" or "carbon"; `standing` whether its factor is a "definition" or
    "published" by `source` for `year`.
    """

    id: str
    basis: str
    value: float
    low: float
    high: float
    unit: str
    text: str
    standing: str
    source: str
    year: int


def equivalents(energy_j: float | Range, co2e_g: float | Range) -> list[Equivalent]:
    """Comparisons for an energy in joules and the g CO2e it emitted, as the table orders them.

    Television, phone and households follow from the energy, cars, flights and trees from the carbon; what is zero is
    left out, and so is what is past the largest float. Raises ValueError for an amount that is negative or not
    finite.
    """
    amounts = {"energy": _range("energy", energy_j), "carbon": _range("carbon", co2e_g)}
    found = []
    for row in _rows():
        amount = amounts[row["basis"]]
        value = amount.best / float(row["factor"])
        if 0 < value < math.inf:
            found.append(
                Equivalent(
                    id=row["id"],
                    basis=row["basis"],
                    value=value,
                    low=amount.low / float(row["high_factor"]),
                    high=amount.high / float(row["low_factor"]),
                    unit=_UNITS[row["quantity"]],
                    text=_TEXTS[row["id"]](value),
                    standing=row["standing"],
                    source=row["source"],
                    year=int(row["year"]),
                )
            )
    return found


def one_line(energy_j: float | Range, co2e_g: float | Range) -> str:
    """The car and what suits the energy in one line, such as "like driving 3.7 m in a ..., or a ...".

    That is a television, from a household's day on a household beside it, and from its year on the household alone.
    Raises ValueError as `equivalents` does.
    """
    found = {each.id: each for each in equivalents(energy_j, co2e_g)}
    household_s = found["us_household"].value if "us_household" in found else 0.0
    names = ["car"]
    if household_s < _YEAR_S:
        names.append("television")
    if household_s >= _DAY_S:
        names.append("us_household")
    texts = [found[name].text for name in names if name in found]
    if not texts:
        return "no energy, so nothing to compare it with"
    return f"like {', '.join([*texts[:-1], f'or {texts[-1]}'] if len(texts) > 1 else texts)}"


def _range(basis: str, amount: float | Range) -> Range:
    if isinstance(amount, Range):
        return amount
    if not 0 <= amount < math.inf:
        raise ValueError(f"{basis} must be finite and not negative, not {amount}")
    return Range(amount, amount, amount)


@lru_cache(maxsize=1)
def _rows() -> tuple[dict[str, str], ...]:
    """The table; IntensityError where it cannot be read."""
    try:
        rows = tuple(csv.DictReader(shipped.text(TABLE).splitlines()))
        for row in rows:
            known = (_UNITS[row["quantity"]], _TEXTS[row["id"]], row["basis"], row["standing"], row["source"])
            numbers = (float(row["factor"]), float(row["low_factor"]), float(row["high_factor"]), int(row["year"]))
            if not all(known) or min(numbers) <= 0:
                raise ValueError(f"the row of {row['id']}")
    except (ValueError, KeyError, TypeError) as error:
        raise shipped.broken(TABLE, error) from error
    return rows


def _in(units: _Units, value: float) -> str:
    """A quantity in the unit that suits its size, with two significant digits."""
    for number, (size, plural, singular) in enumerate(units):
        rounded = _two_digits(value / size)
        if rounded < 1 and number + 1 < len(units):
            smaller = units[number + 1][0]
            # 23.9 hours would become 24 hours, which is a day.
            if _two_digits(value / smaller) * smaller >= size:
                rounded = 1.0
        if rounded >= 1:
            return f"{_number(rounded)} {singular if rounded == 1 else plural}"
    return f"less than 1 {units[-1][2]}"


def _counted(value: float, plural: str, singular: str) -> str:
    rounded, percent = _two_digits(value), _two_digits(value * 100)
    if rounded >= 1:
        return f"{_number(rounded)} {singular if rounded == 1 else plural}"
    if percent >= 0.001:
        return f"{_number(percent)} % of a {singular}"
    return f"less than 0.001 % of a {singular}"


def _household(value_s: float, singular: str, plural: str) -> str:
    """Up to ten years of one household, then many households for a year."""
    years = _two_digits(value_s / _YEAR_S)
    if years >= 10:
        return f"the electricity of {_number(years)} {plural} for a year"
    return f"the electricity of {singular} for {_in(_SECONDS, value_s)}"


def _trees(value_years: float) -> str:
    """Up to ten years of one tree, then many trees for a year."""
    years = _two_digits(value_years)
    if years >= 10:
        return f"what {_number(years)} trees take up in a year"
    return f"what a tree takes up in {_in(_SECONDS, value_years * _YEAR_S)}"


_UNITS = {
    "distance": "m",
    "miles": "miles",
    "time": "s",
    "household_time": "s",
    "charges": "charges",
    "flights": "flights",
    "tree_years": "tree-years",
}
_TEXTS: dict[str, Callable[[float], str]] = {
    "television": lambda value: f"a television of 100 W on for {_in(_SECONDS, value)}",
    "phone_charge": lambda value: _counted(value, "phone charges", "phone charge"),
    "us_household": lambda value: _household(value, "a US household", "US households"),
    "eu_household": lambda value: _household(value, "an EU household", "EU households"),
    "car": lambda value: f"driving {_in(_METRES, value)} in a US passenger car",
    "car_miles": lambda value: f"driving {_in(_MILES, value)} in a US passenger car",
    "car_eu": lambda value: f"driving {_in(_METRES, value)} in a European passenger car",
    "flight": lambda value: f"flying {_in(_METRES, value)} in economy class",
    "flight_paris_london": lambda value: f"{_counted(value, 'flights', 'flight')} from Paris to London",
    "tree_years": _trees,
}


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def _number(rounded: float) -> str:
    """Plain digits, never an exponent: 0.0012, 3.7, 51, 410,000, 4.1 million."""
    for size, word in _GREAT:
        if rounded >= size:
            return f"{_number(_two_digits(rounded / size))} {word}"
    if rounded >= 10:
        return f"{rounded:,.0f}"
    return f"{rounded:.6f}".rstrip("0").rstrip(".")
