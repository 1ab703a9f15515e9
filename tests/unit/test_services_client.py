"""Asking a service: what the client does about everything that a server can do to it."""

from __future__ import annotations

import gzip
import logging
import subprocess
import sys
import threading
from email.utils import format_datetime

import pytest
from service_world import KEY, NOW, Time, at, is_one_clear_line
from werkzeug import Response

from pycarbon.errors import IntensityError
from pycarbon.services.cache import Cache
from pycarbon.services.checks import g_per_kwh
from pycarbon.services.client import Client, Limits, Service
from pycarbon.services.keys import Key
from pycarbon.services.reading import Reading

SERVICE = Service("test", "Test Grid", "https://grid.example", interval_s=0)
SECRET = Key("TEST_KEY", KEY)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def client(httpserver, time):
    return Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks)


def refusal(client, **asked) -> str:
    """The one line that asking with a key ends in."""
    with pytest.raises(IntensityError) as caught:
        client.json("/now", {"zone": "FR", "key": SECRET}, headers={"auth-token": SECRET}, **asked)
    line = str(caught.value)
    assert is_one_clear_line(line) and line.startswith("Test Grid ") and KEY not in line
    return line


def read(answer) -> list[Reading]:
    return [Reading(at(12), at(13), g_per_kwh(answer["value"], "value"), zone="FR")]


def test_the_key_goes_to_the_service_and_nowhere_else(httpserver, client, caplog):
    caplog.set_level(logging.DEBUG)
    sent = {"zone": "FR", "key": KEY}
    httpserver.expect_request("/now", query_string=sent, headers={"auth-token": KEY}).respond_with_json({"value": 1})
    assert client.json("/now", {"zone": "FR", "key": SECRET}, headers={"auth-token": SECRET}) == {"value": 1}
    assert not [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]
    assert KEY not in repr(SECRET) + str(SECRET) + f"{SECRET}" + repr(vars(client))


def test_others_may_still_log_what_httpx_does_for_them(httpserver, client, caplog):
    import httpx

    caplog.set_level(logging.INFO)
    httpserver.expect_request("/now").respond_with_json({})
    client.json("/now")
    httpx.get(httpserver.url_for("/now"), timeout=5)
    assert [record.name for record in caplog.records if record.name == "httpx"] == ["httpx"]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept TEST_KEY"),
        (403, "does not let TEST_KEY have this"),
        (404, "has nothing at /now"),
        (422, "does not understand the question"),
    ],
)
def test_a_refusal_is_said_at_once(httpserver, client, time, status, says):
    httpserver.expect_ordered_request("/now").respond_with_json({"message": f"no {KEY} in\nhere"}, status=status)
    assert says in (line := refusal(client)) and f"({status}: no *** in here)" in line
    assert not time.slept_s


def test_what_passes_is_tried_again(httpserver, client, time):
    for status in (500, 503, 429):
        httpserver.expect_ordered_request("/now").respond_with_data("busy", status=status)
    httpserver.expect_ordered_request("/now").respond_with_json({"value": 1})
    assert client.json("/now") == {"value": 1}
    assert time.slept_s == [0.25, 0.5, 1.0]  # twice as long each time


def test_what_does_not_pass_is_given_up(httpserver, client, time):
    httpserver.expect_request("/now").respond_with_data("busy", status=502)
    assert "is out of order (502); tried 4 times" in refusal(client)
    assert sum(time.slept_s) < 10


@pytest.mark.parametrize(
    "spelled", ["3", format_datetime(at(0) + (NOW - at(0)) + 3 * (at(1) - at(0)) / 3600, usegmt=True)]
)
def test_a_server_says_when_to_ask_again(httpserver, client, time, spelled):
    httpserver.expect_ordered_request("/now").respond_with_data("", status=429, headers={"Retry-After": spelled})
    httpserver.expect_ordered_request("/now").respond_with_json({"value": 1})
    assert client.json("/now") == {"value": 1}
    assert time.slept_s == [3.0]


@pytest.mark.parametrize("spelled", ["3600", "9" * 400, format_datetime(at(13), usegmt=True)])
def test_a_pause_past_the_deadline_is_not_begun(httpserver, client, time, spelled):
    httpserver.expect_request("/now").respond_with_data("", status=429, headers={"Retry-After": spelled})
    assert "is asked too often (429), and wants to be asked again in" in refusal(client)
    assert not time.slept_s


