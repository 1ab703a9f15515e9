"""Changing runs that somebody named: those of the store with their place in its index, others just in their files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon import settings
from pycarbon.errors import PyCarbonError
from pycarbon.store import naming
from pycarbon.store.amend import Changes, amend

if TYPE_CHECKING:
    from pycarbon.store.index import Store


def change(paths: list[Path], changes: Changes) -> list[Path]:
    """Change runs one by one, and say where their files are now; PyCarbonError at the first that cannot be."""
    store: Store | None = None
    changed = []
    for path in paths:
        if not in_store(path):
            amend(path, changes)
            changed.append(path)
            continue
        store = store or naming.opened()
        changed.append(store.change(path, changes))
    return changed


def in_store(path: Path) -> bool:
    """Whether a file lies in the run store."""
    try:
        return path.absolute().is_relative_to(naming.folder().absolute())
    except OSError:  # the working directory is gone
        return False


def name(what: str, text: str | None) -> str | None:
    """Read the name that somebody typed for an organisation, a project, ...; PyCarbonError where it is no good."""
    if text is None:
        return None
    try:
        return str(settings.read(what, text))
    except ValueError as error:
        raise PyCarbonError(f"{what} {text!r} is no good: {error}") from None
