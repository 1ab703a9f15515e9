"""How commands name what is in the run store: a run by its file or by its id, a project by its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon import home, settings
from pycarbon.errors import PyCarbonError
from pycarbon.notices import notice
from pycarbon.runfile import SUFFIX

if TYPE_CHECKING:
    from pycarbon.analysis import Run
    from pycarbon.store.index import Store
    from pycarbon.store.queries import Listed

SHORTEST_ID = 4


def folder() -> Path:
    """Say where the run store is; PyCarbonError where the settings cannot be read."""
    try:
        chosen, complaints = settings.resolve()
    except (OSError, RuntimeError) as error:
        raise PyCarbonError(f"the settings cannot be read: {error}") from None
    for line in complaints:
        notice(line)
    return chosen.data_dir


def opened() -> Store:
    """Open the run store, its index up to what the files say; PyCarbonError where that cannot be."""
    from pycarbon.store.index import Store

    store = Store(folder())
    store.refresh()
    return store


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A run whose file lies in another store, which is only read: the address of that, and the path there."""

    url: str
    path: str

    def __str__(self) -> str:
        """Give the address of the file."""
        return f"{self.url}/{self.path}"


def find(text: str) -> Path:
    """Give the file of a run, to be changed: as `seek`; PyCarbonError, too, where it lies in another store."""
    found = seek(text)
    if isinstance(found, Elsewhere):
        raise PyCarbonError(f"{found} lies in another store, which pycarbon only reads")
    return found


def load(named: Path | Elsewhere) -> Run:
    """Open a run that `seek` found; PyCarbonError, in one line, where that cannot be."""
    from pycarbon import analysis

    if isinstance(named, Path):
        return analysis.load(named)
    from pycarbon.store.remote import Remote

    return Remote(named.url).load(named.path)


def seek(text: str) -> Path | Elsewhere:
    """Say where a run is that is named by a path, or by its id in the run store, or how that begins.

    A path that is there comes first, and what looks like a path is one. PyCarbonError, in one line, where an id is
    that of no run, or of several.
    """
    if is_path(text) or len(text) < SHORTEST_ID or "/" in text or "\\" in text:
        return Path(text)
    store_folder = folder()
    if not _is_there(store_folder):
        return Path(text)
    from pycarbon.store.index import Store

    store = Store(store_folder)
    try:
        found = _looked_up(store, text)
        return Elsewhere(found.source, found.path) if found.source else store.path_of(found)
    finally:
        store.close()


def is_path(text: str) -> bool:
    """Whether a name is that of a file which is there, or could be that of none but a file."""
    return Path(text).suffix == SUFFIX or _is_there(Path(text))


def _looked_up(store: Store, text: str) -> Listed:
    """Ask the index, and where it does not know, after a look at the files."""
    try:
        listed = store.run(text)
        if listed.source or store.path_of(listed).exists():
            return listed
    except PyCarbonError:
        pass
    store.refresh()
    try:
        return store.run(text)
    except PyCarbonError as error:
        raise PyCarbonError(f"there is no file {text[:80]!r}, and {error}") from None


def _is_there(path: Path) -> bool:
    try:
        return path.exists() or home.home_of(path).exists()
    except (OSError, ValueError):  # whoever opens it says why not
        return True
