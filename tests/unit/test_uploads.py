"""Uploads as clients send them: what is stored, and each way to be refused."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from sent_runs import ID, run_file
from team import team

from pycarbon.dashboard import checking
from pycarbon.dashboard.receiving import Pace


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with team(tmp_path_factory.mktemp("store"), largest_bytes=100_000, pace=Pace(grace_s=0.3)) as made:
        yield made


def test_a_run_is_stored_and_shown_and_then_it_is_there(server):
    answer = server.put(run_file())
    assert answer.status_code == 201
    assert answer.json() == {"id": ID, "state": "stored", "message": "stored", "status": 201}
    assert server.get("/api/v1/overview").json()["totals"]["runs"] == 1
    assert server.put(run_file()).json()["state"] == "already here"
    answer = server.put(run_file(name="other"))
    assert (answer.status_code, answer.json()["state"]) == (409, "another")
    assert server.files() == ["default/digits/20260101-000000-train-012345.pcr"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "why"),
    [
        (b"no run", {}, 400, "is not a pycarbon run file"),
        (run_file()[:300], {}, 400, "the file was cut before"),
        (b"x" * 100_001, {}, 413, "takes 100000; `pycarbon serve --largest-upload` raises that"),
        (b"x", {"content_type": "text/plain"}, 415, "application/octet-stream"),
        (b"x", {"content_encoding": "gzip"}, 415, "is sent as it is"),
        (b"x", {"content_length": "-1"}, 411, "Content-Length"),
        (b"x", {"content_length": "1e3"}, 411, "Content-Length"),
        (b"x", {"content_length": "9" * 5000}, 413, "has 99999999999999999999 bytes"),
        (b"x", {"content_length": "2"}, 400, "1 bytes came where 2 were announced"),
        (b"xx", {"content_length": "1"}, 413, "more than the 1 bytes"),
        (iter([b"x"]), {}, 411, "Content-Length"),
    ],
)
def test_what_is_refused_says_why_and_leaves_nothing(server, body, headers, status, why):
    before = server.files()
    answer = server.put(body, **headers)
    assert (answer.status_code, answer.json()["state"]) == (status, "refused"), answer.text
    assert why in answer.json()["message"] and str(server.folder) not in answer.text
    assert server.files() == before


@pytest.mark.parametrize("id", ["abc", "x" * 65, "a.b.c.d", "%2e%2e%2f%2e%2e", "a%00bc", "%C3%A4%C3%A4%C3%A4%C3%A4"])
def test_an_id_that_none_has_is_refused(server, id):
    answer = server.put(run_file(), id)
    assert answer.status_code in (400, 404, 405)


def test_only_so_many_are_received_at_once(server, monkeypatch):
    monkeypatch.setattr(server.uploads, "at_once", 0)
    answer = server.put(run_file("4567"), "4567")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_a_full_disk_is_said_to_be_full(server, monkeypatch):
    monkeypatch.setattr("pycarbon.dashboard.uploads.SPARE_BYTES", 1 << 60)
    answer = server.put(run_file("4567"), "4567")
    assert answer.status_code == 507 and "disk is full" in answer.json()["message"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_store_is_said_to_be_one(server):
    server.folder.chmod(0o500)
    try:
        assert server.put(run_file("4567"), "4567").status_code == 503
    finally:
        server.folder.chmod(0o700)


def test_who_reads_hostile_files_may_die(server, monkeypatch):
    # GIVEN a checker that takes no time at all, for any file
    monkeypatch.setattr(checking, "WALL_S", 0.0)
    # WHEN a run comes
    answer = server.put(run_file("4567"), "4567")
    # THEN its sender is told to come again, and meets a new checker
    assert answer.status_code == 503 and "send it again later" in answer.json()["message"]
    monkeypatch.undo()
    assert server.put(run_file("4567"), "4567").status_code in (200, 201)


def test_the_same_run_many_times_at_once_is_there_once(server):
    body = run_file("89abcdef", name="many")
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: server.put(body, "89abcdef").status_code, range(6)))
    assert sorted(statuses) == [200] * 5 + [201]
    assert len([name for name in server.files() if "many" in name]) == 1


def test_a_slow_upload_is_ended_and_leaves_nothing(server, monkeypatch):
    # GIVEN a client that sends ten of a hundred bytes, and then nothing
    monkeypatch.setattr("pycarbon.dashboard.uploads.LINGER", Pace(grace_s=0.05))
    headers = {"host": "a", "authorization": f"Bearer {server.sender}", "content-length": "100"}
    headers["content-type"] = "application/octet-stream"
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/api/v1/runs/4567",
        "query_string": b"",
        "scheme": "http",
        "server": ("a", 80),
        "client": ("192.0.2.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    coming = [{"type": "http.request", "body": b"x" * 10, "more_body": True}]
    sent = []

    async def receive():
        if not coming:
            await asyncio.Event().wait()
        return coming.pop()

    async def send(message):
        sent.append(message)

    # WHEN the server has waited long enough
    asyncio.run(server.client.app(scope, receive, send))
    # THEN it says so, closes the connection, and has room for others
    assert sent[0]["status"] == 408 and (b"connection", b"close") in sent[0]["headers"]
    assert b"10 bytes came in" in sent[1]["body"]
    assert server.uploads._now == 0 and not [name for name in server.files() if name.endswith(".part")]
