"""The way in for browsers: a form, a cookie that is not the token, and the way out."""

from __future__ import annotations

import pytest
from team import team

from pycarbon.dashboard.login import local_path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with team(tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture
def client(server):
    server.client.cookies.clear()
    server.access.tries.__init__()
    return server.client


def enter(client, token, next_="/", **headers):
    fields = {"token": token, "next": next_}
    return client.post("/login", data=fields, headers=headers, follow_redirects=False)


def test_a_page_without_a_session_is_the_form(client):
    answer = client.get("/runs?tag=a%3Db")
    assert answer.status_code == 401
    assert 'name="next" value="/runs?tag=a%3Db"' in answer.text and 'type="password"' in answer.text


def test_a_token_opens_a_session_until_one_leaves(client, server):
    # GIVEN the form, filled in
    answer = enter(client, f" {server.reader} ", "/api/v1/overview")
    # WHEN it is sent
    assert (answer.status_code, answer.headers["location"]) == (303, "/api/v1/overview")
    # THEN the cookie is not the token, and scripts and other sites have nothing of it
    cookie = answer.headers["set-cookie"]
    assert server.reader.split("_", 2)[2] not in cookie and "Secure" not in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert client.get("/api/v1/overview").status_code == 200
    # AND it ends when its owner leaves
    assert client.post("/logout", headers={"origin": "http://127.0.0.1:8250"}).url.path == "/login"
    assert client.get("/api/v1/overview").status_code == 401


def test_over_https_the_cookie_stays_there(client, server):
    answer = client.post("https://carbon.example/login", data={"token": server.reader}, follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-pycarbon_session=") and "Secure" in cookie and "Domain" not in cookie


def test_a_session_cannot_upload(client, server):
    enter(client, server.reader)
    answer = client.put("/api/v1/runs/0123", content=b"x", headers={"origin": "http://127.0.0.1:8250"})
    assert answer.status_code == 403


def test_a_token_that_uploads_opens_no_session(client, server):
    answer = enter(client, server.sender)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "x", "pct_00000000_x", "é", "<script>"])
def test_a_bad_token_is_said_to_be_one(client, token):
    answer = enter(client, token)
    assert answer.status_code == 401 and "this token is unknown or was revoked" in answer.text
    assert "set-cookie" not in answer.headers and "<script>" not in answer.text


def test_bad_tokens_are_slowed_down_here_too(client):
    assert [enter(client, "x").status_code for _ in range(12)][-2:] == [429, 429]


@pytest.mark.parametrize("body", [b"\xff", b"&" * 8000, b"a" * 9000, b"a=b&" * 100])
def test_what_is_no_form_is_refused(client, body):
    assert client.post("/login", content=body).status_code in (400, 401, 413)


def test_another_site_cannot_sign_anybody_in(client, server):
    assert enter(client, server.reader, origin="https://evil.example").status_code == 403


@pytest.mark.parametrize(
    "address", ["https://evil.example", "//evil.example", "/\\evil", "/a\\b", "x", "", "/a\r\nb", "/é"]
)
def test_one_goes_on_to_this_server_only(address):
    assert local_path(address) == "/"
    assert local_path("/runs?project=a%20b") == "/runs?project=a%20b"


def test_a_link_lets_one_in_until_it_is_revoked(client, server):
    link = server.access.share("lab", "digits", int(server.access.now_s()) + 60)
    answer = client.get(f"/shared/{link}", follow_redirects=False)
    assert answer.headers["location"] == "/project?organisation=lab&project=digits"
    assert "SameSite=lax" in answer.headers["set-cookie"] and "Max-Age=" in answer.headers["set-cookie"]
    assert client.get("/api/v1/overview").status_code == 403
    server.access.tokens.renew("links")
    assert client.get("/api/v1/overview").status_code == 401
    client.cookies.clear()
    assert client.get(f"/shared/{link}", follow_redirects=False).status_code == 403
