"""What one count of a RAPL register is worth, part by part, with the source of each row.

Sources: `powercap` is drivers/powercap/intel_rapl_msr.c and intel_rapl_common.c of Linux, `perf` its
arch/x86/events/rapl.c, both as of 6.12 unless a commit is named; `datasheet` is Intel's "Xeon E5-1600 and E5-2600 v3
Datasheet, Volume 2", 330784-001.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

FIXED_J = Fraction(1, 2**16)
"""15.3 µJ: what memory counts in on Haswell to Ice Lake servers, whatever the unit register says."""

ATOM_MODELS = {0x37: "Silvermont", 0x4A: "Silvermont", 0x4C: "Airmont", 0x4D: "Silvermont", 0x5A: "Airmont"}
"""Their exponent is one of micro-joules: 2^n µJ (powercap: rapl_check_unit_atom; for 0x4D turbostat's slm units)."""


@dataclass(frozen=True, slots=True)
class Row:
    """How a domain's unit is found on one part: a fixed one, or the unit register's where `fixed_j` is None.

    Where the sources disagree `doubt` says how far, and the figure is not fit for a total.
    """

    part: str
    fixed_j: Fraction | None
    source: str
    doubt: str = ""

    def unit_j(self, register_j: Fraction) -> Fraction:
        """Give the unit, given what the unit register says."""
        return register_j if self.fixed_j is None else self.fixed_j

    def remark(self, register_j: Fraction) -> str:
        """Say which row was used."""
        unit = f"{float(self.unit_j(register_j) * 10**6):.3g} µJ"
        row = f"unit {unit}: row {self.part}, {self.source}"
        return f"{self.doubt} ({row})" if self.doubt else row


_FACTOR_4 = "its unit is 15.3 or 61 µJ, sources disagree: the figure may be 4 times off"
_LATER = "as powercap has it since 4c081324df56, and perf"

DRAM = {
    0x3F: Row("Haswell-EP", FIXED_J, "powercap, perf, datasheet"),
    0x4F: Row("Broadwell-EP", FIXED_J, "powercap, perf"),
    0x56: Row("Broadwell-D", FIXED_J, "perf; powercap takes the unit register's", _FACTOR_4),
    0x55: Row("Skylake-SP", FIXED_J, "powercap, perf"),
    0x6A: Row("Ice Lake-SP", FIXED_J, "powercap, perf"),
    0x6C: Row("Ice Lake-D", FIXED_J, "powercap, perf"),
    0x57: Row("Knights Landing", FIXED_J, "powercap, perf"),
    0x85: Row("Knights Mill", FIXED_J, "powercap, perf"),
    0x8F: Row("Sapphire Rapids", None, _LATER, _FACTOR_4),
    0xCF: Row("Emerald Rapids", None, _LATER, _FACTOR_4),
    0xAD: Row("Granite Rapids", None, "no table names it", _FACTOR_4),
    0xAE: Row("Granite Rapids-D", None, "no table names it", _FACTOR_4),
    0xAF: Row("Sierra Forest", None, "no table names it", _FACTOR_4),
}
"""Memory's unit by model, of Intel's family 6."""

_PSYS_DOUBT = "its unit may be 1 J or the unit register's: the figure may be far off"
PSYS = {
    0x8F: Row("Sapphire Rapids", Fraction(1), "powercap, perf"),
    0xCF: Row("Emerald Rapids", Fraction(1), "powercap, perf"),
    0xAD: Row("Granite Rapids", Fraction(1), "as Sapphire Rapids; no table names it", _PSYS_DOUBT),
    0xAE: Row("Granite Rapids-D", Fraction(1), "as Sapphire Rapids; no table names it", _PSYS_DOUBT),
    0xAF: Row("Sierra Forest", Fraction(1), "as Sapphire Rapids; no table names it", _PSYS_DOUBT),
}
"""The platform's unit by model, of Intel's family 6."""

_REGISTER = Row("of all other parts", None, "the unit register")


def register_unit_j(value: int, family: int | None, model: int | None, intel: bool) -> Fraction:
    """Read the unit register's bits 12:8."""
    exponent = value >> 8 & 0x1F
    if intel and family == 6 and model in ATOM_MODELS:
        return Fraction(2**exponent, 10**6)
    return Fraction(1, 2**exponent)


def row_for(name: str, family: int | None, model: int | None, intel: bool) -> Row:
    """Find the row of a part's `package`, `core`, `uncore`, `dram` or `psys`."""
    table = {"dram": DRAM, "psys": PSYS}.get(name, {})
    if not intel or family != 6 or model is None:
        return _REGISTER
    return table.get(model, _REGISTER)
