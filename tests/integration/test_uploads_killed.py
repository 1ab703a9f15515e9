"""The server is killed while runs are sent to it: at the end each is there once, and nothing else is."""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from sent_runs import run_file
from team_server import PATIENCE_S, TeamServer, put

from pycarbon.store.access_tokens import Tokens
from pycarbon.store.incoming import FOLDER
from pycarbon.store.index import Store

RUNS, KILLS, CLIENTS = 40, 3, 4


class Clients:
    """Send runs, each until the server says that it has it."""

    def __init__(self, server, token, bodies):
        self._server, self._token, self._bodies = server, token, bodies
        self.answers = []
        self.answered = threading.Condition()
        self.give_up_at = time.monotonic() + PATIENCE_S

    def send(self, id):
        while time.monotonic() < self.give_up_at:
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                contextlib.closing(self._server.connect()) as connection,
            ):
                status, state = put(connection, id, self._bodies[id], self._token)
                with self.answered:
                    self.answers.append((id, status, state))
                    self.answered.notify_all()
                if status in (200, 201):
                    return

    def wait_for(self, count):
        with self.answered:
            assert self.answered.wait_for(lambda: len(self.answers) >= count, PATIENCE_S)


def test_no_run_is_lost_or_doubled_when_the_server_is_killed(tmp_path):
    # GIVEN a server, and runs that four clients send to it
    bodies = {f"{number:016x}": run_file(f"{number:016x}", project=f"p{number % 3}") for number in range(RUNS)}
    with contextlib.closing(Tokens(tmp_path)) as tokens:
        token = tokens.add("ci", "upload", date(2026, 1, 1))
    chance = random.Random(8)
    with TeamServer(tmp_path) as server, ThreadPoolExecutor(CLIENTS) as pool:
        clients = Clients(server, token, bodies)
        sent = [pool.submit(clients.send, id) for id in bodies]
        # WHEN it is killed, three times, after some answers and within the next upload, and started again
        for _ in range(KILLS):
            clients.wait_for(min(len(clients.answers) + chance.randrange(1, 12), RUNS - 1))
            threading.Event().wait(chance.uniform(0, 0.03))
            server.stop(signal.SIGKILL)
            server.start()
        for each in sent:
            each.result(PATIENCE_S)
        # AND somebody is cut off while the last one runs
        with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))) as half:
            half.sendall(f"PUT /api/v1/runs/{'f' * 16} HTTP/1.1\r\nHost: a\r\n".encode())
        assert server.stop() == 0

    # THEN every run was answered, and none as another
    assert {id for id, status, _ in clients.answers if status in (200, 201)} == set(bodies)
    assert {state for _, _, state in clients.answers} <= {"stored", "already here"}
    # AND each has one file with its bytes, of which nothing is left over
    files = sorted(tmp_path.rglob("*.pcr"))
    assert sorted(path.read_bytes() for path in files) == sorted(bodies.values())
    assert list((tmp_path / FOLDER).iterdir()) == []
    # AND the index says what the files do
    with contextlib.closing(Store(tmp_path)) as store:
        found = store.refresh(everything=True)
        assert (found.added, found.gone, found.refused, store.refused()) == (0, 0, [], [])
        assert {listed.summary.id for listed in store.runs(limit=1000)} == set(bodies)
