"""Comparisons in words, in a terminal, in a notebook, and for programs."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from contrast_world import concluded
from hypothesis import given
from hypothesis import strategies as st
from trial_world import NOISES, white

from pycarbon.comparison import Comparison
from pycarbon.contrast import Contrast, Estimate
from pycarbon.experiment import Plan
from pycarbon.reports import contrast_exports, contrast_html, contrast_plot
from pycarbon.reports.contrast_text import ContrastText
from pycarbon.reports.text import Style
from pycarbon.reports.verdicts import amount, interval, noise, percent, verdicts

GOLDEN = Path(__file__).parents[1] / "golden"
REPORTS: dict[str, tuple[Style, dict]] = {
    "two": (Style(), {}),
    "80-columns-colour": (Style(80, colour=True), {}),
    "60-ascii": (Style(60, unicode=False), {}),
    "four": (Style(), {"effects": (1.0, 1.02, 0.96, 3.3), "make_noise": NOISES["white, 2 %"]}),
    "modelled": (Style(), {"measured": False, "seen": ["other programs kept 0.4 CPUs busy meanwhile"]}),
    "functions": (Style(), {"names": ("loop", "vector"), "commands": (None, None)}),
    "alone": (Style(), {"effects": (1.0,)}),
}


def rendered(folder: Path, name: str) -> str:
    style, change = REPORTS[name]
    return ContrastText(style).render(concluded(folder, **change))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tree")


@pytest.fixture(scope="module")
def two(folder: Path) -> Comparison:
    return concluded(folder)


def said(low: float, best: float, high: float, verdict: str) -> str:
    contrast = Contrast(Estimate(low, best, high), 0.001, verdict)
    return f"{amount(contrast, 'energy', 'A')} ({interval(contrast)})"


@pytest.mark.parametrize(
    ("ratio", "verdict", "words"),
    [
        ((0.86, 0.88, 0.90), "less", "12 % less energy than A (95 %: 10 to 14)"),
        ((0.8796, 0.8799, 0.8802), "less", "12.01 % less energy than A (95 %: 11.98 to 12.04)"),
        ((1.015, 1.02, 1.025), "more", "2.0 % more energy than A (95 %: 1.5 to 2.5)"),
        ((1.88, 1.98, 2.09), "more", "98 % more energy than A (95 %: 88 to 109)"),
        ((2.9, 3.2, 3.5), "more", "3.2 times as much energy as A (95 %: 2.9 to 3.5)"),
        ((90.0, 100.0, 111.0), "more", "100 times as much energy as A (95 %: 90 to 111)"),
        ((0.02, 0.04, 0.08), "less", "96 % less energy than A (95 %: 92 to 98)"),
        ((0.001, 0.002, 0.004), "less", "one 500th of the energy of A (95 %: one 250th to 1,000th)"),
        ((1.02, 2.0, 4.6), "more", "2.00 times as much energy as A (95 %: 1.02 to 4.60)"),
        ((0.9914, 0.9955, 0.9996), "less", "0.45 % less energy than A (95 %: 0.04 to 0.86)"),
    ],
)
def test_differences_in_words(ratio: tuple[float, float, float], verdict: str, words: str) -> None:
    assert said(*ratio, verdict) == words


@given(st.floats(0, 10), st.floats(1e-9, 10))
def test_a_share_is_written_to_its_uncertainty(share: float, half_width: float) -> None:
    written = float(percent(share, half_width)) / 100
    assert abs(written - share) <= max(half_width, 5.1e-6)


@given(st.floats(1e-4, 0.5))
def test_a_bound_is_never_written_smaller_than_it_is(two: Comparison, share: float) -> None:
    # GIVEN a difference that would only have shown beyond a bound
    none = Contrast(Estimate(1 - share / 2, 1.0, 1 + share / 2), share / 4, "none")
    [line] = verdicts(replace(two, contrasts={"energy_j": [none], "time_s": [None]}))
    said = float(line.split("one over ")[1].split(" %")[0])
    # THEN what is said is that or a little more
    assert share * 100 * (1 - 1e-6) <= said <= share * 100 * 1.5 + 0.001
    # AND so it is with what the first shows against itself
    said = float(noise(replace(two, control=none.ratio)).split("what is below ")[1].split(" %")[0])
    assert said >= share / 2 * 100 * (1 - 1e-6)


def test_the_verdicts_of_a_whole_comparison(folder: Path) -> None:
    [different] = verdicts(concluded(folder))
    assert different.startswith("B uses 11.9 % less energy than A (95 %: 11.6 to 12.3) and takes 11.9 % less time")
    [same] = verdicts(concluded(folder, (1.0, 1.0)))
    assert same.startswith("B: no difference to A in energy seen; one over 0.") and "would have shown" in same
    [hopeless] = verdicts(concluded(folder, (1.0, 1.0), white(1.0), plan=Plan(max_time_s=60)))
    assert hopeless.startswith("B and A cannot be told apart: trials vary so much that ")
    [modelled] = verdicts(concluded(folder, measured=False))
    assert " less CPU time than A" in modelled


def test_what_uses_nothing_is_not_compared(two: Comparison) -> None:
    [line] = verdicts(replace(two, contrasts={**two.contrasts, "energy_j": [None]}))
    assert line == "B and A cannot be compared: one of them used no energy that could be seen."


def test_the_noise_is_what_the_first_shows_against_itself(two: Comparison) -> None:
    assert noise(replace(two, control=None)) == ""
    assert noise(replace(two, control=Estimate(0.99, 1.001, 1.012))).startswith(
        "A against itself: 0.1 % apart; what is below 1.1 % is noise here."
    )
    apart = Estimate(1.02, 1.03, 1.04)
    assert "more than chance, which happens once in 20 comparisons" in noise(replace(two, control=apart))
    # AND of several variants each interval, the control's too, has a share of the 5 %
    three = replace(two, contrasts={"energy_j": two.contrast * 3})
    assert "more than chance, which happens once in 60 comparisons" in noise(replace(three, control=apart))


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_is_as_reviewed(folder: Path, name: str) -> None:
    assert rendered(folder, name) == (GOLDEN / f"contrast-{name}.txt").read_text(encoding="utf-8")


@given(st.text(max_size=60), st.text(max_size=200), st.sampled_from([60, 80, 100, 200]))
def test_no_line_is_wider_than_the_terminal(name: str, command: str, width: int) -> None:
    # GIVEN any names and commands
    found = concluded(Path("/nonexistent"), names=(name, "B"), commands=(command, "x" * 300), measured=False)
    # THEN they are on lines of their own, cut where they are too long; a word longer than a line stays whole
    lines = ContrastText(Style(width)).render(found).splitlines()
    assert all(len(line) <= max(width, 2 + len(max([*line.split(" "), ""], key=len))) for line in lines)


def test_the_json_holds_every_figure(two: Comparison) -> None:
    read = json.loads(contrast_exports.render(two, "json"))
    assert (read["schema"], read["basis"], read["rounds"], read["reached"]) == (1, "energy_j", 10, True)
    a, b = read["variants"]
    assert a["energy_per_call_j"]["low"] < a["energy_per_call_j"]["best"] < a["energy_per_call_j"]["high"]
    assert (a["kind"], a["count"], b["count"]) == ("measured", 20, 10)
    assert a["co2e_per_call_g"]["best"] == pytest.approx(a["energy_per_call_j"]["best"] / 3.6e6 * 42)
    [compared] = read["comparisons"]
    assert compared["verdict"] == "less" and compared["ratios"]["energy_j"]["best"] == pytest.approx(0.88, abs=0.01)
    assert set(compared["ratios"]) == {"energy_j", "cpu_s", "time_s", "power_w"}
    assert len(read["trials"]) == 30 and read["control"]["ratio"]["low"] <= 1


def test_infinite_ends_are_null(folder: Path) -> None:
    text = contrast_exports.as_json(concluded(folder, (1.0, 1.0), white(1.0), plan=Plan(max_time_s=8)))
    assert "Infinity" not in text and "NaN" not in text


def test_the_csv_has_a_row_for_each(two: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(contrast_exports.render(two, "csv"))))
    assert [row["name"] for row in rows] == ["A", "B"]
    assert (rows[0]["ratio"], rows[0]["verdict"], rows[1]["verdict"]) == ("", "", "less")
    assert float(rows[1]["ratio_low"]) < float(rows[1]["ratio"]) < float(rows[1]["ratio_high"])
    assert float(rows[0]["energy_per_call_j"]) == two.variants[0].energy_per_call_j.best


def test_markdown_and_html_let_no_name_break_them(folder: Path) -> None:
    odd = concluded(folder, names=("<a|b>", "c&d"), commands=("x|y `z`", None))
    text = contrast_exports.render(odd, "markdown")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    page = ElementTree.fromstring(f"<div>{contrast_html.render(odd)}</div>")
    assert next(cell.text for cell in page.iter("td")) == "<a|b>"


def test_the_plot_is_a_picture(two: Comparison, tmp_path: Path) -> None:
    contrast_plot.check(tmp_path / "plot.svg")
    contrast_plot.draw(two, tmp_path / "plot.svg")
    assert ElementTree.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as tree:
        for report in REPORTS:
            (GOLDEN / f"contrast-{report}.txt").write_text(rendered(Path(tree), report), encoding="utf-8")
