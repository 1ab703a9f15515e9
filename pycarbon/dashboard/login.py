"""Ways in for people with a browser: a form that takes a token, a link that was shared, and the way out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pycarbon.dashboard.access import SESSION_S, Access
from pycarbon.dashboard.guard import LINK_COOKIE, SESSION_COOKIE, UPLOADS, Problem, bad_token, cookie_name
from pycarbon.dashboard.receiving import NotTaken, Pace, pieces
from pycarbon.dashboard.sharing import address_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

MOST_FORM_BYTES = 8192
FORM_PACE = Pace(grace_s=5.0, overall_s=5.0)


class Login:
    """The pages of access. `draw(template, **values)` and `problem` are how the application answers."""

    def __init__(self, access: Access, draw: Callable[..., str], problem: Problem) -> None:
        """Take what it needs."""
        self._access, self._draw, self._problem = access, draw, problem

    def routes(self) -> Sequence[Route]:
        """Give the routes, all of which are open."""
        from starlette.routing import Route

        return [
            Route("/login", self.form, methods=["GET"]),
            Route("/login", self.enter, methods=["POST"]),
            Route("/logout", self.leave, methods=["POST"]),
            Route("/shared/{link}", self.follow, methods=["GET"]),
        ]

    async def form(self, request: Request) -> Response:
        """Show the form."""
        return self._form(200, "", request.query_params.get("next", "/"))

    async def enter(self, request: Request) -> Response:
        """Open a session for a token that reads, and go on to where its owner was."""
        try:
            body = b"".join([piece async for piece in pieces(request.receive, MOST_FORM_BYTES, FORM_PACE)])
            fields = dict(parse_qsl(body.decode("ascii"), max_num_fields=10, errors="replace"))
        except NotTaken as error:
            return self._problem(request, error.status, error.why, {"connection": "close"})
        except ValueError:
            return self._problem(request, 400, "this is not what the form sends")
        next_ = local_path(fields.get("next", "/"))
        token = self._access.token(fields.get("token", "").strip())
        if token is None:
            refused = bad_token(request, self._access)
            return self._form(refused.status, refused.why, next_, refused.headers)
        if token.scope != "read":
            return self._form(403, "this token uploads runs and reads nothing; a token of scope read does", next_)
        response = _redirect(next_)
        self._set(request, response, SESSION_COOKIE, self._access.open_session(token), SESSION_S, "strict")
        return response

    async def leave(self, request: Request) -> Response:
        """End the session of this browser."""
        response = _redirect("/login")
        for name, same_site in ((SESSION_COOKIE, "strict"), (LINK_COOKIE, "lax")):
            self._set(request, response, name, "", 0, same_site)
        return response

    async def follow(self, request: Request) -> Response:
        """Let the holder of a link in.

        Its cookie is not SameSite=Strict, since people follow links from elsewhere, and it only ever reads.
        """
        link = request.path_params["link"]
        visitor = self._access.link(link)
        if visitor is None or visitor.shared is None:
            return self._problem(
                request, 403, "this link is not valid, or no longer; ask who sent it for another one", None
            )
        response = _redirect(address_of(visitor.shared))
        left_s = int(visitor.shared.until_s - self._access.now_s())
        self._set(request, response, LINK_COOKIE, link, left_s, "lax")
        return response

    def refuse(self, request: Request, status: int, why: str, headers: Any = None) -> Response:
        """Draw what the guard refused: who only lacks a token is shown where to write it."""
        path = request.url.path
        if status == 401 and request.method == "GET" and not path.startswith("/api/"):
            query = f"?{request.url.query}" if request.url.query else ""
            return self._form(401, why, f"{path}{query}", headers, again=True)
        if request.method == "PUT" and path.startswith(UPLOADS):
            return upload_answer(status, path.removeprefix(UPLOADS), "refused", why, headers)
        return self._problem(request, status, why, headers)

    def _form(self, status: int, why: str, next_: str, headers: Any = None, again: bool = False) -> Response:
        from starlette.responses import HTMLResponse

        values = {"why": why, "next": local_path(next_), "again": again}
        return HTMLResponse(self._draw("login.html", **values), status, headers=headers)

    def _set(self, request: Request, response: Response, name: str, value: str, age_s: int, same_site: Any) -> None:
        response.set_cookie(
            cookie_name(request, name),
            value,
            max_age=age_s,
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite=same_site,
        )


def local_path(address: str) -> str:
    """Give an address on this server, and the overview's where it may lead elsewhere."""
    is_here = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_here and address.isascii() and "\\" not in address else "/"


def upload_answer(status: int, id: str, state: str, message: str, headers: Any = None) -> Response:
    """Answer who uploads, always in the same form."""
    from starlette.responses import Response

    body = json.dumps({"id": id[:80], "state": state, "message": message, "status": status})
    return Response(f"{body}\n", status, headers=headers, media_type="application/json")


def _redirect(address: str) -> Response:
    from starlette.responses import RedirectResponse

    return RedirectResponse(address, 303)
