"""A server's application, without a socket, and a token of each scope."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard_client import TestClient, opened
from sent_runs import ID

from pycarbon.dashboard.access import Access
from pycarbon.dashboard.uploads import Uploads


@dataclass
class Team:
    """A server's application, and a token of each scope."""

    folder: Path
    client: TestClient
    access: Access
    uploads: Uploads
    reader: str
    sender: str

    def put(self, body: Any, id: str = ID, token: str | None = None, **headers: str) -> Any:
        """Send a run; `_` in names of headers stands for `-`."""
        own = {"authorization": f"Bearer {token or self.sender}", "content-type": "application/octet-stream"}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.put(f"/api/v1/runs/{id}", content=body, headers=own)

    def get(self, path: str, token: str | None = None, **arguments: Any) -> Any:
        """Ask for a page."""
        headers = {"authorization": f"Bearer {token or self.reader}"}
        return self.client.get(path, headers=headers, follow_redirects=False, **arguments)

    def files(self) -> list[str]:
        """All run files and parts of them in the store."""
        found = [*self.folder.rglob("*.pcr"), *self.folder.rglob("*.part")]
        return sorted(path.relative_to(self.folder).as_posix() for path in found)


@contextlib.contextmanager
def team(folder: Path, **limits: Any) -> Iterator[Team]:
    access, uploads = Access(folder), Uploads(folder, **limits)
    reader, sender = (access.tokens.add(scope, scope, access.today) for scope in ("read", "upload"))
    with opened(folder, access=access, uploads=uploads) as client:
        yield Team(folder, client, access, uploads, reader, sender)
    access.close()
