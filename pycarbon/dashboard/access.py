"""Who asks, by what they show: a token, the cookie of a session that a token opened, or a signed link."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path

from pycarbon.dashboard.sharing import Shared, link_of, read_link
from pycarbon.dashboard.signing import signed, verified
from pycarbon.dashboard.tries import Tries
from pycarbon.store.access_tokens import PREFIX, Token, Tokens

SESSION_S = 7 * 24 * 3600
LONGEST_CREDENTIAL = 4096


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in. `may` is "read" or "upload"; with `shared` they read that alone."""

    may: str
    name: str = ""
    shared: Shared | None = None
    has_session: bool = False


LOCAL = Visitor("read")
"""Whoever reaches a dashboard that listens on loopback only and asks for no token."""


class Access:
    """The tokens, sessions and links of one store, and the failed tries of this process."""

    def __init__(self, folder: Path, now_s: Callable[[], float] = time.time) -> None:
        """Open the store's tokens; PyCarbonError where that cannot be."""
        self.tokens = Tokens(folder)
        self.now_s = now_s
        self.tries = Tries()

    def close(self) -> None:
        """Let go of the file."""
        self.tokens.close()

    @property
    def today(self) -> date:
        """The day in UTC."""
        return datetime.fromtimestamp(self.now_s(), timezone.utc).date()

    def token(self, text: str) -> Token | None:
        """Give the token that is shown; None where it is none of ours, or no more."""
        if len(text) > LONGEST_CREDENTIAL:
            return None
        return self.tokens.find(text, self.today)

    def bearer(self, text: str) -> Visitor | None:
        """Say who shows a token, or a link, in the header `Authorization`."""
        if not text.startswith(f"{PREFIX}_") and "." in text:
            return self.link(text)
        token = self.token(text)
        return None if token is None else Visitor(token.scope, token.name)

    def open_session(self, token: Token) -> str:
        """Give what the cookie of a session holds: not the token, but which one it was, and until when, signed."""
        until_s = int(self.now_s()) + SESSION_S
        return signed(self.tokens.key("sessions"), "session", f"{token.id}.{until_s}")

    def session(self, cookie: str) -> Visitor | None:
        """Say whose session it is; None where it is not ours, is over, or its token was revoked."""
        if len(cookie) > LONGEST_CREDENTIAL:
            return None
        payload = verified(self.tokens.key("sessions"), "session", cookie)
        if payload is None:
            return None
        id, _, until_s = payload.partition(".")
        token = self.tokens.with_id(id) if self.now_s() < int(until_s) else None
        return None if token is None else Visitor(token.scope, token.name, has_session=True)

    def share(self, organisation: str, project: str, until_s: int) -> str:
        """Write a link's secret part."""
        return link_of(self.tokens.key("links"), Shared(organisation, project, until_s))

    def link(self, text: str) -> Visitor | None:
        """Say what the holder of a link may see; None where it is not ours, or no more."""
        shared = read_link(self.tokens.key("links"), text, self.now_s())
        return None if shared is None else Visitor("read", "a shared link", shared)
