"""A server on this machine that answers with exactly the bytes a test gives it, and remembers what was asked."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator

Reply = Callable[[str], Iterable[bytes]]


def ok(body: str | bytes, *headers: str, status: str = "200 OK") -> list[bytes]:
    """An HTTP answer with its length."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", *headers, "", ""]
    return ["\r\n".join(lines).encode(), raw]


def hang(_request: str) -> list[bytes]:
    """Take the question and say nothing, until whoever asked goes away."""
    return []


class LocalServer:
    """Serves in threads of its own between `with` and its end, which waits for all of them.

    `reply` gets the head of a request and returns the pieces of the answer; a piece is sent when the one before is
    out. The connection stays open until the client closes it. `requests` are the heads in the order they came, and
    `connections` counts all who came, also those who said nothing.
    """

    def __init__(self, reply: Reply, context: ssl.SSLContext | None = None):
        self.reply = reply
        self.requests: list[str] = []
        self.connections = 0
        self._context = context
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> LocalServer:
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="local server")
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # shut down
            while True:
                client = self._listener.accept()[0]
                self.connections += 1
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:  # the client may leave at any time
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            with client:
                head = _head(client)
                if head:
                    self.requests.append(head)
                    for piece in self.reply(head):
                        client.sendall(piece)
                while client.recv(4096):
                    pass


def _head(client: socket.socket) -> str:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(4096)
        if not piece:
            return ""
        head += piece
    return head.decode("latin-1")


def drip(body: bytes, interval_s: float, times: int) -> Iterator[bytes]:
    """A good answer that keeps a client busy: `times` small headers, one each interval, and only then the body."""
    yield f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n".encode()
    for number in range(times):
        select.select([], [], [], interval_s)
        yield f"X-{number}: 0\r\n".encode()
    yield b"\r\n" + body
