"""What measuring here and now begins with: this machine's counters, how closely to look at them, and the grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycarbon import settings, siting, zones
from pycarbon.errors import PyCarbonError
from pycarbon.feeds import Sampling
from pycarbon.rating import Rating
from pycarbon.sources import Discovery, Roots, discover


@dataclass(frozen=True, slots=True)
class Here:
    """What was found; `complaints` are about settings that were no good, a line each."""

    discovery: Discovery
    sampling: Sampling
    rating: Rating
    complaints: tuple[str, ...]


def find(arguments: Mapping[str, Any], root: Path | None, cpu_budget_percent: float | None = None) -> Here:
    """Look around, with `root` for / where counters are read.

    `arguments` are settings that somebody gave, None: not. `cpu_budget_percent` is another default for the sampler's.
    PyCarbonError where settings cannot be read, and IntensityError for a zone that is none.
    """
    if arguments.get("zone") is not None:
        zones.find(arguments["zone"])  # refuses what somebody just typed
    try:
        chosen, complaints = settings.resolve(arguments)
    except (OSError, RuntimeError) as error:
        raise PyCarbonError(f"the settings cannot be read: {error}") from None
    discovery = discover(Roots() if root is None else Roots.under(root))
    rating, lines = siting.site(chosen, root=root or Path("/"), boot=discovery.machine.boot)
    if cpu_budget_percent is None or chosen.layers["cpu_budget_percent"] != "default":
        cpu_budget_percent = chosen.cpu_budget_percent
    sampling = Sampling(chosen.rate_hz, cpu_budget_percent, chosen.priority)
    return Here(discovery, sampling, rating, (*complaints, *lines))
