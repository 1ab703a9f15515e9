"""Run files as clients send them to a server."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pycarbon import fold
from pycarbon.analysis import Run, figures, load

GOLDEN = Path(__file__).parents[1] / "golden" / "run-v1.pcr"
ID = "0123456789abcdef"
STARTED_AT = "2026-01-01T00:00:00Z"


def run_file(id: str = ID, **meta: Any) -> bytes:
    """A whole run file, of little more than its metadata."""
    run = load(GOLDEN).data
    run.meta |= {"id": id, "name": "train", "project": "digits", "started_at": STARTED_AT} | meta
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pcr"
        fold.write(fold.frames_of(run), path, figures=lambda data: figures(Run(data)))
        return path.read_bytes()
