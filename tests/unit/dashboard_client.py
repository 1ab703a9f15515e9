"""The dashboard as requests reach it, without a socket: `with opened(folder) as client: client.get("/")`."""

from __future__ import annotations

import warnings
from pathlib import Path

from pycarbon.dashboard.app import create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # newer Starlettes would rather have httpx2
    from starlette.testclient import TestClient


def opened(folder: Path, **arguments: object) -> TestClient:
    """Give a client of a store's dashboard; failures of ours are answers of status 500."""
    return TestClient(create_app(folder, **arguments), "http://127.0.0.1:8250", raise_server_exceptions=False)
