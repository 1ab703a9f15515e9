"""Who is let in by what they show: tokens, sessions and links, each until it is altered, over or revoked."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycarbon.dashboard.access import SESSION_S, Access


class Clock:
    now_s = 1_767_225_600.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def access(tmp_path, clock):
    with contextlib.closing(Access(tmp_path, clock)) as opened:
        yield opened


def test_a_token_has_its_scope(access):
    assert access.bearer(access.tokens.add("ada", "read", access.today)).may == "read"
    assert access.bearer(access.tokens.add("ci", "upload", access.today)).may == "upload"


def test_a_session_ends_with_its_time(access, clock):
    cookie = access.open_session(access.token(access.tokens.add("ada", "read", access.today)))
    assert access.session(cookie).has_session
    clock.now_s += SESSION_S - 1
    assert access.session(cookie) is not None
    clock.now_s += 1
    assert access.session(cookie) is None


def test_a_session_ends_with_its_token(access):
    token = access.tokens.add("ada", "read", access.today)
    cookie = access.open_session(access.token(token))
    assert token.split("_", 2)[2] not in cookie
    access.tokens.revoke("ada", access.today)
    assert access.session(cookie) is None and access.bearer(token) is None


def test_all_links_end_together(access):
    link = access.share("lab", "digits", int(access.now_s()) + 60)
    assert access.link(link).shared.project == "digits"
    assert access.bearer(link) == access.link(link)
    access.tokens.renew("links")
    assert access.link(link) is None and access.bearer(link) is None


def test_nothing_is_good_for_another_purpose(access):
    token = access.tokens.add("ada", "read", access.today)
    cookie = access.open_session(access.token(token))
    link = access.share("lab", "digits", int(access.now_s()) + 60)
    assert access.session(link) is access.session(token) is None
    assert access.link(cookie) is access.link(token) is access.bearer(cookie) is access.token(link) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_nothing_altered_in_any_byte_is_accepted(access, data):
    if not access.tokens.all():
        access.secret = access.tokens.add("ada", "read", access.today)
    token = access.secret
    shown = {
        access.bearer: token,
        access.session: access.open_session(access.token(token)),
        access.link: access.share("lab", "digits", int(access.now_s()) + 60),
    }
    for check, text in shown.items():
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.characters(max_codepoint=255).filter(lambda letter, own=text[at]: letter != own))
        assert check(text) is not None
        assert check(text[:at] + other + text[at + 1 :]) is None
        assert check(text[:at]) is check(text + other) is None


def test_endless_credentials_are_not_looked_at(access):
    assert access.bearer("pct_" * 10_000) is access.session("a." * 10_000) is access.link("a." * 10_000) is None
