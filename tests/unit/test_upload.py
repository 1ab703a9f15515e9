"""One run over real HTTP: what each answer means, and that the token is shown to nobody else."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time

import pytest
from local_server import LocalServer, hang, ok
from pushed_runs import write_run
from werkzeug import Request, Response

from pycarbon.pushing.upload import TOKEN, Limits, Uploader

SECRET = "pcu_s3cret/with+odd&letters=="
RUN = "3f9a3f9a3f9a3f9a"
PATIENT, QUICK = Limits(), Limits(timeout_s=1.0, run_s=0.5)


@pytest.fixture
def path(tmp_path):
    return write_run(tmp_path / "run.pcr", RUN)


def sent(server: str, path, environ=None, limits: Limits = PATIENT):
    """The fate of one try at a server that is known."""
    with Uploader({TOKEN: SECRET} if environ is None else environ, {server}, limits) as uploader:
        told = uploader.send(server, RUN, path)
    assert told.line.isprintable() and 0 < len(told.line) < 400 and SECRET not in told.line
    return told


def respond(httpserver, status: int, members: object, headers=None) -> str:
    httpserver.expect_request(f"/api/v1/runs/{RUN}", method="PUT").respond_with_data(
        json.dumps(members), status, headers, "application/json"
    )
    return httpserver.url_for("").rstrip("/")


def test_a_run_file_arrives_as_it_is_with_the_token_and_its_length(httpserver, path):
    # GIVEN a server that takes runs
    taken = []

    def take(request: Request) -> Response:
        taken.append((request.get_data(), dict(request.headers)))
        return Response(json.dumps({"id": RUN, "state": "stored", "message": ""}), 201)

    httpserver.expect_request(f"/api/v1/runs/{RUN}", method="PUT").respond_with_handler(take)
    # WHEN a file is sent, longer than a piece THEN it arrives, and the answer says so
    path.write_bytes(path.read_bytes() + b"\0" * 200_000)
    assert sent(httpserver.url_for("").rstrip("/"), path).fate == "sent"
    ((body, headers),) = taken
    assert body == path.read_bytes() and headers["Authorization"] == f"Bearer {SECRET}"
    assert headers["Content-Length"] == str(len(body)) and headers["Content-Type"] == "application/octet-stream"
    assert "Transfer-Encoding" not in headers


@pytest.mark.parametrize(
    "status, members, fate",
    [
        (201, {"id": RUN, "state": "stored"}, "sent"),
        (200, {"id": RUN, "state": "already here"}, "sent"),
        (200, {"id": "another", "state": "stored"}, "away"),
        (200, {"id": RUN, "state": "refused"}, "away"),
        (200, [RUN], "away"),
        (200, "<html>log in</html>", "away"),
        (204, {}, "stopped"),
        (400, {"state": "refused", "message": "no"}, "refused"),
        (409, {"state": "another"}, "refused"),
        (413, {}, "refused"),
        (401, {}, "stopped"),
        (403, {}, "stopped"),
        (404, {}, "stopped"),
        (405, {}, "stopped"),
        (418, {}, "stopped"),
        (408, {}, "again"),
        (429, {}, "away"),
        (500, {}, "again"),
        (502, {}, "away"),
        (503, {}, "away"),
        (507, {}, "away"),
    ],
)
def test_what_an_answer_means(httpserver, path, status, members, fate):
    told = sent(respond(httpserver, status, members), path)
    assert told.fate == fate and (fate == "sent" or str(status) in told.line or status == 200)


def test_a_message_is_shown_in_one_short_line_without_the_token(httpserver, path):
    message = f"no\n\x1b[31m{SECRET} {'x' * 10_000}"
    assert "no" in sent(respond(httpserver, 400, {"message": message}), path).line


@pytest.mark.parametrize("text, after_s", [("120", 120.0), ("soon", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)])
def test_how_long_a_server_wants_to_be_left_alone(httpserver, path, text, after_s):
    assert sent(respond(httpserver, 503, {}, {"Retry-After": text}), path).after_s == after_s


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(httpserver, path):
    with LocalServer(lambda head: ok("{}")) as elsewhere:
        server = respond(httpserver, 307, {}, {"Location": f"{elsewhere.url}/api/v1/runs/{RUN}"})
        told = sent(server, path)
        assert told.fate == "stopped" and elsewhere.url in told.line and elsewhere.connections == 0


@pytest.mark.parametrize(
    "reply",
    [
        hang,
        lambda head: [],
        lambda head: [b"nonsense\r\n\r\n"],
        lambda head: [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"],
    ],
)
def test_a_server_that_gives_no_whole_answer_is_away_in_bounded_time(path, reply):
    with LocalServer(reply) as server:
        assert sent(server.url, path, limits=QUICK).fate == "away"


def test_no_run_takes_longer_than_there_is_time(path):
    with LocalServer(hang) as server:
        told = sent(server.url, path, limits=Limits(end_s=time.time() + 0.3))
    assert told.fate == "away" and "no whole answer within 0." in told.line


def test_where_nobody_listens_the_server_is_away(path):
    with LocalServer(hang) as server:
        pass
    told = sent(server.url, path)
    assert told.fate == "away" and server.url in told.line


def test_an_answer_without_end_is_not_read_to_its_end(path):
    with LocalServer(lambda head: ok(b" " * (1 << 20))) as server:
        assert sent(server.url, path).fate == "away"


def test_no_proxy_sees_what_goes_to_this_machine(httpserver, path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert sent(respond(httpserver, 201, {"id": RUN, "state": "stored"}), path).fate == "sent"


def test_runs_share_a_connection_and_one_that_the_server_closed_is_made_anew(path):
    # GIVEN a server that answers twice in its first connection, then closes it instead of answering
    body = json.dumps({"id": RUN, "state": "stored"}).encode()
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    heads: list[int] = []

    def serve(listener: socket.socket) -> None:
        for number, answers in ((1, 2), (2, 1)):
            connection = listener.accept()[0]
            with connection, connection.makefile("rb") as stream:
                for _ in range(answers):
                    take(stream)
                    connection.sendall(answer)
                    heads.append(number)
                if number == 1:
                    take(stream)

    def take(stream) -> None:
        while stream.readline() != b"\r\n":
            pass
        assert len(stream.read(path.stat().st_size)) == path.stat().st_size

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        server = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # WHEN three runs are sent THEN all arrive, over two connections
        with Uploader({TOKEN: SECRET}, {server}) as uploader:
            assert [uploader.send(server, RUN, path).fate for _ in range(3)] == ["sent"] * 3
        thread.join(20)
    assert heads == [1, 1, 2]


@pytest.mark.parametrize(
    "environ, why",
    [
        ({}, f"set {TOKEN}"),
        ({TOKEN: "two words"}, "characters"),
        ({TOKEN: "café"}, "characters"),
        ({TOKEN: "a\nb"}, "characters"),
    ],
)
def test_without_a_token_nothing_is_sent(path, environ, why):
    with LocalServer(hang) as server:
        with Uploader(environ, {server.url}) as uploader:
            told = uploader.send(server.url, RUN, path)
        assert told.fate == "stopped" and why in told.line and server.connections == 0


@pytest.mark.parametrize(
    "server, known, why", [("http://10.0.0.1", True, "unencrypted"), ("https://a.example.org", False, "--server")]
)
def test_a_token_goes_encrypted_and_to_known_servers_only(path, server, known, why):
    with Uploader({TOKEN: SECRET}, {server} if known else set()) as uploader:
        told = uploader.send(server, RUN, path)
    assert told.fate == "stopped" and why in told.line and server in told.line


def test_no_log_shows_the_token(httpserver, path, caplog):
    caplog.set_level(logging.DEBUG)
    sent(respond(httpserver, 401, {"message": SECRET}), path)
    ours = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    assert not [line for line in ours if SECRET in line or RUN in line]


def test_a_file_that_cannot_be_read_is_no_fault_of_the_server(tmp_path):
    with LocalServer(hang) as server, pytest.raises(OSError):
        sent(server.url, tmp_path / "none.pcr")
