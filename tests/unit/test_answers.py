"""One question to a server, and every way in which servers answer badly."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time

import local_server
import pytest
from local_server import LocalServer, ok

from pycarbon.answers import MOST_BYTES, Answer, fetch
from pycarbon.errors import IntensityError

LONG_S, SHORT_S = 30.0, 0.15


def asked(url, wait_s=LONG_S, **how):
    return fetch(url, {"X-Asked": "yes"}, deadline_s=time.monotonic() + wait_s, **how)


def test_a_good_answer_has_its_body_and_its_headers():
    with LocalServer(lambda _: ok("hello\n", "X-Kind: good")) as server:
        answer = asked(f"{server.url}/a/b?c=d", method="PUT", numeric=True)
    assert answer.text() == "hello" and answer.headers["x-kind"] == "good"
    assert server.requests[0].startswith("PUT /a/b?c=d HTTP/1.1\r\n") and "X-Asked: yes" in server.requests[0]


def test_the_largest_answer_is_read_whole():
    with LocalServer(lambda _: ok(b"x" * MOST_BYTES)) as server:
        assert asked(server.url).body == b"x" * MOST_BYTES


CHUNKED = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
BAD = {
    "not found": (ok("no", status="404 Not Found"), "status 404"),
    "redirect": (ok("", "Location: http://127.0.0.1:9/", status="302 Found"), "status 302"),
    "too long": (ok(b"x" * (MOST_BYTES + 1)), "longer than 64 KiB"),
    "endless": ([*CHUNKED, *[b"1000\r\n" + b"x" * 0x1000 + b"\r\n"] * 32], "longer than 64 KiB"),
    "too many headers": (ok("", *[f"X-{number}: 0" for number in range(200)]), "not HTTP"),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.6\r\n"], "not HTTP"),
    "wrong chunks": ([*CHUNKED, b"zz\r\n"], "not HTTP"),
}


@pytest.mark.parametrize("pieces, reason", BAD.values(), ids=BAD)
def test_a_bad_answer_is_refused_in_one_line(pieces, reason):
    with LocalServer(lambda _: pieces) as server, pytest.raises(IntensityError) as refused:
        asked(server.url)
    assert reason in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("pieces", [[b"HTTP/1.1 200 OK\r\n"], ok("half of it", "Connection: close")[:1]])
def test_an_answer_that_stops_is_waited_for_until_the_deadline(pieces):
    with LocalServer(lambda _: pieces) as server, pytest.raises(IntensityError, match="no answer in time"):
        asked(server.url, SHORT_S)


def test_an_answer_cut_short_is_refused():
    # GIVEN a server that hangs up in the middle of the body
    def answer(_):
        yield ok("projects/1/zones/europe-west12-a")[0] + b"projects/1/zones/europe-west1"
        raise ConnectionAbortedError

    # WHEN it is asked THEN the half is not taken for the whole
    with LocalServer(answer) as server, pytest.raises(IntensityError, match="cut short"):
        asked(server.url)


def test_the_deadline_holds_though_bytes_keep_coming():
    # GIVEN a server whose bytes come faster than any single wait would end, and which answers well after 4 s
    server = LocalServer(lambda _: local_server.drip(b"late", 0.05, 80))
    # WHEN less is waited for than the whole answer takes THEN it is given up
    with server, pytest.raises(IntensityError, match="no answer in time"):
        asked(server.url, SHORT_S)


def test_a_deadline_that_is_over_asks_nobody():
    with LocalServer(local_server.hang) as server, pytest.raises(IntensityError, match="no answer in time"):
        asked(server.url, -1.0)
    assert server.connections == 0


def test_nobody_there_is_said():
    with LocalServer(local_server.hang) as server:
        gone = server.url
    with pytest.raises(IntensityError, match="no connection"):
        asked(gone)


def test_a_name_is_not_looked_up_where_an_address_is_due():
    with LocalServer(lambda _: ok("hello")) as server:
        with pytest.raises(IntensityError, match="localhost is not known"):
            asked(f"http://localhost:{server.port}", numeric=True)
        assert asked(f"http://localhost:{server.port}").text() == "hello"


def test_a_name_server_that_never_answers_is_not_waited_for_longer(monkeypatch):
    # GIVEN a resolver that waits for a server until the test is over
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10) and [])
    # WHEN somebody asks by a name THEN the deadline holds
    try:
        with pytest.raises(IntensityError, match="no answer in time"):
            asked("http://localhost:9", SHORT_S)
    finally:
        over.set()


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/", "http://", "http://[::1", "http://a:b@127.0.0.1/", "http://é/"]
)
def test_what_is_no_web_address(url):
    with pytest.raises(IntensityError, match="no http or https address"):
        asked(url)


@pytest.mark.parametrize("body", [b"a\nb", b"a\0b", "größe".encode(), b"\xff"])
def test_text_is_one_line_of_ascii(body):
    with pytest.raises(IntensityError):
        Answer(body).text()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"[" * 60_000, b'"text"'])
def test_a_record_is_a_json_object(body):
    with pytest.raises(IntensityError):
        Answer(body).record()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that this test makes and trusts, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return made, key


@pytest.mark.parametrize("trusted", [True, False])
def test_an_encrypted_answer_is_taken_only_from_a_server_that_proves_its_name(certificate, monkeypatch, trusted):
    # GIVEN a server with a certificate, which this machine trusts or does not
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with LocalServer(lambda _: ok("secret"), context) as server:
        url = f"https://localhost:{server.port}/"
        # WHEN it is asked THEN only the trusted one is heard
        if trusted:
            assert asked(url).text() == "secret"
        else:
            with pytest.raises(IntensityError, match="no connection"):
                asked(url)


def test_a_handshake_that_hangs_ends_at_the_deadline():
    with LocalServer(local_server.hang) as server, pytest.raises(IntensityError, match="no answer in time"):
        asked(f"https://127.0.0.1:{server.port}/", SHORT_S)
