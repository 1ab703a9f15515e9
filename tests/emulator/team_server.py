"""A real `pycarbon serve` of a store, on a port of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PATIENCE_S = 60


class TeamServer:
    """One process after another that serves the same store on the same port."""

    def __init__(self, folder: Path, *, before: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        self.folder, self.port = folder, 0
        self._before, self._options = list(before), list(options)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> TeamServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "pycarbon", "serve", "--store", str(self.folder), "--port", str(self.port)]
        # its own session: a test's Ctrl-C ends the test, which ends it
        self.process = subprocess.Popen(
            [*self._before, *command, *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "it does not say that it serves"
        line = self.process.stdout.readline()
        assert line.startswith("serving "), line
        self.port = int(line.rstrip("/\n").rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal, and give its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        status = process.wait(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)


def put(connection: http.client.HTTPConnection, id: str, body: bytes, token: str) -> tuple[int, str]:
    """Send a run; the status, and the state."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    connection.request("PUT", f"/api/v1/runs/{id}", body, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["state"]
