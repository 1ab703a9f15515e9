"""Asking a service over HTTP: in bounded time, politely, and with its key shown to nobody else."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

from pycarbon.errors import IntensityError
from pycarbon.services import turns
from pycarbon.services.cache import Cache, Entry, Kind, good_until
from pycarbon.services.keys import Key, hide, scrub
from pycarbon.services.reading import Reading, Unusable
from pycarbon.services.transport import Answer, Request, Unreachable, exchange, retry_after_s

Values = Mapping[str, "str | Key"]
"""Parameters or headers; what is a Key is sent, and never written, shown or made part of a cache entry's name."""

_NEEDS_HTTPX = "asking a service needs httpx: pip install 'pycarbon-energy[live]'"
_LONGEST_LINE = 400
_REDIRECTS = 3
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked: a short name, a title for people, the address, and the time between two requests."""

    name: str
    title: str
    endpoint: str
    interval_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one wait for the network may take, how long all tries of one question, how long all questions of a
    client; how many tries, and how large an answer.
    """

    timeout_s: float = 5.0
    deadline_s: float = 10.0
    total_s: float = math.inf
    tries: int = 4
    answer_bytes: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks and the chance that a client uses; `uniform` is from 0 to 1."""

    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[], float] = random.random


class Client:
    """One service, asked over HTTP; every error is an IntensityError of one line without a key in it."""

    def __init__(
        self,
        service: Service,
        *,
        endpoint: str | None = None,
        cache: Cache | None = None,
        limits: Limits = Limits(),
        clocks: Clocks = Clocks(),
    ) -> None:
        """`endpoint` replaces the service's own address; without a cache every question is a request."""
        self.service = service
        self.clocks = clocks
        self._endpoint = (endpoint or service.endpoint).rstrip("/")
        self._cache = cache
        self._limits = limits
        self._keys: list[Key] = []
        self._end_at = clocks.monotonic() + limits.total_s
        parts = urlsplit(self._endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise IntensityError(
                f"the address of {service.title} must be like https://host/path, without a key in it"
            )

    def readings(
        self,
        path: str,
        params: Values,
        read: Callable[[Any], Sequence[Reading]],
        *,
        keep: Kind,
        headers: Values | Callable[[], Values] | None = None,
    ) -> list[Reading]:
        """The readings that `read` finds in the JSON answered to GET `path`, from the cache while they are good.

        `path` begins with a slash and is put behind the endpoint. `read` gets the parsed JSON, and
        raises Unusable (see checks.py) for one that is no good, which is then not kept. `keep` says
        how long an answer is good: "live", "history" or "forecast" (see cache.py). `headers` may be
        a function, called only where a request is made: for a service that one logs in to.
        """
        kept = None
        where = self._endpoint + path
        public = {name: value for name, value in params.items() if not isinstance(value, Key)}
        if self._cache is not None:
            kept = self._cache.find(self.service.name, where, public)
            if kept is not None and kept.good(self.clocks.now()):
                return list(kept.readings)
        try:
            answer = self.json(path, params, headers=headers() if callable(headers) else headers)
            try:
                found = list(read(answer))
            except Unusable as reason:
                self._fail(f"answered what cannot be used: {reason}")
        except IntensityError as error:
            if kept is None:
                raise
            age = _age(self.clocks.now() - kept.fetched_at)
            raise IntensityError(f"{error} (an answer of {age} ago is in the cache, and not used)") from None
        if self._cache is not None and found:
            now = self.clocks.now()
            self._cache.keep(self.service.name, where, public, Entry(tuple(found), now, good_until(keep, found, now)))
        return found

    def json(
        self,
        path: str,
        params: Values | None = None,
        *,
        headers: Values | None = None,
        basic: tuple[Key, Key] | None = None,
    ) -> Any:
        """The JSON answered, never from the cache: for logging in.

        `basic` is a user and a password. What the answer holds in secrets must be made a Key at
        once, and is then given to later calls.
        """
        request = Request(
            self._endpoint + path,
            self._revealed(params or {}),
            self._revealed(headers or {}, header=True),
            None if basic is None else (self._reveal(basic[0]), self._reveal(basic[1])),
        )
        parts = urlsplit(self._endpoint)
        if self._keys and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            self._fail(f"is not asked at {parts.hostname}: the key would travel unencrypted, use https")
        try:
            import httpx  # noqa: F401 (an extra, and slow to import)
        except ImportError:
            raise IntensityError(_NEEDS_HTTPX) from None
        return self._parsed(self._answered(request, path))

    def _answered(self, request: Request, path: str) -> Answer:
        """A good answer to a request: tried again while that may help and there is time."""
        give_up_at = min(self.clocks.monotonic() + self._limits.deadline_s, self._end_at)
        redirects = tries = 0
        while True:
            tries += 1
            self._await_turn(give_up_at)
            pause_s = 0.25 * 2 ** (tries - 1) * (0.5 + self.clocks.uniform())
            try:
                answer = exchange(
                    request,
                    timeout_s=self._limits.timeout_s,
                    deadline_s=max(0.001, give_up_at - self.clocks.monotonic()),
                    answer_bytes=self._limits.answer_bytes,
                )
            except Unreachable as reason:
                trouble = f"cannot be reached: {reason}"
            else:
                if answer.status in (301, 302, 303, 307, 308) and redirects < _REDIRECTS:
                    request, redirects, tries = self._redirected(request, answer), redirects + 1, tries - 1
                    continue
                if answer.status != 429 and answer.status < 500:
                    if answer.status != 200:
                        self._refused(answer, path)
                    return answer
                asked_s = retry_after_s(answer, self.clocks.now())
                trouble = "is asked too often" if answer.status == 429 else "is out of order"
                trouble = f"{trouble} ({answer.status})"
                if asked_s is not None:
                    pause_s = asked_s
                    trouble += f", and wants to be asked again in {asked_s:.0f} s"
            if tries >= self._limits.tries:
                self._fail(f"{trouble}; tried {tries} times, try again later")
            if self.clocks.monotonic() + pause_s >= give_up_at:
                self._fail(f"{trouble}; no time is left of {self._longest_s:.3g} s, try again later")
            self.clocks.sleep(pause_s)

    @property
    def _longest_s(self) -> float:
        return min(self._limits.deadline_s, self._limits.total_s)

    def _await_turn(self, give_up_at: float) -> None:
        folder = None if self._cache is None else self._cache.folder
        wait_s = turns.wait_s(folder, self.service.name, self.service.interval_s, self.clocks.now())
        if wait_s > 0:
            if self.clocks.monotonic() + wait_s >= give_up_at:
                self._fail("is being asked by too many programs here at once: try again later")
            self.clocks.sleep(wait_s)

    def _redirected(self, request: Request, answer: Answer) -> Request:
        """The same request at a new address of the same host: a key never follows to another one."""
        try:
            target = urljoin(request.url, answer.headers.get("location", ""))
            there, here = urlsplit(target), urlsplit(request.url)
            same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
        except ValueError:
            self._fail(f"redirects to nowhere ({answer.status})")
        if not same or "@" in there.netloc:
            self._fail(f"redirects to another address, {there.scheme}://{there.hostname}, which is not followed")
        # The parameters are ours; those that the new address repeats would come twice.
        return replace(request, url=there._replace(query="", fragment="").geturl())

    def _refused(self, answer: Answer, path: str) -> NoReturn:
        variables = " and ".join(dict.fromkeys(key.variable for key in self._keys)) or "a key"
        meaning = {
            401: f"does not accept {variables}: check it",
            403: f"does not let {variables} have this: see what the account covers",
            404: f"has nothing at {path}",
        }.get(answer.status, "does not understand the question")
        try:
            members = json.loads(answer.body)
        except (ValueError, RecursionError):
            members = None
        told = ""
        if isinstance(members, dict):
            words = [members.get(name) for name in ("message", "error", "detail")]
            told = next((word for word in words if isinstance(word, str)), "")
        self._fail(f"{meaning} ({answer.status}{': ' if told else ''}{self.cleaned(told, 100)})")

    def _parsed(self, answer: Answer) -> Any:
        text = answer.body.decode("utf-8-sig", errors="replace").strip()
        if not text:
            self._fail("answered with nothing")
        if "html" in answer.headers.get("content-type", "").lower() or text.startswith("<"):
            self._fail("answered with a web page, not data: is there a proxy or a login page in between?")
        try:
            return json.loads(hide(text, self._keys), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            self._fail("answered with something that is not JSON")

    def _revealed(self, values: Values, *, header: bool = False) -> dict[str, str]:
        sent = {name: self._reveal(value) for name, value in values.items()}
        for name, value in values.items():
            if header and not sent[name].isascii():
                variable = value.variable if isinstance(value, Key) else name
                self._fail(f"cannot be sent {variable}: it has characters that no key has")
        return sent

    def _reveal(self, value: str | Key) -> str:
        if not isinstance(value, Key):
            return value
        if not any(value is known for known in self._keys):
            self._keys.append(value)
        return value.reveal()

    def cleaned(self, text: str, most: int = _LONGEST_LINE) -> str:
        """A message as it may leave: scrubbed first and cut then, for a key cut in half would not be found."""
        line = scrub(text, self._keys)
        return line if len(line) <= most else line[:most] + "..."

    def _fail(self, what: str) -> NoReturn:
        raise IntensityError(self.cleaned(f"{self.service.title} {what}")) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _age(age: timedelta) -> str:
    minutes = max(0, round(age.total_seconds() / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"
