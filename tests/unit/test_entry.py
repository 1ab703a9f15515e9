"""Who may listen without tokens, and what is said before."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest

from pycarbon.dashboard.entry import access_for, warnings
from pycarbon.errors import PyCarbonError
from pycarbon.store.access_tokens import NAME, Tokens


def test_this_machine_alone_needs_none(tmp_path):
    assert access_for(tmp_path, "127.0.0.1") is access_for(tmp_path, "localhost") is None
    assert not (tmp_path / NAME).exists() and warnings("::1", None) == []


@pytest.mark.parametrize(("host", "always"), [("0.0.0.0", False), ("::", False), ("127.0.0.1", True)])
def test_everybody_else_is_asked_for_one(tmp_path, host, always):
    # GIVEN a store without tokens
    with pytest.raises(PyCarbonError) as told:
        access_for(tmp_path, host, always=always)
    # THEN what to type is said
    assert f"pycarbon token add --store {tmp_path} --scope read --name me" in str(told.value)
    # AND a token is enough
    with contextlib.closing(Tokens(tmp_path)) as tokens:
        tokens.add("me", "read", date(2026, 1, 1))
    access_for(tmp_path, host, always=always).close()


def test_an_open_line_is_said_to_be_open():
    assert "not encrypted" in warnings("0.0.0.0", None)[0]
    assert warnings("0.0.0.0", "10.0.0.1") == []
