"""The map of the world: areas are true, the table is built from its file, and what is no such file is refused."""

import hashlib
import json
import math
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import world_map, zones

sys.path.insert(0, str(Path(__file__).parents[2]))

from intensity import world_map as builder
from intensity.registry import BuildError

ATLAS = os.environ.get("PYCARBON_WORLD_ATLAS")


@given(st.floats(-55, 83), st.floats(-179, 179))
def test_a_square_kilometre_is_as_large_everywhere(latitude, longitude):
    step = 1e-3
    x0, y0 = world_map.projected(latitude, longitude)
    east, north = world_map.projected(latitude, longitude + step), world_map.projected(latitude + step, longitude)
    area = abs((east[0] - x0) * (north[1] - y0) - (east[1] - y0) * (north[0] - x0))
    equator = world_map.projected(0, step)[0] - world_map.projected(0, 0)[0]
    equator *= world_map.projected(0, 0)[1] - world_map.projected(step, 0)[1]
    assert area / math.cos(math.radians(latitude + step / 2)) == pytest.approx(equator, rel=1e-3)


def test_the_map_has_every_outline_within_it_and_only_of_places_that_are_known():
    found = world_map.world_map()
    assert (found.width, found.height) == (world_map.WIDTH, round(world_map.height()))
    countries = {zone.zone for zone in zones.known() if zone.kind == "country"}
    assert len(found.paths) > 170 and set(found.paths) <= countries
    for code, path in found.paths.items():
        assert re.fullmatch(r"(M\d+ \d+l[-\d ]+z)+", path), code
    assert world_map.projected(0, 180)[0] == found.width and world_map.projected(84, 0)[1] == 0


@pytest.mark.parametrize(("zone", "place"), [("FRA", (48.9, 2.4)), ("BRA", (-15.8, -47.9)), ("RUS", (55.8, 37.6))])
def test_a_capital_lies_within_the_outline_of_its_country(zone, place):
    x, y = world_map.projected(*place)
    assert sum(_holds(ring, x, y) for ring in _rings(world_map.world_map().paths[zone])) % 2 == 1


def _rings(path):
    for part in path.split("M")[1:]:
        start, _, steps = part.rstrip("z").partition("l")
        x, y = map(int, start.split())
        ring, numbers = [(x, y)], list(map(int, re.findall(r"-?\d+", steps)))
        for right, down in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + right, y + down
            ring.append((x, y))
        yield ring


def _holds(ring, x, y):
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return sum((y0 > y) != (y1 > y) and x < x0 + (x1 - x0) * (y - y0) / (y1 - y0) for (x0, y0), (x1, y1) in pairs) % 2


def test_a_line_across_the_180th_meridian_becomes_one_on_each_side():
    ring = [(170.0, 60.0), (-170.0, 60.0), (-170.0, 70.0), (170.0, 70.0), (170.0, 60.0)]
    sides = list(builder.cut(ring))
    assert sorted((min(x for x, _ in side), max(x for x, _ in side)) for side in sides) == [(-180, -170), (170, 180)]
    assert [len(list(builder.cut([(1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 2.0)])))] == [1]


@pytest.mark.skipif(ATLAS is None, reason="PYCARBON_WORLD_ATLAS names no countries-110m.json of world-atlas 2.0.2")
def test_the_committed_map_is_what_the_atlas_gives():
    assert builder.build(Path(ATLAS)) == builder.TARGET.read_bytes()


def atlas(folder, name, **country):
    square = [[0, 0], [10, 0], [0, 10], [-10, 0], [0, -10]]
    shape = {"type": "Polygon", "arcs": [[0]], "properties": {"name": name}, **country}
    topology = {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": [square],
        "objects": {"countries": {"geometries": [shape]}},
    }
    path = folder / "countries-110m.json"
    path.write_text(json.dumps(topology), encoding="utf-8")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_country_is_known_by_its_number_and_land_without_one_belongs_to_another(tmp_path):
    assert list(json.loads(builder.build(*atlas(tmp_path, "France", id="250")))["paths"]) == ["FRA"]
    assert list(json.loads(builder.build(*atlas(tmp_path, "Somaliland")))["paths"]) == ["SOM"]
    for unknown in ({"id": "999"}, {}):
        with pytest.raises(BuildError, match="Atlantis"):
            builder.build(*atlas(tmp_path, "Atlantis", **unknown))


def test_another_file_is_refused_in_one_line(tmp_path, capsys):
    path, _ = atlas(tmp_path, "France", id="250")
    assert builder.main([str(path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert builder.main([str(tmp_path / "none.json")]) == 1


def test_a_number_that_stands_for_two_countries_is_refused(tmp_path):
    table = tmp_path / "numbers.csv"
    table.write_text("number,alpha3\n250,FRA\n250,DEU\n", encoding="utf-8")
    with pytest.raises(BuildError, match="250,DEU"):
        builder.numbers(table)
