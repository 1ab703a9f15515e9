"""The files that pages link to: those of pycarbon/web/static and no others, known by name before anybody asks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}


@dataclass(frozen=True, slots=True)
class Static:
    """One file, as it is sent."""

    content: bytes
    media_type: str
    etag: str


def statics() -> dict[str, Static]:
    """Read them all (some 100 kB); what is no style, script or picture is not for browsers and left out."""
    found = {}
    for entry in (files("pycarbon.web") / "static").iterdir():
        media_type = _TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if media_type is not None and entry.is_file():
            content = entry.read_bytes()
            found[entry.name] = Static(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
    return found
