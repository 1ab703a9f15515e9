"""Builds pycarbon/tables/continents.csv: which continent each country lies in, for "somewhere near" it."""

from __future__ import annotations

from pathlib import Path

from intensity import registry
from intensity.registry import BuildError

RAW = "ember/ember_country_overview_yearly_2025-06.csv"
HEADER = ("country", "continent")
CONTINENTS = ("Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America")

# Countries and territories of ISO 3166-1 that the raw file lacks, by the regions of UN M49.
OTHERS = {
    "Africa": "ATF ESH IOT MYT SHN",
    "Antarctica": "ATA",
    "Asia": "TLS",
    "Europe": "ALA AND GGY GIB IMN JEY LIE MCO SJM SMR VAT",
    "North America": "AIA BES BLM BMU CUW MAF SXM",
    "Oceania": "CCK CXR FSM HMD MHL MNP NFK NIU PCN PLW TKL TUV UMI WLF",
    "South America": "BVT SGS",
}


def build(sources: Path, registry_path: Path = registry.REGISTRY) -> dict[str, bytes]:
    """The table from the raw files under `sources`: {"continents.csv": content}.

    BuildError where a country would lie in none or in two.
    """
    registry.entry(registry.load(registry_path), RAW)
    found = {country: continent for continent, countries in OTHERS.items() for country in countries.split()}
    columns = ("country_code", "continent")
    told = {(row["country_code"], row["continent"]) for row in registry.read_csv(sources / RAW, columns)}
    for country, continent in sorted(told):
        if not country:  # of the file's rows for whole regions
            continue
        if continent not in CONTINENTS:
            raise BuildError(f"{RAW}: {country}: {continent!r} is no continent")
        if country in found:
            raise BuildError(f"{RAW}: {country}: it lies in {continent} and in {found[country]}")
        found[country] = continent
    return {"continents.csv": registry.csv_bytes(HEADER, sorted(found.items()))}
