"""Tokens of a server: what is kept of them, and who gets in with what."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from datetime import date

import pytest

from pycarbon.errors import PyCarbonError
from pycarbon.store.access_tokens import NAME, Tokens

DAY, LATER = date(2026, 1, 1), date(2026, 2, 3)


@pytest.fixture
def tokens(tmp_path):
    with contextlib.closing(Tokens(tmp_path)) as opened:
        yield opened


def test_a_token_is_found_and_only_its_hash_is_kept(tokens, tmp_path):
    token = tokens.add("ada", "read", DAY)
    found = tokens.find(token, LATER)
    assert (found.name, found.scope, found.created) == ("ada", "read", "2026-01-01")
    assert tokens.all()[0].last_used == "2026-02-03"
    secret = token.split("_", 2)[2]
    assert len(secret) == 43, "256 bits"
    assert secret.encode() not in (tmp_path / NAME).read_bytes()


def test_tokens_outlive_their_process(tokens, tmp_path):
    token, key = tokens.add("ada", "read", DAY), tokens.key("links")
    with contextlib.closing(Tokens(tmp_path)) as again:
        assert again.find(token, DAY).name == "ada" and again.key("links") == key


def test_one_that_is_revoked_is_worthless_at_once(tokens, tmp_path):
    token = tokens.add("ada", "read", DAY)
    with contextlib.closing(Tokens(tmp_path)) as elsewhere:
        elsewhere.revoke("ada", LATER)
    assert tokens.find(token, LATER) is None
    assert tokens.with_id(tokens.all()[0].id) is None
    assert tokens.all()[0].revoked == "2026-02-03"
    tokens.add("ada", "upload", LATER)  # the name is free again
    with pytest.raises(PyCarbonError, match="or it is revoked already"):
        tokens.revoke("nobody", LATER)


@pytest.mark.parametrize(
    "shown", ["", "_", "pct_", "pct__", "pct_00000000_x", "\udcff_\udcff_", "a_" * 1000, "x' OR 1"]
)
def test_what_is_no_token_is_none(tokens, shown):
    tokens.add("ada", "read", DAY)
    assert tokens.find(shown, DAY) is None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81])
def test_a_name_is_something_that_can_be_listed(tokens, name):
    with pytest.raises(PyCarbonError, match="is no name for a token"):
        tokens.add(name, "read", DAY)


def test_two_tokens_have_two_names(tokens):
    tokens.add("ada", "read", DAY)
    with pytest.raises(PyCarbonError, match="choose another name"):
        tokens.add("ada", "upload", DAY)


def test_others_of_the_machine_cannot_read_the_file(tokens, tmp_path):
    path = tmp_path / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with contextlib.closing(Tokens(tmp_path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_of_another_kind_or_version_is_refused_in_one_line(tmp_path):
    with contextlib.closing(Tokens(tmp_path)):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(PyCarbonError, match=r"newer pycarbon \(version 99"):
        Tokens(tmp_path)
    (tmp_path / NAME).write_bytes(b"no database " * 100)
    with pytest.raises(PyCarbonError, match="cannot be used: file is not a database"):
        Tokens(tmp_path)
    (tmp_path / "other").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "other" / NAME)) as connection:
        connection.execute("CREATE TABLE a (b)")
    with pytest.raises(PyCarbonError, match="holds no tokens of pycarbon"):
        Tokens(tmp_path / "other")
