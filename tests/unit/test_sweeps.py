"""Sweeps of parameters: what is written, and what becomes of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import sweeps
from pycarbon.errors import PyCarbonError

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
VALUES = st.text(st.characters(exclude_characters=",:", exclude_categories=["Cs"]), max_size=8)


@given(NAMES, st.lists(VALUES, min_size=1, max_size=9, unique=True).filter(lambda values: values != [""]))
def test_values_are_taken_as_they_are_written(name: str, values: list[str]) -> None:
    assert sweeps.parse(f"{name}={','.join(values)}") == (name, values)


@given(st.integers(-(10**6), 10**6), st.integers(0, 99), st.integers(1, 1000), st.booleans(), st.integers(0, 3))
def test_steps_reach_from_the_first_to_the_last(first: int, count: int, step: int, down: bool, places: int) -> None:
    # GIVEN first, step and last with so many decimal places
    scale, by = Decimal(10) ** -places, -step if down else step
    texts = [f"{number * scale:f}" for number in (first, first + by * count, by)]
    # WHEN they are a sweep THEN each step is there, exactly, both ends included
    _, values = sweeps.parse("x=" + ":".join(texts))
    assert [Decimal(value) for value in values] == [(first + by * number) * scale for number in range(count + 1)]
    assert not any("E" in value.upper() for value in values)


def test_steps_do_not_go_beyond_the_last() -> None:
    assert sweeps.parse("x=1:8:3") == ("x", ["1", "4", "7"])
    assert sweeps.parse("x=1:3") == ("x", ["1", "2", "3"])
    assert sweeps.parse("x=0:0.3:0.1")[1] == ["0.0", "0.1", "0.2", "0.3"]
    assert sweeps.parse("x=1e1:3e1:1e1")[1] == ["10", "20", "30"]


@pytest.mark.parametrize("value", ["http://here:80", "a:b", "1:2:3:4", "1:", "a:b,1:2", "k=v", " "])
def test_what_is_no_range_is_a_value(value: str) -> None:
    assert sweeps.parse(f"x={value}") == ("x", value.split(","))


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "x=", "=1", "1x=1", "x y=1", "x-y=1"),
        *("x=1:8:0", "x=1:8:-1", "x=8:1", "x=nan:1", "x=1:inf", "x=1:2:nan", "x=1:2:sNaN", "x=inf:inf", "x=1:2:inf"),
        *("x=1:101", "x=0:1:1e-9", "x=0:1e999999", "x=0:9e999999:1e-999999", "x=1,2,1", "x=,"),
    ],
)
def test_what_is_no_sweep_is_refused(text: str) -> None:
    with pytest.raises(PyCarbonError, match="--sweep"):
        sweeps.parse(text)


@given(st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=4, unique=True), max_size=3))
def test_every_combination_is_there_once(given_sweeps: dict[str, list[str]]) -> None:
    found = sweeps.combinations(list(given_sweeps.items()))
    wanted = 1
    for values in given_sweeps.values():
        wanted *= len(values)
    assert len(found) == wanted == len({tuple(one.items()) for one in found})
    assert all(one[name] in values for one in found for name, values in given_sweeps.items())


def test_the_last_parameter_changes_fastest() -> None:
    found = sweeps.combinations([("x", ["1", "2"]), ("y", ["a", "b"])])
    assert [tuple(one.values()) for one in found] == [("1", "a"), ("1", "b"), ("2", "a"), ("2", "b")]


def test_too_many_combinations_and_names_that_come_twice_are_refused() -> None:
    assert len(sweeps.combinations([("x", ["1"] * 10), ("y", ["1"] * 10)])) == sweeps.MOST_VARIANTS
    with pytest.raises(PyCarbonError, match="101 variants"):
        sweeps.combinations([("x", ["1"] * 101)])
    with pytest.raises(PyCarbonError, match="'x' twice"):
        sweeps.combinations([("x", ["1"]), ("y", ["1"]), ("x", ["2"])])


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), st.text(max_size=5))
def test_values_are_put_in_their_places_and_nothing_else_changes(values: dict[str, str], rest: str) -> None:
    rest = rest.replace("{", "").replace("}", "")
    text = rest.join(f"{{{name}}}" for name in values)
    assert sweeps.filled(text, values) == rest.join(values.values())
    assert sweeps.filled(rest, values) == rest


def test_other_braces_stay() -> None:
    assert (
        sweeps.filled("{x} {y} ${x} {{x}} { x } {} {1} {x", {"x": "{y}", "z": "1"})
        == "{y} {y} ${y} {{y}} { x } {} {1} {x"
    )
