"""Which continent a country lies in: what "somewhere near" means for a run that may move."""

from __future__ import annotations

import csv
from functools import lru_cache

from pycarbon import shipped

TABLE = "continents.csv"


def continent_of(country: str) -> str | None:
    """The continent of a country by its ISO 3166-1 code of three letters; None where there is no such country.

    Countries of two continents lie in the one where the source counts them (Ember: Russia in Europe, Turkey in Asia).
    IntensityError where the table cannot be read.
    """
    return _table().get(country)


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    try:
        rows = csv.reader(shipped.text(TABLE).splitlines()[1:])
        return {row[0]: row[1] for row in rows}
    except (ValueError, IndexError) as error:
        raise shipped.broken(TABLE, error) from error
