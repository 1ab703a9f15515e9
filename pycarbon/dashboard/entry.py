"""Whether a server that is about to listen asks for tokens, and what whoever starts it should know."""

from __future__ import annotations

import shlex
from pathlib import Path

from pycarbon.dashboard.access import Access
from pycarbon.errors import PyCarbonError
from pycarbon.pushing.address import is_loopback


def access_for(folder: Path, host: str, *, always: bool = False) -> Access | None:
    """Give what asks for tokens; None where only this machine reaches it, unless it is to ask `always`.

    PyCarbonError, with what to type, where there is no token yet: nobody could enter.
    """
    if is_loopback(host) and not always:
        return None
    access = Access(folder)
    if any(not token.revoked and (always or token.scope == "read") for token in access.tokens.all()):
        return access
    access.close()
    raise PyCarbonError(
        "whoever asks has to show a token here, and there is none yet; type:"
        f" pycarbon token add --store {shlex.quote(str(folder))} --scope read --name me"
    )


def warnings(host: str, proxies: str | None) -> list[str]:
    """Say what is not protected."""
    if is_loopback(host) or proxies is not None:
        return []
    return ["the connection is not encrypted: tokens can be read on the way; docs/server.md shows a proxy with TLS"]
