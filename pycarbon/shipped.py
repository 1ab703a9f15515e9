"""The tables that ship in the package: read once, as lines; what a line says is read when its zone is asked for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pycarbon.errors import IntensityError

TABLES = Path(__file__).parent / "tables"


def broken(name: str, error: Exception) -> IntensityError:
    """Say that a table cannot be read, and what to do."""
    return IntensityError(f"cannot read the table {TABLES / name} ({error!r}): reinstall pycarbon")


@lru_cache(maxsize=16)
def text(name: str) -> str:
    """The whole of a table; IntensityError where it cannot be read."""
    try:
        return (TABLES / name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise broken(name, error) from error


def lines_of(name: str, zone: str) -> list[str]:
    """The lines of a table that begin with a zone's code, without their ends; tables are in order of zones.

    Found in the text, which takes less memory than all of its lines. IntensityError as `text`.
    """
    whole, head = text(name), f"\n{zone},"
    at = whole.find(head)
    found = []
    while at >= 0:
        end = whole.find("\n", at + 1)
        found.append(whole[at + 1 : end])
        at = end if whole.startswith(head, end) else -1
    return found
