"""Tests for pycarbon.traces.document: a long JSON object in pieces is the same object."""

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pycarbon.errors import TraceError
from pycarbon.traces.document import pieces

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3)
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "é\n", "list"]), VALUES | st.just([1, 2.5, {"x": []}]))


class Slow(io.BytesIO):
    """A file that gives a few bytes at a time, so that values end anywhere."""

    def read(self, size=-1):
        return super().read(min(size, 7))


def read(data: bytes, stream=io.BytesIO):
    whole = {}
    for key, value, text in pieces(stream(data), "x.json", "list"):
        if key is None:
            whole["list"].append(value)
        else:
            whole[key] = value
        assert not text or json.loads(text, strict=False) == value or value != value
    return whole


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
@example({"é\n": 1.0000000000000002e16}, False, None)  # the number's e ends a chunk
@settings(max_examples=60)
def test_an_object_in_pieces_is_the_object(document, is_ascii, indent):
    data = json.dumps(document, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "surrogatepass")
    assert read(data, Slow) == json.loads(data.decode("utf-8", "surrogateescape"))


@given(DOCUMENTS, st.data())
@settings(max_examples=40)
def test_a_cut_is_one_line(document, data):
    text = json.dumps(document).encode()
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(TraceError, match=r"^x.json is [^\n]*$"):
        read(text[:cut])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"list": [1 2]}' + " " * 99, "damaged: no JSON after 1 events"),
        ('{"list": [1, inf]}' + " " * 99, "damaged: no JSON after 1 events"),
        ('{"list" [1]}', "damaged"),
        ('{"a": 1}}', "damaged"),
        ("{1: 1}", "damaged"),
        ("[1]", "damaged"),
        ("", "cut short after 0 events"),
        ('{"a": ' * 200_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "damaged"),
    ],
)
def test_what_is_no_object_is_one_line(text, said):
    with pytest.raises(TraceError, match=said) as caught:
        read(text.encode())
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_raw_line_breaks_pass():
    (piece,) = pieces(io.BytesIO(b'\xef\xbb\xbf{"a": "\xff\n"}'), "x.json", "list")
    assert piece[2].encode("utf-8", "surrogateescape") == b'"\xff\n"'


def test_a_long_value_is_scanned_few_times():
    text = b'{"a": [' + b"1," * (1 << 20) + b"1]}"
    asked = []

    class Counted(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    assert len(list(pieces(Counted(text), "x.json", "list"))) == 1
    assert len(asked) < 10
