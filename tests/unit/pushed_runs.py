"""Small whole run files to send, each of its own id."""

from __future__ import annotations

from pathlib import Path

from pycarbon import fold
from pycarbon.frame import FOOTER, META, file_header, json_frame


def write_run(path: Path, run_id: str) -> Path:
    """A file of a run that ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {"id": run_id, "name": "x", "start_ns": 1, "channels": []}
    fold.write([json_frame(META, meta), json_frame(FOOTER, {"end_ns": 2})], path)
    return path


def write_cut_off(path: Path, run_id: str) -> Path:
    """A file of a run whose recorder never came to the end."""
    meta = {"id": run_id, "name": "x", "start_ns": 1, "channels": []}
    path.write_bytes(file_header() + json_frame(META, meta).encode(0))
    return path
