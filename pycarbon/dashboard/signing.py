"""Signed texts: whoever holds the key knows that it wrote them, for what, and that no byte was changed."""

from __future__ import annotations

import base64
import hashlib
import hmac


def signed(key: bytes, purpose: str, payload: str) -> str:
    """Give `PAYLOAD.SIGNATURE`, which is good for one purpose only."""
    digest = hmac.digest(key, f"{purpose}\0{payload}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"{payload}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def verified(key: bytes, purpose: str, text: str) -> str | None:
    """Give the payload of a signed text; None where its signature is not ours.

    The texts are compared, not what they decode to: Base64 writes the same bytes in several ways.
    """
    payload, _, _ = text.rpartition(".")
    expected = signed(key, purpose, payload)
    is_ours = hmac.compare_digest(expected.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass"))
    return payload if is_ours else None
