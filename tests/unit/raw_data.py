"""A copy of the raw data in which one row can go wrong, and what the builders of intensity/ say to it."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT.parent / "shared" / "intensity-sources"
TABLES = ROOT / "pycarbon" / "tables"
# intensity/ is not installed for users: it is found in the checkout only.
sys.path.insert(0, str(ROOT))

from intensity import registry  # noqa: E402

needs_sources = pytest.mark.skipif(
    not SOURCES.is_dir(), reason="the raw data ../shared/intensity-sources is not here"
)


def link_raw(folder: Path) -> Path:
    """A folder with a link to every raw file that the registry lists; `rewrite` replaces a link by a file."""
    for source in registry.load()["source"]:
        link = folder / source["path"]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(SOURCES / source["path"])
    return folder


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    """The raw file, plain or gzip, with its text changed."""
    content = file.read_bytes()
    packed = file.suffix == ".gz"
    text = (gzip.decompress(content) if packed else content).decode("utf-8-sig")
    changed = change(text).encode()
    file.unlink()
    file.write_bytes(gzip.compress(changed, compresslevel=1) if packed else changed)


def alter(file: Path, old: str, new: str) -> None:
    """The raw file with one text, which must be there once, replaced."""

    def change(text: str) -> str:
        assert text.count(old) == 1, f"{old!r} must be in {file.name} once"
        return text.replace(old, new)

    rewrite(file, change)


def scale_column(file: Path, column: str, factor: float) -> None:
    """A CSV file whose every number of one column slipped by the same factor, as a wrong unit does."""

    def change(text: str) -> str:
        header, *lines = text.splitlines()
        at = header.split(",").index(column) - len(header.split(","))
        slipped = [header]
        for line in filter(None, lines):
            cells = line.split(",")
            cells[at] = f"{float(cells[at]) * factor:.6g}" if cells[at] else ""
            slipped.append(",".join(cells))
        return "\n".join(slipped) + "\n"

    rewrite(file, change)


def scale_json(file: Path, key: str, factor: float) -> None:
    """A JSON file whose every number under `key` slipped by the same factor."""

    def walk(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {k: v * factor if k == key and isinstance(v, float) else walk(v) for k, v in value.items()}

    rewrite(file, lambda text: json.dumps(walk(json.loads(text))))
