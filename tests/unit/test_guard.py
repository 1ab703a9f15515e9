"""Every request is refused unless it is allowed by name: by scope, by link, by host, by origin."""

from __future__ import annotations

import re

import pytest
from dashboard_client import opened
from sent_runs import ID, run_file
from team import team

from pycarbon.dashboard.headers import HEADERS
from pycarbon.dashboard.pages import PAGES
from pycarbon.dashboard.tries import AT_ONCE

OTHER = "fedcba9876543210"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One that has a run of the project digits, and one of another."""
    with team(tmp_path_factory.mktemp("store")) as made:
        assert made.put(run_file(organisation="lab", experiment="e")).status_code == 201
        assert (
            made.put(run_file(OTHER, organisation="lab", project="secret", experiment="e"), OTHER).status_code == 201
        )
        yield made


def paths_of(client, id):
    """A path of every route that the application has and shows something."""
    shown = [route.path for route in client.app.routes if "GET" in route.methods]
    return [re.sub(r"{id}", id, re.sub(r"{(name|link)}", "x", path)) for path in shown]


def addressed(path, project):
    """The path with the query that would show a project."""
    return f"{path}?organisation=lab&project={project}&experiment=e&run={ID}&run={OTHER}"


def test_nobody_gets_anything_without_a_token(server):
    server.client.cookies.clear()
    for path in [*paths_of(server.client, ID), "/no/such/page", "/api/v1/none"]:
        answer = server.client.get(path, follow_redirects=False)
        is_open = path.startswith(("/static/", "/login", "/logout", "/shared/"))
        assert is_open or answer.status_code == 401, path
        assert is_open or "www-authenticate" in answer.headers, path


def test_each_scope_does_its_own_and_nothing_else(server):
    for path in paths_of(server.client, ID):
        if not path.startswith(("/static/", "/login", "/logout", "/shared/")):
            assert server.get(path, server.sender).status_code == 403, path
    answer = server.put(run_file("89abcdef"), "89abcdef", server.reader)
    assert answer.status_code == 403 and "a token of scope upload does" in answer.json()["message"]
    assert server.get("/api/v1/overview").status_code == 200


@pytest.mark.parametrize("shown", ["Bearer", "Bearer x", "Basic YWRhOmFkYQ==", "Bearer pct_00000000_x", "pct"])
def test_bad_tokens_have_one_answer(server, shown):
    server.access.tries.__init__()
    answer = server.client.get("/api/v1/overview", headers={"authorization": shown})
    assert (answer.status_code, answer.json()["error"]) == (401, "this token is unknown or was revoked")


def test_bad_tokens_are_slowed_down_and_good_ones_are_not(server):
    server.access.tries.__init__()
    statuses = [server.get("/api/v1/overview", "pct_00000000_x").status_code for _ in range(AT_ONCE + 2)]
    assert statuses == [401] * AT_ONCE + [429] * 2
    answer = server.get("/api/v1/overview", "pct_00000000_x")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert server.get("/api/v1/overview").status_code == 200


def test_a_link_shows_its_project_and_no_other_route(server):
    # GIVEN the application's routes, and a link to one of two projects
    link = server.access.share("lab", "digits", int(server.access.now_s()) + 60)
    shown = set()
    for path in paths_of(server.client, ID):
        if path.startswith(("/static/", "/login", "/logout", "/shared/")):
            continue
        # WHEN its holder asks for each of them, naming the other project wherever one can be named
        answer = server.get(addressed(path, "secret"), link)
        # THEN it is refused, unless it is of those that are opened by name: of them nothing tells of the other
        assert answer.status_code in (200, 403) or (path, answer.status_code) == ("/", 303), (path, answer.text)
        if answer.status_code == 200:
            shown.add(path)
            assert "secret" not in answer.text and OTHER not in answer.text, path
    pages = {"/project", "/experiment", "/runs", f"/run/{ID}", f"/api/v1/runs/{ID}", f"/api/v1/runs/{ID}/power"}
    assert shown <= pages | {f"/api/v1{page}" for page in pages}
    for path in paths_of(server.client, OTHER):
        if OTHER in path:
            assert server.get(path, link).status_code == 403, path
    assert server.put(run_file("89abcdef"), "89abcdef", link).status_code == 403


def test_every_page_of_a_project_is_meant_to_be_shown(server):
    link = server.access.share("lab", "digits", int(server.access.now_s()) + 60)
    there = {page.path for page in PAGES} & {"/project", "/runs"}
    for path in there:
        answer = server.get(addressed(path, "digits"), link)
        assert answer.status_code == 200 and ID[:6] in server.get("/api/v1/runs", link).text


def test_a_dashboard_without_tokens_is_for_this_machine(tmp_path):
    with opened(tmp_path) as client:
        for host in ("127.0.0.1", "localhost:8250", "[::1]:8250", "127.1.2.3:1", "LOCALHOST"):
            assert client.get("/api/v1/overview", headers={"host": host}).status_code == 200, host
        for host in (
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8250",
            "192.0.2.1",
            "",
            "[::1",
        ):
            answer = client.get("/api/v1/overview", headers={"host": host})
            assert answer.status_code == 421 and "this machine alone" in answer.json()["error"], host
        for name in ("x-forwarded-for", "forwarded", "x-real-ip"):
            assert client.get("/", headers={name: "192.0.2.1"}).status_code == 403
        answer = client.put(f"/api/v1/runs/{ID}", content=b"x")
        assert answer.status_code == 403 and "pycarbon serve" in answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8250"}, True),
        ({"origin": "http://127.0.0.1:8250", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "cookie": "a=b"}, True),
        ({"cookie": "a=b"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://["}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "http://127.0.0.1:8250", "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_changes_are_asked_for_by_our_own_pages(server, headers, is_own):
    answer = server.client.post("/logout", headers=headers, follow_redirects=False)
    assert answer.status_code == (303 if is_own else 403)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_not_done(server, method):
    answer = server.client.request(method, "/runs", headers={"authorization": f"Bearer {server.reader}"})
    assert answer.status_code == 405 and "GET" in answer.headers["allow"]
    assert "access-control-allow-origin" not in answer.headers


def test_methods_of_other_routes_are_refused(server):
    assert server.client.post("/", headers={"authorization": f"Bearer {server.reader}"}).status_code == 405
    assert server.client.head("/", headers={"authorization": f"Bearer {server.reader}"}).status_code == 200


def test_every_answer_has_the_headers(server, monkeypatch):
    asked = ["/", "/api/v1/overview", "/static/style.css", "/static/", "/static/..%2fbase.html", "/nothing", "/login"]
    answers = [server.get(path) for path in asked] + [
        server.client.get("/"),
        server.put(b"x"),
        server.get("/", "bad"),
    ]
    monkeypatch.setattr(server.client.app.state.refreshing, "soon", lambda: 1 / 0)
    broken = server.get("/")
    assert broken.status_code == 500 and "ZeroDivision" not in broken.text and "Traceback" not in broken.text
    for answer in [*answers, broken]:
        for name, value in HEADERS.items():
            assert name == "cache-control" or answer.headers[name] == value, (answer.url, name)
    assert answers[0].headers["cache-control"] == "no-store"
    assert [answers[3].status_code, answers[4].status_code] == [404, 404]
