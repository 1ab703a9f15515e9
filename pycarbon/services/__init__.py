"""Services that tell the carbon intensity of a grid now, for a past time, or as a forecast.

Each service is a module with

    SERVICE: client.Service
    TYPES, SCOPES: what it can be asked for, the usual one first; without them averages, and whatever scope it has
    def zone_for(zone: str) -> str | None: the service's own name of one of our zones, None where it has none
    def covers() -> str: what it has, in one clause for people
    def fetch(client: Client, question: Question) -> Sequence[Reading]: every period that touches [start, end),
        each once; raises Unusable for a question or an answer that is no good
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pycarbon.errors import IntensityError

if TYPE_CHECKING:
    from pycarbon.services.reading import Reading

_MODULES = {
    "electricitymaps": "electricity_maps",
    "uk": "uk",
    "watttime": "watttime",
    "eia": "eia",
    "energinet": "energinet",
    "rte": "rte",
    "ember": "ember",
}
NAMES: tuple[str, ...] = tuple(_MODULES)
"""What `readings` can be asked for."""


class Zone(Protocol):
    """What is used of a zone of ours: its id and those it lies in, the most specific first."""

    @property
    def zone(self) -> str:
        """The id."""

    @property
    def within(self) -> tuple[str, ...]:
        """Ids of the zones it lies in."""


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


def readings(
    service: str,
    zone: Zone | str,
    start: datetime,
    end: datetime,
    *,
    forecast: bool = False,
    type: str = "average",
    scope: str | None = None,
    environ: Mapping[str, str] = os.environ,
    cache: Path | None = None,
    endpoint: str | None = None,
    timeout_s: float = 5.0,
    total_s: float = math.inf,
    now: Callable[[], datetime] = _utc_now,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Reading]:
    """Every period that covers [start, end), in order and without overlap; only the first and last may reach beyond.

    `zone` is one of ours, or `service:NAME` by the service's own name. `scope` is the service's usual one where none
    is named. Keys are looked for in `environ`, and where `endpoint` is None another address of the service than the
    usual, as PYCARBON_UK_ENDPOINT; answers are kept in `cache`, by default in the user's cache folder. All is
    over in `total_s` seconds, however many questions it takes. Raises IntensityError, in one line without a key, for
    anything else than a good answer: also where a time is missing, and where the service has another type or scope.
    """
    from pycarbon.services import checks, client
    from pycarbon.services.cache import Cache, home
    from pycarbon.services.reading import Question, Unusable

    module = _module(service)
    title = module.SERVICE.title
    if start.utcoffset() is None or end.utcoffset() is None or not start < end:
        raise IntensityError(f"{title} is asked for times with their offset from UTC, the first before the second")
    try:
        start, end = start.astimezone(timezone.utc), end.astimezone(timezone.utc)
    except OverflowError:
        raise IntensityError(f"{title} is not asked: {start:%Y-%m-%d} is no time of a grid") from None
    types, scopes = offered(service)
    for asked, has in ((type, types), (scope, scopes)):
        if asked is not None and has and asked not in has:
            raise IntensityError(f"{title} has no {asked} intensities, only {' and '.join(has)}")
    own = _own_name(module, zone)
    folder = home(environ) if cache is None else cache
    asker = client.Client(
        module.SERVICE,
        endpoint=endpoint or environ.get(f"PYCARBON_{service.upper()}_ENDPOINT"),
        cache=None if folder is None else Cache(folder),
        limits=client.Limits(timeout_s=timeout_s, total_s=total_s),
        clocks=client.Clocks(now=now, sleep=sleep),
    )
    try:
        usual = scope or (scopes[0] if scopes else "lifecycle")
        found = module.fetch(asker, Question(own, start, end, forecast, type, usual, environ))
        covering = checks.covering(found, start, end)
        for reading in covering:
            if reading.type != type or (scope is not None and reading.scope != scope):
                raise Unusable(f"it is {reading.type} and {reading.scope}, not {type} and {scope or 'any scope'}")
    except Unusable as reason:
        raise IntensityError(asker.cleaned(f"{title} cannot be used for {own}: {reason}")) from None
    return covering


def offered(service: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The types and the scopes a service can be asked for, the usual one first; without scopes it has just one.

    IntensityError for another name.
    """
    module = _module(service)
    return getattr(module, "TYPES", ("average",)), getattr(module, "SCOPES", ())


def _module(service: str) -> Any:
    if service not in _MODULES:
        raise IntensityError(f"unknown service {service[:40]!r}: one of {', '.join(NAMES)}")
    return import_module(f"pycarbon.services.{_MODULES[service]}")


def _own_name(module: Any, zone: Zone | str) -> str:
    """The service's name of a zone; never that of a larger one around it."""
    name = zone if isinstance(zone, str) else zone.zone
    service, colon, own = name.partition(":")
    if colon and service == module.SERVICE.name and own:
        return own
    found: str | None = module.zone_for(name)
    if found is not None:
        return found
    around = () if isinstance(zone, str) else zone.within
    larger = next((other for other in around if module.zone_for(other)), None)
    hint = f"{larger}, in which it lies" if larger else str(module.covers())
    raise IntensityError(f"{module.SERVICE.title} does not cover {name[:40]}; it covers {hint}")
