"""Listening: one process, on an address that is free, until somebody ends it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from pycarbon.errors import PyCarbonError
from pycarbon.exports.extras import needed

if TYPE_CHECKING:
    from starlette.applications import Starlette

GRACE_S = 3
"""So long may answers that have begun take once somebody ends it."""


def listening(host: str, port: int) -> socket.socket:
    """Open the socket to listen on (port 0: a free one); PyCarbonError where that cannot be."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PyCarbonError(f"{host} is no address to listen on: {error.strerror or error}") from None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        opened.listen(128)
    except OSError as error:
        opened.close()
        raise PyCarbonError(
            f"{host} port {port} cannot be listened on: {error.strerror or error}; --port 0 takes a free one"
        ) from None
    return opened


def url_of(opened: socket.socket) -> str:
    """Write the address of a socket as a browser takes it."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(
    app: Starlette, opened: socket.socket, ready: Callable[[], None] | None = None, proxies: str | None = None
) -> None:
    """Answer requests until SIGINT or SIGTERM; `ready` is called when it begins to.

    `proxies` are addresses whose word is taken for who asks, and whether by https (X-Forwarded-For, -Proto).
    No access log: what people look at is theirs. PyCarbonError where uvicorn is missing.
    """
    uvicorn = needed("uvicorn", "dashboard")
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="on",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=proxies is not None,
            forwarded_allow_ips=proxies,
            timeout_graceful_shutdown=GRACE_S,
        )
    )

    def stop(*_: object) -> None:
        server.should_exit = True

    # before uvicorn listens to these signals itself, and when it raises them once more as it ends
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if ready is not None:
            ready()
        server.run(sockets=[opened])
    finally:
        opened.close()
        for number, handler in before.items():
            signal.signal(number, handler)
