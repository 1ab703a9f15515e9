"""Runs side by side, as text to the letter: `python tests/unit/test_compared_reports.py` writes them for review."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from compared_runs import after, again, before, data
from counter_simulator import MILLISECOND
from exported_runs import RUNS, TEXTS
from merge_world import Node
from region_world import Program

from pycarbon import reports
from pycarbon.analysis import Run
from pycarbon.reports.compared_csv import COLUMNS, ComparedCsv
from pycarbon.reports.compared_json import ComparedJson
from pycarbon.reports.compared_markdown import ComparedMarkdown
from pycarbon.reports.compared_text import ComparedText
from pycarbon.reports.text import Style
from pycarbon.run_differences import RunDifferences, differences

GOLDEN = Path(__file__).parents[1] / "golden"


def changed() -> RunDifferences:
    return differences([before(), after()])


def several() -> RunDifferences:
    return differences([before(), again(), after()])


def modelled() -> RunDifferences:
    """Two estimates, of which one has a region for three times as long."""
    a = Node("a").run("a", 0, 1, modelled=True, regions={"step": (0, 0.2), "load": (0.2, 0.3)})
    b = Node("a").run("b", 0, 1, modelled=True, regions={"step": (0, 0.6), "save": (0.6, 0.7)})
    a.data.footer["process_cpu_s"], b.data.footer["process_cpu_s"] = 0.4, 0.5
    return differences([a, b])


def doubtful() -> RunDifferences:
    """Zero energy, then none at all, then a run with strange labels and names."""
    runs = [RUNS[name]() for name in ("zero_energy", "no_energy", "texts")]
    for number, run in enumerate(runs):
        run.meta["id"] = str(number)
    return differences(list(map(Run, runs)))


def blinking() -> RunDifferences:
    """A region whose energy no counter tells, beside another and strange ones."""
    runs = []
    for run_id, watts in (("a", 60.0), ("b", 61.0)):
        made = Program()
        made.work(50 * MILLISECOND, 20.0)
        made.call("blink", 100_000, 60.0)
        for text in TEXTS:
            made.call(text, 20 * MILLISECOND, watts)
            made.work(10 * MILLISECOND, 20.0)
        runs.append(Run(data(made, run_id), Path(f"{run_id}|`<b>\x1b[2J.pcr")))
    return differences(runs)


def many(count: int = 60) -> RunDifferences:
    """Many labels, of which two changed."""
    runs = []
    for run_id, added in (("a", 0), ("b", 5_000_000)):
        made = Program()
        for number in range(count):
            made.call(f"region {number}", 50_000 + added * (number in (7, 8)), 40.0)
        runs.append(Run(data(made, run_id)))
    return differences(runs)


REPORTS = {
    "changed": (changed, Style()),
    "changed-80-columns-colour": (changed, Style(width=80, colour=True)),
    "changed-60-ascii": (changed, Style(width=60, unicode=False)),
    "several": (several, Style(width=80)),
    "modelled": (modelled, Style(width=80)),
}
ALL = [changed, several, modelled, doubtful, blinking]


def rendered(name: str) -> str:
    make, style = REPORTS[name]
    return ComparedText(style).render(make()) + "\n"


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_is_as_reviewed(name):
    assert rendered(name) == (GOLDEN / f"compared-{name}.txt").read_text(encoding="utf-8")


def test_the_markdown_is_as_reviewed():
    assert ComparedMarkdown().render(changed()) + "\n" == (GOLDEN / "compared.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("width", [60, 77, 78, 80, 100, 132])
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal(make, width, unicode):
    for line in ComparedText(Style(width, unicode=unicode), everything=True).render(make()).splitlines():
        assert len(line) <= width and line == line.rstrip()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp437"])
@pytest.mark.parametrize("name", reports.COMPARED_NAMES)
@pytest.mark.parametrize("make", [doubtful, blinking])
def test_any_encoding_can_take_it(encoding, name, make):
    # GIVEN labels and names in many scripts, with bytes that are no text, and what would move a cursor
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print(reports.get_compared(name, stream, True).render(make()), file=stream, flush=True)
    # THEN no encoding complains, and but for CSV, which holds labels as they are, nothing commands the terminal
    told = stream.buffer.getvalue().decode(encoding)
    assert name == "csv" or not set(told) & set("\x1b\x07\x9b\udcff")


def test_of_many_labels_those_that_changed_most_are_shown():
    # GIVEN a run of many labels, of which two changed
    compared = many()
    assert {region.label for region in compared.regions[:2]} == {"region 7", "region 8"}
    # THEN twenty are shown, and all where all are asked for
    for report in (ComparedText, ComparedMarkdown):
        text = report().render(compared)
        assert text.count("region 7") >= 1 and "and 40 more" in text and len(text.splitlines()) < 100
        assert report(None, True).render(compared).count("region ") >= 60
    assert len(json.loads(ComparedJson().render(compared))["regions"]) == 60


def test_runs_of_one_name_are_told_apart():
    # GIVEN two runs of one name THEN their files tell them apart
    a, b = before(), after()
    assert "before.pcr" in ComparedText().render(differences([a, b]))
    # AND their folders where these have one name too
    a.path, b.path = Path("one/train.pcr"), Path("two/train.pcr")
    for report in (ComparedText(), ComparedMarkdown()):
        told = report.render(differences([a, b]))
        assert "one/train.pcr" in told and "two/train.pcr" in told


def test_a_baseline_of_nothing_has_differences_and_no_ratio():
    zero, some = Run(RUNS["zero_energy"]()), before()
    text = ComparedText().render(differences([zero, some]))
    assert "A used no energy that was seen" in text and "inf" not in text and "nan" not in text


def test_regions_of_one_run_alone_are_no_table():
    text = ComparedText().render(differences([Node("a").run("a", 0, 1), before()]))
    assert "Regions" not in text and "A has no regions" in text


ROW = {"values", "changes"}
ROWS = ("energy", "process", "emissions", "duration", "process_cpu")
REGION_ROWS = ("energy", "energy_per_call", "calls", "time", "time_per_call")


@pytest.mark.parametrize("make", ALL)
def test_json_has_every_key_and_no_nan(make):
    compared = make()
    found = json.loads(ComparedJson().render(compared), parse_constant=pytest.fail)
    assert set(found) == {"schema", "runs", *ROWS, "domains", "regions", "outside", "by_time", "notes"}
    rows = [(found[name], unit) for name, unit in zip(ROWS, ("_j", "_j", "_g", "_s", "_s"), strict=True)]
    rows += [({name: one[name] for name in ROW}, "_j") for one in found["domains"]]
    for region in [*found["regions"], *([found["outside"]] if found["outside"] else [])]:
        assert set(region) == {"label", "remedy", *REGION_ROWS}
        rows += [(region[name], unit) for name, unit in zip(REGION_ROWS, ("_j", "_j", "", "_s", "_s"), strict=True)]
    letters = list(compared.letters)
    assert [run["run"] for run in found["runs"]] == letters
    for row, unit in rows:
        assert set(row) == ROW
        assert [value["run"] for value in row["values"]] == letters
        assert [change["run"] for change in row["changes"]] == letters[1:]
        for value in row["values"]:
            assert set(value) == {"run", "kind", f"value{unit}", f"low{unit}", f"high{unit}"}
        for change in row["changes"]:
            names = [f"{end}{name}" for name in (f"difference{unit}", "ratio") for end in ("", "low_", "high_")]
            assert set(change) == {"run", "verdict", *names}


def test_json_says_of_a_run_what_its_own_report_says():
    found = json.loads(ComparedJson().render(changed()))
    own = json.loads(reports.get("json", None).render(before()))
    assert {name: found["runs"][0][name] for name in own["run"]} == own["run"]
    (value, _) = found["energy"]["values"]
    assert value == {"run": "A", **{key: own["energy"][old] for key, old in ENERGY.items()}}


ENERGY = {"value_j": "total_j", "low_j": "low_j", "high_j": "high_j", "kind": "kind"}


@pytest.mark.parametrize("make", ALL)
def test_csv_has_what_the_json_has(make):
    # GIVEN the table
    compared = make()
    table = list(csv.reader(io.StringIO(ComparedCsv().render(compared), newline="")))
    assert table[0] == list(COLUMNS) and {len(line) for line in table} == {len(COLUMNS)}
    # THEN each figure of each run is a row of it
    regions = len(compared.regions) + (compared.outside is not None)
    assert len(table) - 1 == len(compared.letters) * (5 + len(compared.domains) + 5 * regions)
    found = [dict(zip(COLUMNS, line, strict=True)) for line in table[1:]]
    total = next(line for line in found if line["run"] == "B" and line["figure"] == "energy_j")
    assert total["verdict"] == compared.energy.changes[0].verdict
    assert not {"nan", "inf"} & {cell for line in found for name, cell in line.items() if name != "label"}


def test_markdown_of_strange_labels_stays_a_table():
    text = ComparedMarkdown().render(blinking())
    columns = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert columns == {5} and "<b>" not in text.replace("\\<b\\>", "") and "\x1b" not in text


if __name__ == "__main__":
    for name in REPORTS:
        (GOLDEN / f"compared-{name}.txt").write_text(rendered(name), encoding="utf-8")
    (GOLDEN / "compared.md").write_text(ComparedMarkdown().render(changed()) + "\n", encoding="utf-8")
