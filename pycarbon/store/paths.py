"""Where a run goes when nobody says where."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from pycarbon.runfile import SUFFIX

_UNFIT = re.compile(r"[^\w.+-]+")
_OURS = re.compile(r"(index|server)\.sqlite.*|outbox|.*\.(live|pcr)", re.IGNORECASE)
"""What a store itself has in its folder, a journal of SQLite's and the home of a live run among it."""


def file_name_part(text: str) -> str:
    """Turn any text into a part of a file name: letters, digits and . + - _ stay, at most 120 bytes of them."""
    part = _UNFIT.sub("-", text).strip("-.")[:60]
    part = part.encode()[:120].decode(errors="ignore") or "run"
    return f"{part}_" if _OURS.fullmatch(part) else part


def project_folder(data_dir: Path, organisation: str, project: str) -> Path:
    """Give the run store's folder for the runs of a project."""
    return data_dir / file_name_part(organisation) / file_name_part(project)


def new_path(data_dir: Path, organisation: str, project: str, name: str, started: datetime, run_id: str) -> Path:
    """Give the run store's path for a run: a folder for each project in one of its organisation, names in time order.

    Folders are for people to look into; what a run belongs to stands in its file.
    """
    moment = started.strftime("%Y%m%d-%H%M%S")
    return project_folder(data_dir, organisation, project) / f"{moment}-{file_name_part(name)}-{run_id[:6]}{SUFFIX}"
