"""Addresses of pages: every link keeps what the page is filtered by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode


def address(path: str, pairs: Iterable[tuple[str, str]] = (), **changes: Any) -> str:
    """Give an address with parameters; a change of None leaves a parameter out, another one replaces it."""
    kept = [(name, value) for name, value in pairs if name not in changes]
    kept += [(name, str(value)) for name, value in changes.items() if value is not None]
    return f"{path}?{urlencode(kept, errors='replace')}" if kept else path


def part(text: str) -> str:
    """Write any text as one part of a path."""
    return quote(text, safe="", errors="replace")
