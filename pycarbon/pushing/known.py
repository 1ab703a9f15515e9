"""Which servers the user named: only those get the token.

A pyproject.toml may be anybody's: of a repository just cloned, or of a folder above that others write to. So the
server it names gets nothing until its user has said it once, in the environment, in their own file or to
`pycarbon push`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pycarbon import settings
from pycarbon.pushing import address


def servers(environ: Mapping[str, str]) -> set[str]:
    """The servers that the user named."""
    nowhere = Path(os.devnull)
    others = {name: value for name, value in environ.items() if name != "PYCARBON_SERVER"}
    found = {settings.resolve(environ=where, folder=nowhere)[0].server for where in (environ, others)}
    with suppress(OSError, UnicodeDecodeError):
        for line in _path(environ).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                found.add(address.checked(line))
    return {server for server in found if server}


def remember(server: str, environ: Mapping[str, str]) -> None:
    """Note that the user named a server; OSError where that cannot be."""
    if server not in servers(environ):
        path = _path(environ)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{server}\n")


def _path(environ: Mapping[str, str]) -> Path:
    return settings.user_config_path(environ).with_name("servers")
