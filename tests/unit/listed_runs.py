"""A store's answers as tests of its reports need them: a few runs of two projects, and their sums."""

from __future__ import annotations

from pycarbon.store.queries import Listed
from pycarbon.store.rollup import Group, RollUp
from pycarbon.store.summary import RunSummary

_FIRST_S = 1_795_772_012.0


def listed(number: int, **said) -> Listed:
    """Give a run of the list that began so many hours after the first."""
    summary = RunSummary(
        **{
            "id": f"{number:02x}00aabbccddeeff",
            "project": "digits",
            "name": f"train {number}",
            "started_s": _FIRST_S + 3600 * number,
            "duration_s": 725.0,
            "kind": "measured",
            "energy_j": 52_300.0 * (number + 1),
            "low_j": 51_800.0 * (number + 1),
            "high_j": 52_900.0 * (number + 1),
            "co2e_g": 0.73 * (number + 1),
            "low_g": 0.5,
            "high_g": 1.5 * (number + 1),
        }
        | said
    )
    return Listed(summary, "", f"o/p/{number}.pcr", 5000, 1, 0)


RUNS = [
    listed(
        3, organisation="acme\x1b[2J", experiment="warm-up", name="训练 of a very long name indeed, and then some"
    ),
    listed(2, kind="modelled", energy_j=0.0042, low_j=0.0013, high_j=0.0121, co2e_g=5e-7, duration_s=0.0012),
    listed(1, low_j=None, high_j=None, co2e_g=None),
    listed(0, kind="", energy_j=None, co2e_g=None, started_s=None, duration_s=3e5),
]
MEASURED = RollUp(
    5, 3625.0, 366_100.0, 362_600.0, 370_300.0, 366_100.0, 0.0, 5.11, 3.5, 10.5, 5.11, 0, 1, 2, 104_600.0
)
MODELLED = RollUp(1, 0.001, 0.0042, 0.0013, 0.0121, 0.0, 0.0, 1e-6, 0.0, 2e-6, 0.0)
UNKNOWN = RollUp(1, 300_000.0, unknown=1)
ALL = RollUp(
    7,
    303_625.001,
    366_100.0042,
    362_600.0013,
    370_300.0121,
    366_100.0,
    0.0,
    5.110001,
    3.5,
    10.500002,
    5.11,
    1,
    1,
    2,
    104_600.0,
)
KINDS = [Group("measured", MEASURED), Group("modelled", MODELLED), Group("", UNKNOWN)]
MONTHS = [Group("2026-09", MODELLED), Group("2026-10", RollUp()), Group("2026-11", MEASURED)]
