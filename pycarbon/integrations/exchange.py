"""Figures from the one process that reads the counters, for others on this machine that ask for them.

    Asking.figures(spans) --one line of JSON--> Answering --figures(spans)--> one line of JSON back

Roles: a thread of Answering accepts, and one for each connection answers; all end with close(). An Asking may be used
by any thread, and by a child that was forked: it connects anew.
Hazard: counters are readable by few for a reason. The socket lies in a folder that only its user may enter.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from pycarbon.integrations.figure import Figure, from_json
from pycarbon.integrations.span import Span

LONGEST_PATH = 90
"""The address of a socket holds 108 bytes, on some systems 104."""

PATIENCE_S = 30.0

Figures = Callable[[Sequence[Span]], list[Figure]]


class Answering:
    """Answers until close(). `address` is where."""

    def __init__(self, figures: Figures) -> None:
        """Open the socket and start to listen; OSError where the system has no such sockets."""
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("no local sockets on this system")
        self._figures = figures
        self._folder = tempfile.mkdtemp(prefix="pycarbon-")
        if len(os.fsencode(self._folder)) > LONGEST_PATH:
            Path(self._folder).rmdir()
            self._folder = tempfile.mkdtemp(prefix="pycarbon-", dir="/tmp")
        self.address = str(Path(self._folder) / "energy")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(self.address)
        self._socket.listen()
        self._lock = threading.Lock()
        self._connections: list[tuple[socket.socket, threading.Thread]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._accept, name="pycarbon-exchange", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up and wait for all threads."""
        with self._lock:
            self._closed = True
        with contextlib.suppress(OSError):  # one system wakes by this,
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):  # another by that
            _connected(self.address).close()
        self._thread.join()
        self._socket.close()
        for connection, thread in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                thread = threading.Thread(
                    target=self._answer, args=(connection,), name="pycarbon-exchange", daemon=True
                )
                self._connections.append((connection, thread))
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                try:
                    found = self._figures([Span(**values) for values in json.loads(line)])
                    answer: object = [figure.to_json() for figure in found]
                except Exception as error:  # the asker says it: it has a test to name
                    answer = {"error": str(error) or repr(error)}
                lines.write(json.dumps(answer) + "\n")
                lines.flush()


class Asking:
    """Asks an Answering. Nothing happens before the first question."""

    def __init__(self, address: str) -> None:
        """Ask at that address."""
        self._address = address
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._pid = 0

    def figures(self, spans: Sequence[Span]) -> list[Figure]:
        """Ask; OSError where nobody answers, RuntimeError with what went wrong there."""
        question = json.dumps([asdict(span) for span in spans]) + "\n"
        if self._pid != os.getpid():  # a fork has its parent's connection, and maybe its lock, held for ever
            if self._socket is not None:
                self._socket.close()
            self._lock, self._socket, self._pid = threading.Lock(), None, os.getpid()
        with self._lock:
            try:
                if self._socket is None:
                    self._socket = _connected(self._address)
                self._socket.sendall(question.encode())
                with self._socket.makefile("r", encoding="utf-8") as lines:
                    line = lines.readline()
                if not line:
                    raise ConnectionResetError("the process that reads the counters has hung up")
            except OSError:
                self.close()
                raise
        answer = json.loads(line)
        if isinstance(answer, dict):
            raise RuntimeError(answer["error"])
        return [from_json(values) for values in answer]

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None and self._pid == os.getpid():
            self._socket.close()
            self._socket = None


def _connected(address: str) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(PATIENCE_S)
        found.connect(address)
    except BaseException:
        found.close()
        raise
    return found
