"""Runs of the store, and their sums, as programs read them: docs/json.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pycarbon.reports.as_json import without_nan
from pycarbon.store.queries import Listed
from pycarbon.store.rollup import Group, RollUp

SCHEMA = 1


def run(listed: Listed) -> dict[str, Any]:
    """Give one run, with where its file is."""
    return {
        **asdict(listed.summary),
        "source": listed.source,
        "path": listed.path,
        "size_bytes": listed.size_bytes,
        "beside": listed.beside,
    }


def groups(found: Sequence[Group]) -> list[dict[str, Any]]:
    """Give sums by something."""
    return [{"key": group.key, **group.sums.to_dict()} for group in found]


def render(runs: Sequence[Listed], kinds: Sequence[Group], totals: RollUp, refused: int) -> str:
    """Give a list of runs, and the sums of all that fit."""
    return _text({"runs": [run(listed) for listed in runs], "kinds": groups(kinds)} | _ends(totals, refused))


def render_sums(dimension: str, found: Sequence[Group], totals: RollUp, refused: int) -> str:
    """Give sums by something."""
    return _text({"by": dimension, "groups": groups(found)} | _ends(totals, refused))


def _ends(totals: RollUp, refused: int) -> dict[str, Any]:
    return {"totals": totals.to_dict(), "refused_files": refused}


def _text(values: dict[str, Any]) -> str:
    return json.dumps(without_nan({"schema": SCHEMA} | values), indent=1, allow_nan=False)
