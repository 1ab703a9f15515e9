"""Signed links: a view of one project, read-only, until a date; everything that is not named here is refused.

A link is `PAYLOAD.SIGNATURE`. The server keeps no list of them: the payload says what may be seen, and a new key ends
all of them at once.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from pycarbon.dashboard.signing import signed, verified

PURPOSE = "link"
LONGEST_LINK = 4096

OF_PROJECT = frozenset(
    f"{api}/{page}" for api in ("", "/api/v1") for page in ("project", "experiment", "runs")
)  # pages of what their filter chooses
OF_RUN = re.compile(r"(?:/run|/api/v1/runs)/([0-9A-Za-z_-]+)(?:/power)?")
_SPANS = ("organisation", "project")


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link lets its holder see; `until_s` counts from 1970 UTC."""

    organisation: str
    project: str
    until_s: int


def link_of(key: bytes, shared: Shared) -> str:
    """Write a link's secret part."""
    members = json.dumps([shared.organisation, shared.project, shared.until_s], separators=(",", ":"))
    payload = base64.urlsafe_b64encode(members.encode()).decode().rstrip("=")
    return signed(key, PURPOSE, payload)


def read_link(key: bytes, link: str, now_s: float) -> Shared | None:
    """Say what a link shows; None where it is not ours, was altered, or its time is over."""
    payload = verified(key, PURPOSE, link) if len(link) <= LONGEST_LINK else None
    if payload is None:
        return None
    organisation, project, until_s = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    shared = Shared(organisation, project, until_s)
    return shared if now_s < shared.until_s else None


def address_of(shared: Shared) -> str:
    """Give the page that a link leads to."""
    return f"/project?{urlencode(dict(zip(_SPANS, (shared.organisation, shared.project), strict=True)))}"


def confined(
    shared: Shared, path: str, query: str, project_of: Callable[[str], tuple[str, str] | None]
) -> str | None:
    """Give the query with which the holder of a link may ask for a path; None where it is not theirs to see.

    What pages are to choose is not compared with the link but replaced by it, so that no spelling of a query, such as
    a name given twice, reaches further. `project_of` says which organisation and project a run belongs to.
    """
    own = (shared.organisation, shared.project)
    run = OF_RUN.fullmatch(path)
    if path not in OF_PROJECT and (run is None or project_of(run[1]) != own):
        return None
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True, errors="replace") if pair[0] not in _SPANS]
    return urlencode([*kept, *zip(_SPANS, own, strict=True)])
