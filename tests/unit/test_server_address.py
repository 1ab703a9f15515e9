"""What may be the address of a server, and whether a token may travel there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.pushing import address


@pytest.mark.parametrize(
    "text, meant",
    [
        ("https://carbon.example.org", "https://carbon.example.org"),
        (" HTTPS://Carbon.Example.org:8443/Team/ ", "https://carbon.example.org:8443/Team"),
        ("http://[::1]:8250/", "http://[::1]:8250"),
    ],
)
def test_an_address_is_written_one_way(text, meant):
    assert address.checked(text) == meant


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "carbon.example.org",
        "ftp://carbon.example.org",
        "https://",
        f"https://me:{SECRET}@carbon.example.org",
        f"https://carbon.example.org?token={SECRET}",
        f"https://carbon.example.org/#{SECRET}",
        f"https://carbon.example.org:{SECRET}",
        "https://carbon.example.org:0",
        f"https://a b/{SECRET}",
        "https://a\tb",
        "https://[::1",
        "https://carbon.example.org\r\nX-Evil: 1",
    ],
)
def test_what_is_no_address_is_said_without_repeating_it(text):
    with pytest.raises(ValueError) as caught:
        address.checked(text)
    assert SECRET not in str(caught.value) and "https://carbon.example.org" in str(caught.value)


@settings(max_examples=40)
@given(st.text() | st.text("htps:/@[]?#.a1 %\\").map("http://".__add__))
def test_any_text_is_an_address_or_not(text):
    try:
        found = address.checked(text)
    except ValueError:
        return
    assert address.checked(found) == found and found.isprintable() and not set(found) & set("@?# ")


@pytest.mark.parametrize(
    "server, is_safe",
    [
        ("https://carbon.example.org", True),
        ("http://127.0.0.1:8250", True),
        ("http://[::1]:8250", True),
        ("http://localhost", True),
        ("http://carbon.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://10.0.0.1", False),
    ],
)
def test_a_token_travels_encrypted_or_not_at_all_unless_somebody_wants_that(server, is_safe):
    why = address.why_unsafe(server, {})
    assert (why is None) == is_safe and address.why_unsafe(server, {address.ALLOW_UNENCRYPTED: "1"}) is None
    assert is_safe or (address.ALLOW_UNENCRYPTED in why and "https" in why)
