"""A dashboard that a browser can open: served by a thread of the test, on a free port of loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from processes import wait_until

from pycarbon.dashboard import serving
from pycarbon.dashboard.app import create_app


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a store; gives the address, without a slash at its end."""
    opened = serving.listening("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(create_app(folder), log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        yield serving.url_of(opened).rstrip("/")
    finally:
        server.should_exit = True
        thread.join(20)
        opened.close()
