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


SERIES_KEYS = ("id", "paths", "scope", "flow", "gas", "year", "citation", "url")
SCOPES, FLOWS, GASES = ("lifecycle", "direct"), ("production", "consumption"), ("CO2e", "CO2")


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
    _check_series(content.get("series", []), seen)
    return content


def _check_series(entries: list[dict[str, Any]], paths: set[str]) -> None:
    """Refuse a series without a complete method, or of a file that is no listed source."""
    seen: set[str] = set()
    for series in entries:
        name = series.get("id", "?")
        missing = [key for key in SERIES_KEYS if not series.get(key)]
        if missing:
            raise BuildError(f"sources.toml: series {name}: missing {', '.join(missing)}")
        if name in seen:
            raise BuildError(f"sources.toml: series {name}: listed twice")
        for key, words in (("scope", SCOPES), ("flow", FLOWS), ("gas", GASES)):
            if series[key] not in words:
                raise BuildError(f"sources.toml: series {name}: {key} {series[key]!r} is not {' or '.join(words)}")
        for path in series["paths"]:
            if path not in paths:
                raise BuildError(f"sources.toml: series {name}: {path} is no listed source")
        seen.add(name)


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


def series(registry: dict[str, Any], name: str, path: str | None = None) -> dict[str, Any]:
    """The registry's entry for one source of figures, which must be fed by `path` where one is given."""
    for found in registry["series"]:
        if found["id"] == name:
            if path is not None and path not in found["paths"]:
                raise BuildError(f"{path}: sources.toml does not list it under series {name}")
            entry: dict[str, Any] = found
            return entry
    raise BuildError(f"sources.toml: no series {name}")


def method_of(series: dict[str, Any]) -> str:
    """The words for one method, such as "average direct production, CO2 only"."""
    return f"average {series['scope']} {series['flow']}" + ("" if series["gas"] == "CO2e" else ", CO2 only")


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
