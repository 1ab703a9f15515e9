"""Text as every format can hold it: what UTF-8 lacks, and what ends a string in C, is written out."""

from __future__ import annotations


def clean(text: str) -> str:
    r"""Write lone surrogates (bytes that were no text) and NUL as `\udcff` and `\x00`: different texts stay so."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def quoted(word: str) -> str:
    """Write text as a field of CSV, in quotes where it needs them."""
    return '"' + word.replace('"', '""') + '"' if any(mark in word for mark in ',"\r\n') else word
