"""Columns in pytest-benchmark's table: at its rows where it is as we know it, below it where it is not."""

from __future__ import annotations

from typing import ClassVar

import pytest

from pycarbon.integrations.benchmark_table import CO2E, ENERGY, KIND, Block, Writer, change, widened


def info(low_j: float, best_j: float, high_j: float, kind: str = "measured") -> dict[str, object]:
    grams = [j / 1000 for j in (low_j, best_j, high_j)]
    return {**dict(zip((*ENERGY, *CO2E), (low_j, best_j, high_j, *grams), strict=True)), KIND: kind}


class Terminal:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str, **_: bool) -> None:
        self.text += text

    def write_line(self, line: str, **_: bool) -> None:
        self.text += line + "\n"


@pytest.fixture
def block():
    rows = [
        {"name": "a (0001)", "fullname": "a", "path": "0001.json", "extra_info": {}},
        {"name": "a (NOW)", "fullname": "a", "path": None, "extra_info": info(1.0, 1.1, 1.2)},
        {"name": "b (NOW)", "fullname": "b", "path": None, "extra_info": {"energy_resolved": False}},
    ]
    return Block(rows, {"0001.json": {"a": {"extra_info": info(2.0, 2.2, 2.4)}}})


def write(writer: Writer, rule: str = "-" * 10, names: tuple[str, ...] = ("a (0001)", "a (NOW)", "b (NOW)")) -> None:
    writer.write_line("")
    writer.write_line("- benchmark: 3 tests -")
    writer.write_line("Name   Min")
    writer.write_line(rule)
    for name in names:
        writer.write(name.ljust(9))
        writer.write("1")
        writer.write("\n")
    writer.write_line(rule)
    writer.write_line("")


def test_the_columns_come_at_the_end_of_its_rows(block):
    terminal = Terminal()
    writer = Writer(terminal, [block])
    write(writer)
    assert writer.complete
    lines = terminal.text.splitlines()
    assert len({len(lines[number]) for number in (2, 3, 7)}) == 1
    assert lines[2].split() == ["Name", "Min", "Energy", "CO2e", "Energy", "now"]
    assert lines[4].endswith("2.20 J (2.00 to 2.40)   2.20 mg (2.00 to 2.40)   -50.0 %, intervals apart")
    assert "1.10 J (1.00 to 1.20)   1.10 mg (1.00 to 1.20)" in lines[5]
    assert "not resolved" in lines[6]


@pytest.mark.parametrize("changed", [{"rule": "=" * 10}, {"names": ("a", "b", "c")}, {"names": ("a (0001)",)}])
def test_another_table_is_left_as_it_is_and_ours_follows(block, changed):
    terminal = Terminal()
    writer = Writer(terminal, [block])
    write(writer, **changed)
    assert not writer.complete
    before = len(terminal.text)
    block.alone(terminal)
    assert "2.20 J (2.00 to 2.40)" in terminal.text[before:] and "a (NOW)" in terminal.text[before:]


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (info(1, 1.1, 1.2), info(1.15, 1.21, 1.3), "+10.0 %, intervals overlap"),
        (info(1, 1.1, 1.2), info(1.3, 1.32, 1.4), "+20.0 %, intervals apart"),
        (info(1, 1.1, 1.2, "modelled"), info(1.3, 1.32, 1.4), "measured, then modelled"),
        ({}, info(1, 2, 3), "-"),
        (info(1, 2, 3), {}, "-"),
        ({**info(1, 2, 3), ENERGY[0]: "rubbish"}, info(1, 2, 3), "-"),
    ],
)
def test_a_change_says_whether_the_intervals_tell_it(before, now, text):
    assert change(before, now) == text


def test_a_session_that_is_another_keeps_its_table_and_says_a_line():
    class Session:
        groups: ClassVar = [("group", [{"name": "a"}])]
        quiet, sort, compared_mapping = False, "min", None

        def display(self, terminal: Terminal) -> None:
            terminal.write_line("its own table")

    terminal = Terminal()
    widened(Session(), None)(terminal)
    assert terminal.text.splitlines() == [
        "pycarbon: there is no energy in this table: KeyError('min')",
        "its own table",
    ]
