"""What the metadata services of AWS, Azure and Google Cloud tell about the machine that asks.

They answer on a link-local address that leaves the host machine nowhere. Whatever else answers there (another
cloud, a captive portal) must not become a place: each answer must have what only the real service gives, and every
word that is kept must look like what it stands for. Nothing else of an answer is kept, or repeated in an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pycarbon.answers import fetch
from pycarbon.errors import IntensityError

CONNECT_S = 0.3
"""How long reaching the service may take: it is on this very host, or not there."""

# By its address, not as metadata.google.internal: no name server is asked for it, nor needs to be there.
ENDPOINTS: Mapping[str, str] = MappingProxyType(dict.fromkeys(("aws", "azure", "gcp"), "http://169.254.169.254"))

_AZURE_VERSION = "2021-02-01"
_TOKEN_LIFE_S = 60


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine of a cloud; what the cloud does not tell is empty. `availability_zone` is the cloud's own word."""

    provider: str
    region: str
    instance_type: str = ""
    availability_zone: str = ""


def instance(provider: str, endpoint: str, *, deadline_s: float) -> Instance:
    """Ask the service of one provider (a key of ENDPOINTS); `deadline_s` is on `time.monotonic`.

    Raises IntensityError, whose text says only why there is no answer to use.
    """
    ask = _ASK.get(provider)
    if ask is None:
        raise IntensityError("no way to ask it is known")
    return ask(endpoint.rstrip("/"), deadline_s)


def _aws(endpoint: str, deadline_s: float) -> Instance:
    """IMDSv2: a token by PUT, which no proxy and no portal gives, then the instance identity document."""
    life = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_LIFE_S)}
    given = fetch(f"{endpoint}/latest/api/token", life, method="PUT", **_manner(deadline_s))
    token = _word(given.text(), r"[\w+/=-]{8,512}", "token")
    url = f"{endpoint}/latest/dynamic/instance-identity/document"
    document = fetch(url, {"X-aws-ec2-metadata-token": token}, **_manner(deadline_s)).record()
    region = _word(document.get("region"), r"[a-z]{2,8}(-[a-z]+)+-\d{1,2}", "region")
    # A Local Zone or a Wavelength Zone is named after its region too: us-west-2-lax-1a.
    zone = _word(document.get("availabilityZone"), rf"{region}[a-z0-9-]{{1,40}}", "availability zone")
    kind = _word(document.get("instanceType"), r"[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}", "instance type")
    return Instance("aws", region, kind, zone)


def _azure(endpoint: str, deadline_s: float) -> Instance:
    url = f"{endpoint}/metadata/instance/compute?api-version={_AZURE_VERSION}"
    compute = fetch(url, {"Metadata": "true"}, **_manner(deadline_s)).record()
    # Azure Stack speaks the same protocol in anybody's cellar; its location is no region of Azure.
    _word(compute.get("azEnvironment"), r"(?i:azure(public|usgovernment|china|german)cloud)", "cloud of Microsoft's")
    region = _word(compute.get("location"), r"[a-z][a-z0-9]{1,40}", "region")
    kind = _word(compute.get("vmSize"), r"[A-Za-z][\w-]{1,60}", "instance type")
    return Instance("azure", region, kind, _word(compute.get("zone") or "", r"\d{0,2}", "availability zone"))


def _gcp(endpoint: str, deadline_s: float) -> Instance:
    # Yandex Cloud speaks this protocol too, header and all, but its projects have no numbers.
    zone = _of_google(endpoint, "zone", r"zones/((?:[a-z]{1,20}-)+[a-z]{1,20}\d{1,3}-[a-z0-9]{1,8})", deadline_s)
    try:
        kind = _of_google(endpoint, "machine-type", r"machineTypes/([a-z0-9-]{1,60})", deadline_s)
    except IntensityError:
        kind = ""  # Cloud Run tells the zone alone
    return Instance("gcp", zone.rpartition("-")[0], kind, zone)


def _of_google(endpoint: str, item: str, pattern: str, deadline_s: float) -> str:
    url = f"{endpoint}/computeMetadata/v1/instance/{item}"
    answer = fetch(url, {"Metadata-Flavor": "Google"}, **_manner(deadline_s))
    if answer.headers.get("metadata-flavor") != "Google":
        raise IntensityError("the answer is not Google's")
    found = re.fullmatch(rf"projects/\d{{1,20}}/{pattern}", answer.text(), re.ASCII)
    if found is None:
        raise IntensityError(f"the answer holds no {item.replace('-', ' ')}")
    return found[1]


def _manner(deadline_s: float) -> dict[str, Any]:
    return {"deadline_s": deadline_s, "connect_s": CONNECT_S, "numeric": True}


def _word(found: object, pattern: str, name: str) -> str:
    """Text that looks as it must, whole; IntensityError else."""
    if not isinstance(found, str) or re.fullmatch(pattern, found, re.ASCII) is None:
        raise IntensityError(f"the answer holds no {name}")
    return found


_ASK: dict[str, Callable[[str, float], Instance]] = {"aws": _aws, "azure": _azure, "gcp": _gcp}