@pytest.mark.parametrize("spelled", ["soon", "-5", "²", "Mon, 99 Foo"])
def test_a_pause_that_makes_no_sense_is_not_kept_to(httpserver, client, time, spelled):
    headers = {"Retry-After": spelled.encode("utf-8").decode("latin-1")}
    httpserver.expect_ordered_request("/now").respond_with_data("", status=503, headers=headers)
    httpserver.expect_ordered_request("/now").respond_with_json({"value": 1})
    assert client.json("/now") == {"value": 1}
    assert time.slept_s == [0.25]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Response(b"", content_type="application/json"), "answered with nothing"),
        (Response(b"   \n", content_type="application/json"), "answered with nothing"),
        (Response(b"<!doctype html><p>Log in", content_type="text/html"), "a web page, not data"),
        (Response(b"<html>", content_type="application/json"), "a web page, not data"),
        (Response(b"{'value': 1}", content_type="application/json"), "not JSON"),
        (Response(b'{"value": NaN}', content_type="application/json"), "not JSON"),
        (Response(b"[" * 100_000, content_type="application/json"), "not JSON"),
        (Response(b"\xff\xfe\x00", content_type="application/json"), "not JSON"),
        (Response(b'{"a": 1}', headers={"Content-Encoding": "br"}), "packed as 'br'"),
        (Response(b'{"a": 1}', headers={"Content-Encoding": "gzip"}), "cannot be unpacked"),
        (Response(gzip.compress(b"[1]" * 99)[:-9], headers={"Content-Encoding": "gzip"}), "was cut off"),
        (Response(b" " * 200_001), "longer than 200000 bytes"),
        (Response(gzip.compress(b" " * 10**6), headers={"Content-Encoding": "gzip"}), "longer than 200000 bytes"),
        (
            Response(b"", status=301, headers={"Location": "http://grid.example/now"}),
            "to another address, http://grid",
        ),
        (Response(b"", status=302, headers={"Location": "//127.0.0.1:1/now"}), "redirects to another address"),
    ],
)
def test_what_is_no_data_is_said(httpserver, time, answer, says):
    client = Client(
        SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, limits=Limits(tries=1, answer_bytes=200_000)
    )
    httpserver.expect_request("/now").respond_with_response(answer)
    assert says in refusal(client)


def test_a_redirect_on_the_same_host_is_followed_with_the_question(httpserver, client):
    moved = Response(status=308, headers={"Location": "/v2/now?zone=DE"})
    httpserver.expect_request("/now").respond_with_response(moved)
    httpserver.expect_request("/v2/now", query_string={"zone": "FR"}).respond_with_json({"value": 1})
    assert client.json("/now", {"zone": "FR"}) == {"value": 1}


def test_redirects_in_a_circle_end(httpserver, client):
    httpserver.expect_request("/now").respond_with_response(Response(status=302, headers={"Location": "/now"}))
    assert "(302)" in refusal(client)


def test_packed_answers_are_unpacked(httpserver, client):
    packed = Response(gzip.compress(b'{"value": 1}'), headers={"Content-Encoding": "gzip"})
    httpserver.expect_request("/now").respond_with_response(packed)
    assert client.json("/now") == {"value": 1}


def test_nobody_there(time):
    client = Client(SERVICE, endpoint="http://127.0.0.1:1", clocks=time.clocks)
    assert "cannot connect" in (line := refusal(client)) and "tried 4 times" in line


def test_a_body_that_ends_early_is_no_answer(httpserver, time):
    short = Response(b'{"value": 1}')
    short.automatically_set_content_length = False
    short.headers["Content-Length"] = "500"
    httpserver.expect_request("/now").respond_with_response(short)
    client = Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, limits=Limits(tries=1))
    assert "cut off" in refusal(client)


def test_a_server_that_never_ends_cannot_hold_us(httpserver, time):
    """GIVEN a server that sends a byte whenever we would give up, WHEN it is asked, THEN the deadline holds."""
    enough = threading.Event()

    def drip(_):
        def pieces():
            while not enough.wait(0.05):
                yield b" "

        return Response(pieces(), content_type="application/json")

    httpserver.expect_request("/now").respond_with_handler(drip)
    limits = Limits(timeout_s=1.0, deadline_s=0.3, tries=1)
    try:
        line = refusal(Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, limits=limits))
    finally:
        enough.set()
    assert "no whole answer within 0.3 s" in line


def test_a_server_that_says_nothing_cannot_hold_us(httpserver, time):
    enough = threading.Event()
    httpserver.expect_request("/now").respond_with_handler(lambda _: Response(str(enough.wait(20))))
    limits = Limits(timeout_s=0.1, deadline_s=5, tries=1)
    try:
        line = refusal(Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, limits=limits))
    finally:
        enough.set()
    assert "no answer within 0.1 s" in line


