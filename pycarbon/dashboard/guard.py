"""Who may ask what: every request passes here first, and what is not allowed by name is refused."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pycarbon.dashboard.access import LOCAL, Access, Visitor
from pycarbon.dashboard.sharing import address_of, confined
from pycarbon.pushing.address import is_loopback

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

Problem = Callable[..., "Response"]
"""`problem(request, status, why, headers)`: how the application says that something is wrong."""

METHODS = ("GET", "HEAD", "POST", "PUT")
CHANGING = ("POST", "PUT")
OPEN = ("/static/", "/login", "/logout", "/shared/")
"""What needs no token: files of the package, and ways in and out."""

UPLOADS = "/api/v1/runs/"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
SESSION_COOKIE, LINK_COOKIE = "pycarbon_session", "pycarbon_link"


class Refused(Exception):
    """A request that goes no further: its status, and why in one line."""

    def __init__(self, status: int, why: str, headers: dict[str, str] | None = None) -> None:
        """Say why."""
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers


class Guard:
    """Stands before the application. Without `access` it lets in whoever calls this machine by a loopback name.

    Views find out who asks as `request.scope["visitor"]`. `project_of` says which organisation and project a run
    belongs to.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access | None,
        problem: Problem,
        project_of: Callable[[str], tuple[str, str] | None],
    ) -> None:
        """Stand before an application."""
        self._app, self._access, self._problem, self._project_of = app, access, problem, project_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        from starlette.requests import Request

        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        request = Request(scope, receive)
        try:
            self._admit(request)
        except Refused as refused:
            response = self._problem(request, refused.status, refused.why, refused.headers)
            return await response(scope, receive, send)
        await self._app(scope, receive, send)

    def _admit(self, request: Request) -> None:
        if request.method not in METHODS:
            raise Refused(405, f"{request.method[:20]!r} is not done here", {"allow": ", ".join(METHODS)})
        if self._access is None:
            check_loopback(request)
            visitor: Visitor | None = LOCAL
        else:
            visitor = self._visitor(request, self._access)
        request.scope["visitor"] = visitor
        if request.method in CHANGING and "authorization" not in request.headers:
            check_origin(request)
        path = request.scope["path"]
        if any(path == way or (way.endswith("/") and path.startswith(way)) for way in OPEN):
            return
        if visitor is None:
            raise Refused(401, "a token is needed here; who runs this server gives you one", ASK)
        is_upload = request.method == "PUT" and path.startswith(UPLOADS)
        if is_upload != (visitor.may == "upload"):
            raise Refused(403, _NO_UPLOADS if visitor is LOCAL else _WRONG_SCOPE[visitor.may])
        if visitor.shared is not None:
            self._confine(request.scope, visitor)

    def _visitor(self, request: Request, access: Access) -> Visitor | None:
        """Say who asks; who shows something in the header `Authorization` is known by that alone."""
        shown = request.headers.get("authorization")
        if shown is not None:
            kind, _, credential = shown.partition(" ")
            visitor = access.bearer(credential.strip()) if kind.lower() == "bearer" else None
            if visitor is None:
                raise bad_token(request, access)
            return visitor
        for name, known in ((SESSION_COOKIE, access.session), (LINK_COOKIE, access.link)):
            cookie = request.cookies.get(cookie_name(request, name))
            visitor = None if cookie is None else known(cookie)
            if visitor is not None:
                return visitor
        return None

    def _confine(self, scope: Scope, visitor: Visitor) -> None:
        assert visitor.shared is not None
        query = confined(visitor.shared, scope["path"], scope["query_string"].decode("latin-1"), self._project_of)
        if query is None and scope["path"] == "/":  # where our name leads to, on every page
            raise Refused(303, "this link shows one project", {"location": address_of(visitor.shared)})
        if query is None:
            raise Refused(
                403, f"this link shows the project {visitor.shared.project!r} and nothing else; ask for a token"
            )
        scope["query_string"] = query.encode("ascii")


ASK = {"www-authenticate": 'Bearer realm="pycarbon"'}
_NO_UPLOADS = "this dashboard takes no runs; `pycarbon serve` does, with a token of scope upload"
_WRONG_SCOPE = {
    "upload": "this token uploads runs and reads nothing; a token of scope read does",
    "read": "this token reads and uploads nothing; a token of scope upload does",
}


def bad_token(request: Request, access: Access) -> Refused:
    """Refuse a token that is unknown, wrong or revoked: nobody learns which."""
    address = "" if request.client is None else request.client.host
    wait_s = access.tries.wait_s(address, access.now_s())
    if wait_s > 0:
        return Refused(
            429, "too many bad tokens came from this address; wait a little", {"retry-after": str(ceil(wait_s))}
        )
    return Refused(401, "this token is unknown or was revoked", ASK)


def check_loopback(request: Request) -> None:
    """Refuse what reached a dashboard without tokens by another name: a page that rebound its own, or a proxy."""
    host = request.headers.get("host", "")
    if not is_loopback_name(host):
        raise Refused(421, f"this dashboard is for this machine alone and is not called {host[:80]!r}; use 127.0.0.1")
    if any(name in request.headers for name in FORWARDED):
        raise Refused(403, "this dashboard asks for no token, so no proxy may lead to it; `pycarbon serve` does")


def is_loopback_name(host: str) -> bool:
    """Say whether a header `Host` names loopback, with or without a port."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def check_origin(request: Request) -> None:
    """Refuse a change that another site's page asks for in the name of its visitor."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if origin is None:
        is_own = site == "same-origin" or (site is None and not request.cookies)  # else no browser, nobody's cookie
    else:
        is_own = site in (None, "same-origin") and _host_of(origin) == request.headers.get("host", "").lower()
    if not is_own:
        raise Refused(403, "this came from a page of another site (or through a proxy that changes the header Host)")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def cookie_name(request: Any, name: str) -> str:
    """Give a cookie's name: over https browsers take one with this prefix from this very host alone."""
    return f"__Host-{name}" if request.url.scheme == "https" else name
