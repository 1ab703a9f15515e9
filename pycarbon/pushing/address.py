"""The address of a team's server: what may be one, and whether a token may travel there."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

ALLOW_UNENCRYPTED = "PYCARBON_SERVER_UNENCRYPTED"
"""Set to 1 to have the token sent to another machine over plain http, where everybody on the way can read it."""

_NONE = "it must be an address like https://carbon.example.org, without a user, a query or a fragment"


def checked(text: str) -> str:
    """Give an address as it is written everywhere: in small letters, without a slash at its end.

    ValueError, in words that repeat nothing of it, where it is none: a password may be in it.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        host = parts.hostname
    except ValueError:
        raise ValueError(_NONE) from None
    plain = text.strip().isprintable() and not any(mark in text.strip() for mark in ' @?#\\"<>')
    if parts.scheme.lower() not in ("http", "https") or not host or port == 0 or not plain:
        raise ValueError(_NONE)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def why_unsafe(server: str, environ: Mapping[str, str]) -> str | None:
    """Say why a token must not travel to a server; None where it may."""
    parts = urlsplit(server)
    if parts.scheme == "https" or is_loopback(parts.hostname or "") or environ.get(ALLOW_UNENCRYPTED) == "1":
        return None
    return (
        f"{server} is not asked: the token would travel unencrypted; use https, or set {ALLOW_UNENCRYPTED}=1 "
        "where everybody on the way may read it"
    )
