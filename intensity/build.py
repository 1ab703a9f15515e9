"""Builds pycarbon/tables/ from the raw public data, byte for byte: the door of intensity/.

`python intensity/build.py` writes the tables; with `--check` it only compares, and exits 1 with
the name of the first table that differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if not __package__:
    # Run as a script, Python puts intensity/ on the path instead of the folder above it.
    sys.path[0] = str(ROOT)

from intensity import (  # noqa: E402
    cloud,
    cloud_checks,
    continents,
    cpu_power,
    embodied,
    equivalents,
    fuels,
    grid,
    hourly,
    registry,
    zones,
)

TABLE_BUILDERS = [zones, continents, grid, hourly, fuels, cloud, embodied, equivalents, cpu_power]
TABLES = ROOT / "pycarbon" / "tables"
SOURCES = ROOT.parent / "shared" / "intensity-sources"


def build(sources: Path) -> dict[str, bytes]:
    """Every table, {file name: content}, from raw files whose sha256 was checked first.

    Raises BuildError, one line that names file and row, for anything that may not be shipped.
    """
    registry.verify(sources)
    tables: dict[str, bytes] = {}
    for builder in TABLE_BUILDERS:
        tables |= builder.build(sources)
    return tables


def notes(sources: Path) -> list[str]:
    """What somebody who builds must know: broken rows by name, and hours that were left out.

    Raises BuildError for a broken row that sources.toml does not list.
    """
    known = registry.load()
    return cloud_checks.notes(sources, known) + hourly.notes(sources, known)


def difference(tables: dict[str, bytes], folder: Path) -> str | None:
    """One line on the first table that `folder` lacks or holds otherwise; None if all agree."""
    for name, content in tables.items():
        path = folder / name
        if not path.is_file():
            return f"{name}: missing"
        committed = path.read_bytes()
        if committed != content:
            pairs = zip(committed.splitlines(), content.splitlines(), strict=False)
            line = next((i for i, (old, new) in enumerate(pairs, 1) if old != new), None)
            return f"{name}: differs at line {line}" if line else f"{name}: differs in length"
    return None


def main(argv: list[str] | None = None) -> int:
    """Parse the command line; 0 done, 1 failed or different with one clear line."""
    parser = argparse.ArgumentParser(description="Build the tables that ship inside the wheel.")
    parser.add_argument("--sources", type=Path, default=SOURCES, help="folder of raw data (default: %(default)s)")
    parser.add_argument("--tables", type=Path, default=TABLES, help="folder of the tables (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    args = parser.parse_args(argv)
    try:
        tables = build(args.sources)
        remarks = notes(args.sources)
    except (ValueError, OSError) as error:
        print(f"intensity/build.py: {error}", file=sys.stderr)
        return 1
    if args.check:
        different = difference(tables, args.tables)
        if different:
            print(
                f"intensity/build.py: {different}; run `python intensity/build.py` to rebuild",
                file=sys.stderr,
            )
        return 1 if different else 0
    for line in remarks:
        print(line)
    args.tables.mkdir(parents=True, exist_ok=True)
    for name, content in tables.items():
        (args.tables / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
