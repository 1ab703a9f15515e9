"""A JSON object of any size as it passes: member after member, and one long list in it item after item.

The scanner is that of Python's json, which decodes one value where it is told to. What is here finds the places,
reads on where a value is not whole yet, and knows a text that ends too early from one that is wrong. In memory are a
chunk and the value that does not fit into it, no more. Each value comes with its own text, to be copied as it is.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from pycarbon.errors import TraceError

CHUNK = 1 << 20
LARGEST_VALUE = 1 << 28
"""Characters. A profiler's events have some hundreds; whatever is longer than this is no trace."""

NEARLY_ENDED = 16
"""Characters: an error so close to the end may be a word or an escape that goes on in the next chunk."""

OPEN_END = 2
"""Characters: behind a number there may be the beginning of its fraction or exponent (e+), without a digit yet."""

BYTES_AS_THEY_ARE = "surrogateescape"
"""What is no UTF-8 is kept, and written again as it was."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)  # profilers write names with line breaks in them


def pieces(stream: BinaryIO, name: str, listed: str) -> Iterator[tuple[str | None, Any, str]]:
    """Give (key, value, text) of each member, and (None, item, text) of each item of the member `listed`.

    The member `listed` itself comes when its list begins, as (listed, [], ""). TraceError, which calls the file
    `name`, where the text is cut short, is no JSON, or is no object.
    """
    text = _Text(stream, name)
    if text.next() != "{":
        raise text.wrong()
    text.at += 1
    separator = ","
    while separator == ",":
        if text.next() == "}":
            break
        if text.next() != '"':
            raise text.wrong()
        key, _ = text.value()
        text.skip(":")
        if key == listed and text.next() == "[":
            yield key, [], ""
            yield from _items(text)
        else:
            text.next()
            yield key, *text.value()
        separator = text.next()
        text.at += separator == ","
    text.skip("}")
    if text.next(at_end=""):
        raise text.wrong()


def _items(text: _Text) -> Iterator[tuple[None, Any, str]]:
    text.skip("[")
    separator = ","
    while separator == ",":
        if text.next() == "]":
            break
        yield None, *text.value()
        text.values += 1
        separator = text.next()
        text.at += separator == ","
    text.skip("]")


class _Text:
    """The text from `at` on, as much of it as was read."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(BYTES_AS_THEY_ARE)
        self._buffer = ""
        self._is_ended = False
        self.at = 0
        self.values = 0

    def next(self, at_end: str | None = None) -> str:
        """Pass white space and look at the character behind it; `at_end` where there is none, or else TraceError."""
        while True:
            if self.at < len(self._buffer) and self._buffer[self.at] > " ":  # what most often is there
                return self._buffer[self.at]
            self.at = _SPACE.match(self._buffer, self.at).end()  # type: ignore[union-attr]  # an empty one matches
            if self.at < len(self._buffer):
                return self._buffer[self.at]
            if not self._more():
                if at_end is None:
                    raise self._cut()
                return at_end

    def skip(self, mark: str) -> None:
        if self.next() != mark:
            raise self.wrong()
        self.at += 1

    def value(self) -> tuple[Any, str]:
        """Decode the value here, where next() found something, and pass it."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self.at)
            except json.JSONDecodeError as error:
                goes_on = error.pos >= len(self._buffer) - NEARLY_ENDED or error.msg.startswith("Unterminated")
                if not goes_on:
                    raise self.wrong() from None
                if not self._more():
                    raise self._cut() from None
            except RecursionError:
                raise TraceError(f"{self._name} is no trace: it is nested too deeply") from None
            except ValueError:  # a number of thousands of digits
                raise self.wrong() from None
            else:
                is_whole = end < len(self._buffer) - OPEN_END or not isinstance(value, int | float)
                if is_whole or self._is_ended:
                    text = self._buffer[self.at : end]
                    self.at = end
                    return value, text
                self._more()

    def wrong(self) -> TraceError:
        return TraceError(f"{self._name} is damaged: no JSON after {self.values} events of its list traceEvents")

    def _cut(self) -> TraceError:
        return TraceError(
            f"{self._name} is cut short after {self.values} events: was the program still writing it? Record it again"
        )

    def _more(self) -> bool:
        """Read on, as much again as there is, so that a long value is scanned few times; False at the end."""
        kept = self._buffer[self.at :]
        if len(kept) > LARGEST_VALUE:
            raise TraceError(f"{self._name} is no trace: one value in it is longer than {LARGEST_VALUE >> 20} MiB")
        chunk = self._stream.read(max(CHUNK, len(kept)))
        self._buffer = kept + self._decoder.decode(chunk, final=not chunk)
        self.at = 0
        self._is_ended = not chunk
        return len(self._buffer) > len(kept) or not self._is_ended
