"""Figures of Google's cloud regions: the grid intensity it publishes by region, direct and location-based."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from intensity import figures, registry
from intensity.figures import Figure, figure
from intensity.registry import BuildError

METHOD = ("direct", "consumption", "CO2e")
# 2019 and 2020 are called lifecycle by their publisher: another method, not used.
YEARS = (2021, 2022, 2023, 2024)
REGION = "Google Cloud Region"
# Never the column "Google CFE": that is about contracts, not about the grid.
VALUE = "Grid carbon intensity (gCO2eq / kWh)"
SHARE = 0.10
HALF_STEP_G_PER_KWH = 0.5

# Where each region stands, to compare it with its country.
COUNTRIES = {
    f"gcp:{region}": country
    for country, regions in {
        "AUS": "australia-southeast1 australia-southeast2",
        "BEL": "europe-west1",
        "BRA": "southamerica-east1",
        "CAN": "northamerica-northeast1 northamerica-northeast2",
        "CHE": "europe-west6",
        "CHL": "southamerica-west1",
        "DEU": "europe-west3 europe-west10",
        "ESP": "europe-southwest1",
        "FIN": "europe-north1",
        "FRA": "europe-west9",
        "GBR": "europe-west2",
        "HKG": "asia-east2",
        "IDN": "asia-southeast2",
        "IND": "asia-south1 asia-south2",
        "ISR": "me-west1",
        "ITA": "europe-west8 europe-west12",
        "JPN": "asia-northeast1 asia-northeast2",
        "KOR": "asia-northeast3",
        "MEX": "northamerica-south1",
        "NLD": "europe-west4",
        "POL": "europe-central2",
        "QAT": "me-central1",
        "SAU": "me-central2",
        "SGP": "asia-southeast1",
        "SWE": "europe-north2",
        "TWN": "asia-east1",
        "USA": "us-central1 us-central2 us-east1 us-east2 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3"
        " us-west4",
        "ZAF": "africa-south1",
    }.items()
    for region in regions.split()
}


def path_of(year: int) -> str:
    """The raw file of one year."""
    return f"cloud/gcp_region_carbon_{year}.csv"


def collect(sources: Path, known: dict[str, Any]) -> list[Figure]:
    """Every published year of every region."""
    series: dict[str, dict[int, float]] = defaultdict(dict)
    for year in YEARS:
        path = path_of(year)
        registry.series(known, f"google-{year}", path)
        for row in registry.read_csv(sources / path, (REGION, VALUE)):
            zone = f"gcp:{row[REGION].strip().lower()}"
            where = f"{path}: {row[REGION]}"
            if zone not in COUNTRIES:
                raise BuildError(f"{where}: google.py does not say in which country it stands")
            if year in series[zone]:
                raise BuildError(f"{where}: duplicate")
            try:
                series[zone][year] = float(row[VALUE])
            except ValueError:
                raise BuildError(f"{where}: {row[VALUE]!r} is no number") from None
    found = []
    for zone, values in series.items():
        for year, value in values.items():
            where = f"{path_of(year)}: {zone.removeprefix('gcp:')}"
            width = SHARE * value + HALF_STEP_G_PER_KWH
            change = figures.yearly_change(values, year)
            found.append(figure(where, METHOD, f"google-{year}", zone, year, value, width, width, change))
    return found
