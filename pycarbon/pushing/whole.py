"""Which run a file holds, if it is whole: nothing else is sent."""

from __future__ import annotations

from pathlib import Path

from pycarbon import runfile
from pycarbon.errors import RunFileError
from pycarbon.pushing.outbox import is_id


def run_id(path: Path) -> str:
    """The id of the run in a file that was closed in order, or repaired.

    RunFileError, in one line, where there is no such run; OSError where the file cannot be read.
    """
    with path.open("rb") as file:
        file.read(1)  # what the system says of it is of another kind than what the file says
    run = runfile.read(path)
    if not run.footer:
        raise RunFileError(
            f"{path} was cut off: `pycarbon repair {path}` makes a whole file of it, which can be sent"
        )
    found = run.meta.get("id")
    if not isinstance(found, str) or not is_id(found):
        raise RunFileError(f"{path} holds a run without an id that a server could know it by")
    return found
