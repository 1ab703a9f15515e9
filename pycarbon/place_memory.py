"""What was found out about where this machine is, kept until it is started again: asking a cloud takes its time.

Where a cloud does not answer (a container that may not reach its metadata) every run would wait for that anew: that
no zone was found is remembered too, with the reasons, for a while.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pycarbon.place import Place

FORGOTTEN_AFTER_S = 3600.0
"""That no zone was found: metadata may be switched on. What was found stays true as long as the machine runs."""


def remembered(
    find: Callable[[list[str]], Place | None],
    asked: str,
    boot: str | None,
    remarks: list[str],
    *,
    folder: Path | None,
    now_s: Callable[[], float] = time.time,
) -> Place | None:
    """Give what `find` finds, or found before in the same boot, `asked` being the same; never raises for the file.

    `find` appends to its list why a zone is not known, a line each; `remarks` gets these now and when remembered.
    """
    if not boot or folder is None:
        return find(remarks)
    path = folder / "place.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        place, told = _place(kept["place"]), [str(line) for line in kept["remarks"]]
        age_s = now_s() - float(kept["at_s"])
        found = place is not None and place.zone is not None
        if (kept["boot"], kept["asked"]) == (boot, asked) and age_s >= 0 and (found or age_s < FORGOTTEN_AFTER_S):
            remarks += told
            return place
    told = []
    place = find(told)
    remarks += told
    kept = {
        "boot": boot,
        "asked": asked,
        "at_s": now_s(),
        "place": None if place is None else asdict(place),
        "remarks": told,
    }
    with contextlib.suppress(OSError, ValueError):
        _keep(path, json.dumps(kept))
    return place


def _keep(path: Path, text: str) -> None:
    """Replace a file as a whole, or leave it as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix="place.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _place(values: Any) -> Place | None:
    """Read a place; TypeError where it is none."""
    place = None if values is None else Place(**values)
    if place is not None and not all(type(value) is str for value in asdict(place).values() if value is not None):
        raise TypeError("a place is written in text")
    return place
