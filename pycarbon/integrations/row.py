"""A test that has run: how it ended, what its phases cost, and what became of its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pycarbon.integrations.figure import Figure

PHASES = ("setup", "call", "teardown")


@dataclass(frozen=True, slots=True)
class Row:
    """`times_s` has each phase that ran, `figures` those that were asked for; `limit` has `limit_j`, `outcome` and,
    where that is "open", a `note`.
    """

    test: str
    outcome: str
    times_s: Mapping[str, float]
    figures: Mapping[str, Figure]
    limit: Mapping[str, Any] | None = None
