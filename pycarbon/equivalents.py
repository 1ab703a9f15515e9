"""What an amount of energy or carbon is like in daily life, each comparison with its source."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).parent / "tables" / "equivalents.csv"

# Largest first; the last one is also used for everything below it.
_METRES = ((1000.0, "km"), (1.0, "m"), (1e-3, "mm"), (1e-6, "µm"))
_SECONDS = (
    (365 * 86400.0, "years"),
    (86400.0, "days"),
    (3600.0, "hours"),
    (60.0, "minutes"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
)
_QUANTITIES = {"distance": "m", "time": "s", "count": "charges"}
_PHRASES = {
    "television": "a television of 100 W on for {}",
    "phone_charge": "{}",
    "car": "driving {} in a US passenger car",
    "flight": "flying {} in economy class",
}


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One comparison: `value` in `unit` (m, s or charges), the same as `text` for people.

    `basis` says what it was computed from, "energy" or "carbon"; `standing` whether its factor
    is a "definition" or "published" by `source`.
    """

    id: str
    basis: str
    value: float
    unit: str
    text: str
    standing: str
    source: str


def equivalents(energy_j: float, co2e_g: float) -> list[Equivalent]:
    """Comparisons for an energy in joules and the g CO2e it emitted, as the table orders them.

    Television and phone follow from the energy, car and flight from the carbon; what is zero is
    left out. Raises ValueError for an amount that is negative or not finite.
    """
    amounts = {"energy": energy_j, "carbon": co2e_g}
    for basis, amount in amounts.items():
        if not 0 <= amount < math.inf:
            raise ValueError(f"{basis} must be finite and not negative, not {amount}")
    found = []
    for row in _rows():
        value = amounts[row["basis"]] / float(row["factor"])
        if value > 0:
            unit, quantity = _QUANTITIES[row["quantity"]], row["quantity"]
            text = _PHRASES[row["id"]].format(_spell(value, quantity))
            found.append(Equivalent(row["id"], row["basis"], value, unit, text, row["standing"], row["source"]))
    return found


def one_line(energy_j: float, co2e_g: float) -> str:
    """The car and the television in one line, such as "like driving 3.7 m in a ..., or a ...".

    Raises ValueError as `equivalents` does.
    """
    texts = {found.id: found.text for found in equivalents(energy_j, co2e_g)}
    chosen = [texts[name] for name in ("car", "television") if name in texts]
    return f"like {', or '.join(chosen)}" if chosen else "no energy, so nothing to compare it with"


@lru_cache(maxsize=1)
def _rows() -> tuple[dict[str, str], ...]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _spell(value: float, quantity: str) -> str:
    """A quantity in the unit that suits its size, with two significant digits."""
    if quantity == "count":
        return _spell_charges(value)
    return _spell_in(value, _METRES if quantity == "distance" else _SECONDS)


def _spell_in(value: float, units: Sequence[tuple[float, str]]) -> str:
    for size, name in units:
        rounded = _two_digits(value / size)
        if rounded >= 1:
            # "1 minute", but the symbols m, s and km have no plural to lose.
            return f"{_number(rounded)} {name[:-1] if rounded == 1 and len(name) > 2 else name}"
    return f"less than 1 {units[-1][1]}"


def _spell_charges(value: float) -> str:
    rounded, percent = _two_digits(value), _two_digits(value * 100)
    if rounded >= 1:
        return f"{_number(rounded)} phone charge{'' if rounded == 1 else 's'}"
    if percent >= 0.001:
        return f"{_number(percent)} % of a phone charge"
    return "less than 0.001 % of a phone charge"


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def _number(rounded: float) -> str:
    """Plain digits, never an exponent: 0.0012, 3.7, 51, 4,100,000."""
    if rounded >= 10:
        return f"{rounded:,.0f}"
    return f"{rounded:.6f}".rstrip("0").rstrip(".")
