"""The dashboard as an ASGI application: pages, the same figures as JSON, and static files by name.

Views ask SQLite and read files, so they run in a few threads of ours, which keep their connections. What a request
says never becomes a path: pages know runs by their ids, which the index turns into files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycarbon.dashboard import tables
from pycarbon.dashboard.access import Access, Visitor
from pycarbon.dashboard.guard import Guard
from pycarbon.dashboard.headers import SecurityHeaders
from pycarbon.dashboard.login import Login
from pycarbon.dashboard.opened import file_of
from pycarbon.dashboard.page import Missing, Page, Pairs
from pycarbon.dashboard.pages import PAGES
from pycarbon.dashboard.refreshing import Refreshing
from pycarbon.dashboard.rendering import rendered
from pycarbon.dashboard.sharing import OF_PROJECT
from pycarbon.dashboard.statics import statics
from pycarbon.dashboard.uploads import Uploads
from pycarbon.errors import PyCarbonError
from pycarbon.exports.extras import needed
from pycarbon.store.index import Store

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

API = "/api/"
THREADS = 4


def create_app(folder: Path, access: Access | None = None, uploads: Uploads | None = None) -> Starlette:
    """Make the application of a store; PyCarbonError where Starlette is missing or the index cannot be used.

    Without `access` whoever reaches it may read everything, so it must listen on loopback only; it answers to no
    other name.
    """
    needed("starlette", "dashboard")
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Route

    store = Store(folder)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="view")
    refreshing = Refreshing(store)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if uploads is not None:
            uploads.start()
        yield
        if uploads is not None:
            await uploads.close()
        refreshing.close()
        pool.shutdown()
        store.close()

    routes = [Route("/static/{name}", _static(), methods=["GET"])]
    for page in PAGES:
        routes.append(Route(page.api_path, _json(page), methods=["GET"]))
        if page.path:
            routes.append(Route(page.path, _html(page), methods=["GET"]))
    routes.append(Route("/run/{id}/file", _file, methods=["GET"]))
    login = (
        None
        if access is None
        else Login(access, lambda template, **values: rendered(template, [], **values), problem)
    )
    routes += [*(() if login is None else login.routes()), *(() if uploads is None else uploads.routes())]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={PyCarbonError: _failed, HTTPException: _failed, Exception: _failed},
    )
    app.state.store, app.state.pool, app.state.refreshing = store, pool, refreshing
    refuse = problem if login is None else login.refuse
    # around all of Starlette's own, so that its last resort for errors is guarded and has our headers, too
    guard = Guard(app.build_middleware_stack(), access, refuse, lambda id: _project_of(store, id))
    app.middleware_stack = SecurityHeaders(guard)
    return app


def _project_of(store: Store, id: str) -> tuple[str, str] | None:
    try:
        found = store.run(id).summary
    except PyCarbonError:
        return None
    return found.organisation, found.project


def _static() -> Callable[[Request], Awaitable[Response]]:
    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    known = statics()

    async def answer(request: Request) -> Response:
        file = known.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        headers = {"etag": file.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)

    return answer


async def _file(request: Request) -> Response:
    """Give the file of a run as an attachment: the run is chosen by its id, its name and place by the index."""
    from starlette.responses import FileResponse

    path, name = await in_thread(request, lambda: file_of(request.app.state.store, request.path_params["id"]))
    return FileResponse(path, media_type="application/octet-stream", filename=name)


def _html(page: Page) -> Callable[[Request], Awaitable[Response]]:
    from starlette.responses import HTMLResponse

    async def answer(request: Request) -> Response:
        form = request.query_params.get("format", "html")
        if form != "html":
            return await _exported(page, request, form)

        def draw() -> str:
            pairs = _pairs(request)
            visitor = request.scope["visitor"]
            data = _figures(page, request, pairs)
            return rendered(page.template, pairs, _open_to(visitor), page, data=data, visitor=visitor)

        return HTMLResponse(await in_thread(request, draw))

    return answer


def _open_to(visitor: Visitor) -> Sequence[Page]:
    """Give the pages that a visitor may see the whole of."""
    return PAGES if visitor.shared is None else [page for page in PAGES if page.path in OF_PROJECT]


def _json(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await _exported(page, request, request.query_params.get("format", "json"))

    return answer


async def _exported(page: Page, request: Request, form: str) -> Response:
    from starlette.responses import Response

    def made() -> tuple[bytes, str, dict[str, str]]:
        data = _figures(page, request, _pairs(request))
        return tables.exported(page, data, form, request.query_params.get("table"))

    content, media_type, headers = await in_thread(request, made)
    return Response(content, media_type=media_type, headers=headers)


def _figures(page: Page, request: Request, pairs: Pairs) -> dict[str, Any]:
    request.app.state.refreshing.soon()
    return page.view(request.app.state.store, pairs, **request.path_params)


def _pairs(request: Request) -> Pairs:
    return request.query_params.multi_items()


async def in_thread(request: Request, what: Callable[[], Any]) -> Any:
    """Do what may wait for a disk or a lock, in one of our threads."""
    return await asyncio.get_running_loop().run_in_executor(request.app.state.pool, what)


async def _failed(request: Request, error: Exception) -> Response:
    """Say in one line what is wrong, in the form that was asked for."""
    from starlette.exceptions import HTTPException

    headers = None
    if isinstance(error, HTTPException):
        status, why, headers = error.status_code, str(error.detail), error.headers
        if status == HTTPStatus.NOT_FOUND and why == HTTPStatus.NOT_FOUND.phrase:
            why = "there is no such page; the overview at / leads to all there are"
    elif isinstance(error, PyCarbonError):
        status, why = (404 if isinstance(error, Missing) else 400), str(error)
    else:
        status, why = 500, "this page failed; the terminal of the dashboard says where, please report it"
    return problem(request, status, why, headers)


def problem(request: Request, status: int, why: str, headers: Any = None) -> Response:
    """Answer that something is wrong: a page for people, `{"error": ...}` for programs."""
    from starlette.responses import HTMLResponse, Response

    from pycarbon.reports.figures import printable

    why = printable(why)
    if request.url.path.startswith(API):
        body = json.dumps({"error": why, "status": status}) + "\n"
        return Response(body, status, media_type="application/json", headers=headers)
    page = rendered("error.html", [], PAGES, status=status, phrase=HTTPStatus(status).phrase, why=why)
    return HTMLResponse(page, status, headers=headers)