def test_all_questions_together_have_an_end(httpserver, time):
    # GIVEN a service that is out of order, and less time for all questions than the tries of one would take
    httpserver.expect_request("/what").respond_with_data(status=500, headers={"Retry-After": "20"})
    limits = Limits(deadline_s=60, total_s=50)
    client = Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, limits=limits)
    # WHEN it is asked twice THEN the second question has what the first has left
    for asked in (3, 4):
        with pytest.raises(IntensityError, match="no time is left of 50 s"):
            client.json("/what")
        # an earlier test's request that nobody waited for may end up in the log, too
        assert sum(request.path == "/what" for request, _ in httpserver.log) == asked
    assert time.slept_s == [20, 20]


@pytest.mark.parametrize("address", ["grid.example", "ftp://grid.example", "https://me:pw@grid.example", "https://"])
def test_an_address_that_is_none(address):
    with pytest.raises(IntensityError, match="must be like https://host/path"):
        Client(SERVICE, endpoint=address)


def test_a_key_does_not_travel_unencrypted(time):
    client = Client(SERVICE, endpoint="http://grid.example", clocks=time.clocks)
    assert "the key would travel unencrypted" in refusal(client)


def test_a_key_that_no_header_can_carry(httpserver, client):
    with pytest.raises(IntensityError, match="cannot be sent TEST_KEY") as caught:
        client.json("/now", headers={"auth-token": Key("TEST_KEY", "schlüssel")})
    assert "schl" not in str(caught.value)


def test_an_echoed_key_is_in_no_message_and_no_cache(httpserver, time, tmp_path):
    """GIVEN a server that answers with the key it got, THEN neither the error nor the cache has it."""
    client = Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, cache=Cache(tmp_path))
    httpserver.expect_ordered_request("/now").respond_with_json({"value": f"{KEY} {KEY}"})
    httpserver.expect_ordered_request("/now").respond_with_json({"value": 7, "request": {"key": KEY}})
    with pytest.raises(IntensityError) as caught:
        client.readings("/now", {"key": SECRET}, read, keep="live")
    assert KEY not in str(caught.value) and "value is '***" in str(caught.value)
    client.readings("/now", {"key": SECRET}, read, keep="live")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".json" for path in files)
    assert not [path for path in files if KEY in path.read_text() or KEY in str(path)]


def test_a_good_answer_is_asked_for_once(httpserver, time, tmp_path):
    client = Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, cache=Cache(tmp_path))
    httpserver.expect_oneshot_request("/now").respond_with_json({"value": 7})
    first = client.readings("/now", {"zone": "FR"}, read, keep="live")
    assert client.readings("/now", {"zone": "FR"}, read, keep="live") == first


def test_an_old_answer_is_no_answer(httpserver, time, tmp_path):
    """GIVEN an answer in the cache that is no longer good, WHEN the service fails, THEN the failure is told."""
    client = Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, cache=Cache(tmp_path))
    httpserver.expect_ordered_request("/now").respond_with_json({"value": 7})
    httpserver.expect_ordered_request("/now").respond_with_data("", status=403)
    client.readings("/now", {"zone": "FR"}, read, keep="live")
    time.sleep(6 * 60)
    with pytest.raises(IntensityError, match=r"\(403\) \(an answer of 6 min ago is in the cache, and not used\)"):
        client.readings("/now", {"zone": "FR"}, read, keep="live")


def test_an_answer_that_is_no_good_is_not_kept(httpserver, time, tmp_path):
    client = Client(SERVICE, endpoint=httpserver.url_for(""), clocks=time.clocks, cache=Cache(tmp_path))
    httpserver.expect_ordered_request("/now").respond_with_json({"value": -1})
    httpserver.expect_ordered_request("/now").respond_with_json({"value": 7})
    with pytest.raises(IntensityError, match="answered what cannot be used: value is -1 g/kWh, which cannot be"):
        client.readings("/now", {}, read, keep="live")
    assert client.readings("/now", {}, read, keep="live")[0].g_per_kwh == 7


def test_all_processes_together_keep_the_interval(httpserver, tmp_path):
    """GIVEN two clients that share a cache folder, WHEN they ask at once, THEN the second waits its turn."""
    polite = Service("polite", "Polite Grid", "https://grid.example", interval_s=2.0)
    httpserver.expect_request("/now").respond_with_json({})
    times = [Time(), Time(), Time()]
    for time in times:
        Client(polite, endpoint=httpserver.url_for(""), clocks=time.clocks, cache=Cache(tmp_path)).json("/now")
    assert [time.slept_s for time in times] == [[], [2.0], [4.0]]


def test_without_httpx_it_says_what_to_type():
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "from pycarbon.services.client import Client, Service\n"
        "Client(Service('a', 'A', 'https://a.example')).json('/x')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stderr.splitlines()[-1].endswith("needs httpx: pip install 'pycarbon-energy[live]'")
