"""In which country the internet takes this machine to be, as a web service says that sees its public address.

Such a service learns the address, so it is asked only when a user says so. The address itself is neither kept nor
repeated in an error. Behind a VPN the answer is the country where that ends.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from pycarbon.answers import fetch
from pycarbon.errors import IntensityError

ENDPOINT = "https://get.geojs.io/v1/ip/geo.json"
"""GeoJS (MIT licence): encrypted, without a key, made for calls by anybody's programs."""

_USER_AGENT = "pycarbon"
REMEDY = "name the zone instead, such as --zone FRA"
"""What to type where nothing is found."""


@dataclass(frozen=True, slots=True)
class Location:
    """A country as two letters of ISO 3166-1, and what is known of the subdivision.

    `subdivision` is the part after the dash of an ISO 3166-2 code; this and `subdivision_name` are empty where the
    service does not tell them.
    """

    country: str
    subdivision: str = ""
    subdivision_name: str = ""


def locate(endpoint: str = ENDPOINT, timeout_s: float = 3.0) -> Location:
    """Ask the service, for `timeout_s` seconds at most; proxies are not used.

    The answer must be JSON with the country in `country_code` or `country`; the subdivision is looked for in
    `region_code` and `region`, so that ipapi.co and ipinfo.io can be asked as well. Raises IntensityError, in one
    line that names the service and what to type instead.
    """
    try:
        headers = {"Accept": "application/json", "User-Agent": _USER_AGENT}
        found = fetch(endpoint, headers, deadline_s=time.monotonic() + timeout_s).record()
        _refuse_private(found)
        return Location(_country(found), _code(found.get("region_code")), _name(found.get("region")))
    except IntensityError as error:
        raise IntensityError(f"cannot ask {_server(endpoint)} in which country this is: {error}; {REMEDY}") from None


def _refuse_private(found: dict[str, Any]) -> None:
    """An address that is not public is in every country: whatever is said about it is a guess."""
    from ipaddress import ip_address

    if found.get("bogon") or found.get("reserved") or found.get("error"):
        raise IntensityError("it knows nothing about the address it sees")
    address = found.get("ip")
    if address is None:
        return
    try:
        public = isinstance(address, str) and ip_address(address).is_global
    except ValueError:
        public = False
    if not public:
        raise IntensityError("it sees no public address")


def _country(found: dict[str, Any]) -> str:
    for key in ("country_code", "country"):
        code = found.get(key)
        if isinstance(code, str) and re.fullmatch("[A-Z]{2}", code):
            return code
    raise IntensityError("the answer names no country")


def _code(found: object) -> str:
    return found if isinstance(found, str) and re.fullmatch("[A-Z0-9]{1,3}", found) else ""


def _name(found: object) -> str:
    return found if isinstance(found, str) and found.isprintable() and len(found) <= 80 else ""


def _server(endpoint: str) -> str:
    """The service's name without a user's key, which the rest of an address may hold."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(endpoint).hostname or "the service"
    except ValueError:
        return "the service"
