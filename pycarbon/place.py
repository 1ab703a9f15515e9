"""Where this machine is, as far as something else than its user tells: its firmware, its cloud, its address.

Nothing is guessed, and nothing is asked over a network unless the firmware names the cloud to ask, or the caller
wants it: `from_cloud(ask=True)` asks the link-local services of the clouds, `from_address` a service on the internet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pycarbon import cloud_metadata, firmware, geolocation, zones
from pycarbon.errors import IntensityError

DEFAULTS = cloud_metadata.ENDPOINTS
"""Where each cloud's metadata service answers."""

_EXAMPLES = {"aws": "aws:us-east-1", "azure": "azure:westeurope", "gcp": "gcp:europe-west9"}


@dataclass(frozen=True, slots=True)
class Place:
    """A place, and what said so.

    `zone` is a cloud's region (`aws:us-east-1`) whether or not a table knows it, a country or a subdivision (`FRA`,
    `US-WY`); None where only the provider is known. `how` is `cloud metadata`, `firmware` or `geolocation`.
    `availability_zone` is in the provider's own words; what is not known is empty.
    """

    zone: str | None
    how: str
    provider: str = ""
    instance_type: str = ""
    availability_zone: str = ""


def from_firmware(root: Path = Path("/")) -> str | None:
    """The provider in whose cloud this machine stands, None where its firmware names none; no network."""
    return firmware.provider(root)


def from_cloud(
    root: Path = Path("/"),
    *,
    ask: bool = False,
    endpoints: Mapping[str, str] = DEFAULTS,
    timeout_s: float = 1.0,
    remarks: list[str] | None = None,
) -> Place | None:
    """The region of the cloud this machine stands in, None where nothing says it is in one; never raises.

    Where the firmware names a provider, only that one is asked, or none if there is no way to ask it. Else all of
    them are, at once, and only with `ask`. All is over in `timeout_s` seconds. To `remarks` is appended, a line each,
    why a region is not known.
    """
    told = [] if remarks is None else remarks
    provider = firmware.provider(root)
    if provider is None:
        return _of_any(endpoints, timeout_s, told) if ask else None
    reasons: dict[str, str] = {}
    if provider in endpoints:
        found = _ask({provider: endpoints[provider]}, timeout_s, reasons)
        if found:
            return _placed(found[0])
    why = reasons.get(provider, "how to ask its metadata service for the region is not known here")
    zone = _EXAMPLES.get(provider)
    advice = f"type it, such as --zone {zone}" if zone else "type the country, such as --zone FRA"
    told.append(f"the firmware says that this is a machine of {provider}, but not in which region: {why}; {advice}")
    return Place(None, "firmware", provider, firmware.instance_type(root))


def from_address(endpoint: str = geolocation.ENDPOINT, timeout_s: float = 3.0) -> Place:
    """The country, or the subdivision where the tables know it, of this machine's public address.

    Asks a service on the internet (`geolocation.locate`). Raises IntensityError in one line.
    """
    found = geolocation.locate(endpoint, timeout_s)
    country = _known(found.country)
    if country is None:
        raise IntensityError(
            f"this machine's address is of {found.country}, for which no figures are known: {geolocation.REMEDY}"
        )
    spellings = []
    if found.subdivision:
        spellings.append(f"{found.country}-{found.subdivision}")
    if found.subdivision_name:
        spellings += [f"{found.subdivision_name}, {country}", found.subdivision_name]
    for spelling in spellings:
        zone = _known(spelling)
        # Georgia in the United States is no country, and Luxembourg in Belgium is not Luxembourg.
        if zone is not None and zone.startswith(f"{found.country}-"):
            return Place(zone, "geolocation")
    return Place(country, "geolocation")


def _known(spelling: str) -> str | None:
    try:
        return zones.find(spelling).zone
    except IntensityError:
        return None


def _of_any(endpoints: Mapping[str, str], timeout_s: float, told: list[str]) -> Place | None:
    reasons: dict[str, str] = {}
    found = _ask(endpoints, timeout_s, reasons)
    if len(found) == 1:
        return _placed(found[0])
    if found:
        told.append(f"{' and '.join(one.provider for one in found)} both claim this machine: none is believed")
    told += [f"{provider}: {reasons[provider]}" for provider in endpoints if provider in reasons]
    return None


def _placed(found: cloud_metadata.Instance) -> Place:
    zone = f"{found.provider}:{found.region}"
    return Place(zone, "cloud metadata", found.provider, found.instance_type, found.availability_zone)


def _ask(endpoints: Mapping[str, str], timeout_s: float, reasons: dict[str, str]) -> list[cloud_metadata.Instance]:
    """Everything that answers, in the order of `endpoints`; `reasons` gets why the others do not.

    One thread asks each. Every wait in it ends at the deadline, so that joining them needs no other bound.
    """
    from threading import Thread

    deadline_s = time.monotonic() + timeout_s
    found: dict[str, cloud_metadata.Instance] = {}

    def ask(provider: str, endpoint: str) -> None:
        try:
            found[provider] = cloud_metadata.instance(provider, endpoint, deadline_s=deadline_s)
        except IntensityError as error:
            reasons[provider] = str(error)
        except Exception as error:  # whatever comes from the network, the program that is measured goes on
            reasons[provider] = f"the answer was not understood ({type(error).__name__})"

    threads = []
    for provider, endpoint in endpoints.items():
        thread = Thread(target=ask, args=(provider, endpoint), name=f"pycarbon asks {provider}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads for this process
            reasons[provider] = "no thread could be started to ask it"
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()
    return [found[provider] for provider in endpoints if provider in found]
