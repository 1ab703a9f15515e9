"""Keys: found where they are said to be, and seen nowhere."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import sys
from types import SimpleNamespace
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.errors import IntensityError
from pycarbon.services.keys import Key, find, hide, scrub

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="*"), min_size=8).filter(
    str.isprintable
)


def test_the_first_variable_that_is_set_has_it():
    key = find("Grid", ("A", "B"), {"A": "  ", "B": " secret\n"})
    assert (key.variable, key.reveal()) == ("B", "secret")


def test_a_missing_key_is_said_with_what_to_set():
    with pytest.raises(IntensityError, match=r"^Grid needs a key: set A or B$"):
        find("Grid", ("A", "B"), {})


def test_control_characters_are_no_key():
    with pytest.raises(IntensityError, match="A is empty or has control characters") as caught:
        find("Grid", ("A",), {"A": "sec\nret"})
    assert "ret" not in str(caught.value).replace("characters", "")


def test_a_keyring_is_asked_only_where_somebody_wants_it(monkeypatch):
    """GIVEN a keyring that has the key, THEN it is used with PYCARBON_KEYRING=1, and never without."""
    ring = SimpleNamespace(get_password=lambda service, name: {("pycarbon", "B"): "secret"}.get((service, name)))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert find("Grid", ("A", "B"), {"PYCARBON_KEYRING": "1"}).reveal() == "secret"
    with pytest.raises(IntensityError):
        find("Grid", ("A", "B"), {})


def test_a_keyring_that_is_not_there_or_locked_has_no_key(monkeypatch):
    def locked(*_):
        raise RuntimeError("locked")

    for ring in (None, SimpleNamespace(get_password=locked)):
        monkeypatch.setitem(sys.modules, "keyring", ring)
        with pytest.raises(IntensityError, match="needs a key"):
            find("Grid", ("A",), {"PYCARBON_KEYRING": "1"})


@given(SECRETS)
def test_a_key_shows_itself_to_nobody(secret):
    key = Key("A", secret)
    assert secret not in f"{key} {key!r} {[key]} {key!s:>9}"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            leak(key)


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_no_spelling_of_a_key_is_left(secret, before, after):
    key, other = Key("A", secret), Key("B", secret[:5])
    encoded = quote(secret, safe="")
    spellings = [secret, secret.swapcase() if secret.swapcase().swapcase() == secret else secret, encoded]
    spellings += [encoded.lower(), quote_plus(secret), json.dumps(secret), repr(secret)]
    spellings += [base64.b64encode(secret.encode()).decode(), base64.b64encode(f"u:{secret}".encode()).decode()]
    line = scrub(f"{before} {' '.join(spellings)} {after}", [key, other, Key("C", "u")])
    assert line.isprintable() or not line
    assert secret not in line and encoded not in line


def test_short_words_stay_in_data_and_go_from_messages():
    keys = [Key("USER", "FR"), Key("PASSWORD", "long-secret")]
    assert hide('{"zone": "FR",\n "echo": "long-secret"}', keys) == '{"zone": "FR",\n "echo": "***"}'
    assert scrub("FR: no", keys) == "***: no"
