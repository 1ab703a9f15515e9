"""What is to be known of sums: what is missing in them, and what is in them more than once."""

from __future__ import annotations

from typing import Any

from pycarbon.reports.figures import quantity


def notes(totals: dict[str, Any], by_month: list[dict[str, Any]]) -> list[str]:
    """Give sentences on what `splits` found; none where there is nothing to say."""
    found = []
    if totals["unknown"]:
        found.append(f"{_runs(totals['unknown'])} without a known energy: they add nothing to the sums.")
    if totals["without_interval"]:
        found.append(
            f"{_runs(totals['without_interval'])} without an interval, such as imported ones: these add their figure"
            " itself to both ends, so the interval of the sums is too narrow."
        )
    if totals["beside"]:
        found.append(
            f"{_runs(totals['beside'])} recorded while another was on the same machine, with"
            f" {quantity(totals['beside_j'], 'J')} in all: each has the whole machine's energy, so what they share"
            " is in the sums more than once."
        )
    undated = sum(row["runs"] for row in by_month if not row["month"])
    if undated:
        found.append(f"{_runs(undated)} without a date: they are in the sums, not in the months.")
    return found


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"
