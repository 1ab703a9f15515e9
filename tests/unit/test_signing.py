"""Signed texts: no altered byte is accepted, whatever it decodes to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pycarbon.dashboard.signing import signed, verified

KEY = bytes(range(32))
TEXTS = st.text(st.characters(exclude_categories=()), max_size=30)


@given(TEXTS, TEXTS)
def test_what_was_signed_is_read_back(purpose, payload):
    assert verified(KEY, purpose, signed(KEY, purpose, payload)) == payload


@given(st.data())
def test_no_altered_byte_is_accepted(data):
    text = signed(KEY, "link", data.draw(st.text("abcXYZ019-_.", max_size=20)))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(max_codepoint=255).filter(lambda letter: letter != text[at]))
    assert verified(KEY, "link", text[:at] + other + text[at + 1 :]) is None
    assert verified(KEY, "link", text[:at]) is None
    assert verified(KEY, "link", text + other) is None


def test_a_signature_is_good_for_one_key_and_one_purpose():
    text = signed(KEY, "link", "a")
    assert verified(KEY, "session", text) is None
    assert verified(KEY[::-1], "link", text) is None
