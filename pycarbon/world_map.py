"""The map of the world that pages draw on: the outline of each country, and where on it a point of the Earth lies.

Equal Earth projection (Šavrič, Patterson and Jenny, International Journal of Geographical Information Science 33,
2019): areas are true, so that a large country looks as large as it is.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache

from pycarbon import shipped

TABLE = "world_map.json"
WIDTH = 2000
NORTH, SOUTH = 84.0, -56.0
"""What the map shows, in degrees: Antarctica has no grid."""

_A = (1.340264, -0.081106, 0.000893, 0.003796)
_SIN = math.sqrt(3) / 2


@dataclass(frozen=True, slots=True)
class WorldMap:
    """Outlines as paths of SVG, by ISO 3166-1 alpha-3 code; in units of which the map is `width` by `height`."""

    width: int
    height: int
    paths: dict[str, str]


@lru_cache(maxsize=1)
def world_map() -> WorldMap:
    """Give the map; IntensityError where its table cannot be read."""
    try:
        read = json.loads(shipped.text(TABLE))
        return WorldMap(int(read["width"]), int(read["height"]), dict(read["paths"]))
    except (ValueError, KeyError, TypeError) as error:
        raise shipped.broken(TABLE, error) from error


def projected(latitude: float, longitude: float) -> tuple[float, float]:
    """Say where on the map a point given in degrees lies: x to the right, y down."""
    x, y = _equal_earth(latitude, longitude)
    return (x / _HALF + 1) * WIDTH / 2, (_TOP - y) * WIDTH / (2 * _HALF)


def height() -> float:
    """Say how high the map is."""
    return projected(SOUTH, 0)[1]


def _equal_earth(latitude: float, longitude: float) -> tuple[float, float]:
    theta = math.asin(_SIN * math.sin(math.radians(latitude)))
    square = theta * theta
    sixth = square**3
    y = theta * (_A[0] + _A[1] * square + sixth * (_A[2] + _A[3] * square))
    along = _A[0] + 3 * _A[1] * square + sixth * (7 * _A[2] + 9 * _A[3] * square)
    return math.radians(longitude) * math.cos(theta) / (_SIN * along), y


_HALF, _TOP = _equal_earth(0, 180)[0], _equal_earth(NORTH, 0)[1]
