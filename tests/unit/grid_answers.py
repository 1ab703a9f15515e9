"""Asking a service at a server of our own, and what such a server can do wrong whichever service it plays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from service_world import KEY, NOW, is_one_clear_line
from werkzeug import Request, Response

from pycarbon.errors import IntensityError
from pycarbon.services import readings
from pycarbon.services.reading import Reading

ENVIRON = {"EIA_API_KEY": KEY, "EMBER_API_KEY": KEY}  # no HOME: no cache either
LATER = {"Retry-After": "3600"}  # longer than anybody waits for, so that nobody waits here

FAULTS = {
    "key refused": (Response("{}", 401), "does not accept"),
    "not allowed": (Response('{"error": {"code": "API_KEY_INVALID"}}', 403), "does not let"),
    "no such path": (Response("not here", 404), "has nothing at"),
    "too often": (Response("", 429, LATER), "is asked too often 429"),
    "out of order": (Response("oops", 500, LATER), "is out of order 500"),
    "a web page": (Response("<html>log in</html>", content_type="text/html"), "answered with a web page"),
    "nothing": (Response(""), "answered with nothing"),
    "no JSON": (Response("kWh"), "not JSON"),
    "another JSON": (Response('{"hello": "world"}'), "cannot be used: the answer has no"),
    "a list": (Response("[1, 2]"), "cannot be used: the answer is"),
    "null": (Response("null"), "cannot be used: the answer is None"),
}
"""By a name: the answer, and words of the line that it ends in."""

faults = pytest.mark.parametrize(("answer", "words"), FAULTS.values(), ids=FAULTS)


def ask(server: Any, service: str, zone: str, start: datetime, end: datetime, **more: Any) -> list[Reading]:
    """What a service tells that is played by `server`, at NOW."""
    return readings(
        service, zone, start, end, **{"environ": ENVIRON, "endpoint": server.url_for(""), "now": lambda: NOW, **more}
    )


def refusal(server: Any, service: str, zone: str, start: datetime, end: datetime, **more: Any) -> str:
    """The one clear line, without the key, that asking ends in."""
    with pytest.raises(IntensityError) as error:
        ask(server, service, zone, start, end, **more)
    line = str(error.value)
    assert is_one_clear_line(line) and KEY not in line
    return line


def steps(start: datetime, end: datetime, step: timedelta) -> Iterable[datetime]:
    """`start`, and on by `step` until before `end`."""
    while start < end:
        yield start
        start += step


def play(server: Any, path: str, answer: Callable[[Request], Any]) -> list[Request]:
    """Have `path` answered with the JSON that `answer` makes of a request; gives the requests as they come."""
    asked: list[Request] = []

    def handle(request: Request) -> Response:
        asked.append(request)
        return Response(json.dumps(answer(request)), content_type="application/json")

    server.expect_request(path).respond_with_handler(handle)
    return asked
