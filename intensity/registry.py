"""What every table builder shares: the registry of raw sources, its checks, one CSV spelling."""

from __future__ import annotations

import csv
import hashlib
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
REGISTRY = HERE / "sources.toml"

# Share-alike (class B) data would make the whole table a share-alike database.
SHIPPABLE_CLASSES = ("A", "C")
REQUIRED_KEYS = (
    "path", "sha256", "origin", "licence", "licence_class", "year", "method", "attribution",
)  # fmt: skip


class BuildError(ValueError):
    """Raw data that must not become a table; the text is one line that names the row."""


def load(registry: Path = REGISTRY) -> dict[str, Any]:
    """Read sources.toml and refuse an entry that is incomplete, doubled or not shippable."""
    with registry.open("rb") as file:
        content: dict[str, Any] = tomllib.load(file)
    seen: set[str] = set()
    for source in content["source"]:
        path = source.get("path", "?")
        missing = [key for key in REQUIRED_KEYS if not source.get(key)]
        if missing:
            raise BuildError(f"sources.toml: {path}: missing {', '.join(missing)}")
        if source["licence_class"] not in SHIPPABLE_CLASSES or path.startswith("electricitymaps"):
            raise BuildError(
                f"sources.toml: {path}: licence class {source['licence_class']} may not enter"
                " a shipped table (share-alike); remove the entry"
            )
        if path in seen:
            raise BuildError(f"sources.toml: {path}: listed twice")
        seen.add(path)
    return content


def verify(sources: Path, registry: Path = REGISTRY) -> None:
    """Refuse raw files under `sources` that are absent or differ from their recorded sha256."""
    for source in load(registry)["source"]:
        path = sources / source["path"]
        if not path.is_file():
            raise BuildError(f"{source['path']}: not found under the sources folder")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != source["sha256"]:
            raise BuildError(
                f"{source['path']}: sha256 is {digest[:12]}..., sources.toml records"
                f" {source['sha256'][:12]}...; look at what changed before recording the new one"
            )


def entry(registry: dict[str, Any], path: str) -> dict[str, Any]:
    """The registry's entry for one raw file; every file a builder opens goes through here."""
    for source in registry["source"]:
        if source["path"] == path:
            found: dict[str, Any] = source
            return found
    raise BuildError(f"{path}: used by a builder but not listed in sources.toml")


def read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a raw CSV file; a header without one of `columns` is refused."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or [])]
        if missing:
            raise BuildError(f"{path.name}: the header lacks {missing[0]!r}")
        return list(reader)


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """One CSV spelling for every table: UTF-8, line feeds, quotes only where needed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
