"""Builds pycarbon/tables/world_map.json: the outlines of countries, for maps on pages.

`python intensity/world_map.py countries-110m.json` writes the table, with `--check` it only compares. The file is the
one of the npm package world-atlas 2.0.2; it is not among the raw data of `build.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if not __package__:
    sys.path[0] = str(ROOT)

from intensity import registry, zones  # noqa: E402
from intensity.registry import HERE, BuildError  # noqa: E402
from pycarbon.world_map import NORTH, SOUTH, TABLE, WIDTH, height, projected  # noqa: E402

SHA256 = "2516c915867c7baf18ddec727aec46c315541a07cfb3d79a6559b05d5e94eee8"
NUMBERS = HERE / "country_numbers.csv"
TARGET = ROOT / "pycarbon" / "tables" / TABLE
WITHOUT_NUMBER = {"N. Cyprus": "CYP", "Somaliland": "SOM", "Kosovo": "XKX"}
"""What Natural Earth draws apart and ISO 3166 has no number for: where ISO counts the land, or the code in use."""
LEFT_OUT = {"ATA"}
LARGEST_BYTES = 120_000

Point = tuple[int, int]
Degrees = tuple[float, float]
"""Longitude and latitude."""


def build(atlas: Path, sha256: str = SHA256) -> bytes:
    """Make the table from the atlas; BuildError, in one line, where that is another file or has unknown countries."""
    content = atlas.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BuildError(f"{atlas}: sha256 {found}, expected {sha256}: take the file of world-atlas 2.0.2")
    topology = json.loads(content)
    arcs = _arcs(topology)
    rings_of: dict[str, list[list[Point]]] = {}
    for country in topology["objects"]["countries"]["geometries"]:
        code = _code(country)
        if code not in LEFT_OUT:
            rings_of.setdefault(code, []).extend(_rings(country, arcs))
    paths = {code: "".join(map(_path, rings)) for code, rings in sorted(rings_of.items())}
    table = {
        "projection": "Equal Earth",
        "source": "Natural Earth 1:110m, as packed in world-atlas 2.0.2",
        "width": WIDTH,
        "height": round(height()),
        "paths": paths,
    }
    made = (json.dumps(table, indent=0, separators=(",", ":")) + "\n").encode("ascii")
    if len(made) > LARGEST_BYTES:
        raise BuildError(f"{TABLE}: {len(made)} bytes, at most {LARGEST_BYTES}")
    return made


def numbers(path: Path = NUMBERS) -> dict[str, str]:
    """The alpha-3 codes of ISO 3166-1 by their numbers; BuildError for one that is doubled or no zone."""
    known = zones.countries()
    found: dict[str, str] = {}
    for row in registry.read_csv(path, ("number", "alpha3")):
        if row["number"] in found or row["alpha3"] in found.values() or row["alpha3"] not in known:
            raise BuildError(f"{path.name}: {row['number']},{row['alpha3']}: doubled, or no country of countries.csv")
        found[row["number"]] = row["alpha3"]
    return found


def _code(country: dict[str, Any]) -> str:
    name = country["properties"]["name"]
    code = numbers().get(country["id"]) if "id" in country else WITHOUT_NUMBER.get(name)
    if code is None:
        raise BuildError(f"world-atlas: {name}: no code of ISO 3166-1 is known for it")
    return code


def _arcs(topology: dict[str, Any]) -> list[list[Degrees]]:
    """The lines that borders are made of; TopoJSON counts from point to point."""
    scale, start = topology["transform"]["scale"], topology["transform"]["translate"]
    lines = []
    for arc in topology["arcs"]:
        x = y = 0
        line = []
        for right, up in arc:
            x, y = x + right, y + up
            line.append((x * scale[0] + start[0], y * scale[1] + start[1]))
        lines.append(line)
    return lines


def _rings(country: dict[str, Any], arcs: Sequence[list[Degrees]]) -> Iterator[list[Point]]:
    """The closed lines of a country on the map, without what rounding left no area of."""
    polygons = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
    for polygon in polygons:
        for ring in polygon:
            line = [degrees for number in ring for degrees in (arcs[number] if number >= 0 else arcs[~number][::-1])]
            for part in cut(line):
                points: list[Point] = []
                for longitude, latitude in part:
                    x, y = projected(min(max(latitude, SOUTH), NORTH), longitude)
                    point = (round(x), round(y))
                    if not points or points[-1] != point:
                        points.append(point)
                if len(set(points)) > 2:
                    yield points


def cut(ring: Sequence[Degrees]) -> Iterator[list[Degrees]]:
    """Cut a closed line that crosses the 180th meridian into one on each side of the map."""
    unrolled, turn = [ring[0]], 0.0
    for (before, _), (longitude, latitude) in pairwise(ring):
        if abs(longitude - before) > 180:
            turn += math.copysign(360.0, before - longitude)
        unrolled.append((longitude + turn, latitude))
    for shift in (-360.0, 0.0, 360.0):
        part = [(longitude + shift, latitude) for longitude, latitude in unrolled]
        for side in (1, -1):
            part = _beside(part, side)
        if part:
            yield part


def _beside(ring: list[Degrees], side: int) -> list[Degrees]:
    """The part of a closed line to the west of 180 degrees, or with `side` -1 to the east of -180 (Sutherland and
    Hodgman, Communications of the ACM 17, 1974).
    """
    kept: list[Degrees] = []
    for (x0, y0), (x1, y1) in zip([ring[-1], *ring[:-1]] if ring else [], ring, strict=True):
        if (side * x0 < 180) != (side * x1 < 180):
            kept.append((side * 180.0, y0 + (y1 - y0) * (side * 180.0 - x0) / (x1 - x0)))
        if side * x1 < 180:
            kept.append((x1, y1))
    return kept


def _path(ring: Sequence[Point]) -> str:
    """A closed line in SVG's shortest spelling: a start, then steps."""
    points = ring[:-1] if ring[0] == ring[-1] else ring
    (x, y), *others = points
    text = f"M{x} {y}l"
    steps = []
    for right, down in others:
        steps.append(f"{right - x}{'' if down < y else ' '}{down - y}")
        x, y = right, down
    for i, step in enumerate(steps):
        text += step if i == 0 or step.startswith("-") else f" {step}"
    return text + "z"


def main(argv: list[str] | None = None) -> int:
    """Parse the command line; 0 done, 1 failed or different with one clear line."""
    parser = argparse.ArgumentParser(description="Build the map of the world that ships inside the wheel.")
    parser.add_argument("atlas", type=Path, help="countries-110m.json of the npm package world-atlas 2.0.2")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    args = parser.parse_args(argv)
    try:
        made = build(args.atlas)
        if args.check and TARGET.read_bytes() != made:
            raise BuildError(f"{TABLE} differs; build it without --check")
        if not args.check:
            TARGET.write_bytes(made)
            print(f"{TABLE}: {len(made)} bytes")
    except (ValueError, OSError) as error:
        print(f"intensity/world_map.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
