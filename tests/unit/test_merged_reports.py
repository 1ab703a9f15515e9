"""Reports of merged runs, to the letter; `python tests/unit/test_merged_reports.py` writes the letters anew."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from merge_world import MS, POLAND, Node

from pycarbon import reports
from pycarbon.analysis import Run
from pycarbon.merging import Merged, merge
from pycarbon.reports.merged_json import MergedJson
from pycarbon.reports.merged_text import MergedText
from pycarbon.reports.text import Style

GOLDEN = Path(__file__).parents[1] / "golden"


def ranks() -> Merged:
    """Eight ranks on four machines of two countries, one of them cut off; every other one has regions."""
    nodes = [Node(f"node{i}", 120 + 10 * i, -1000 - i, i / 5000, (i + 1) * MS) for i in range(4)]
    regions = {"step": (0, 0.7), "load data": (0.7, 0.8)}
    return merge(
        nodes[rank // 2].run(
            f"rank{rank}",
            rank * 0.3,
            60 + rank,
            pue=1.2,
            regions=regions if rank % 2 == 0 else None,
            complete=rank != 5,
            notes=("the counters were slow",) if rank > 5 else (),
            **({} if rank < 4 else {"grid": POLAND}),
        )
        for rank in range(8)
    )


def doubtful() -> Merged:
    """A machine without counters and a clock that nobody kept, one with a nested run, and one of another day."""
    modelled = Node("a-machine-with-a-long-name.example", 30, wall_error_ns=None).run("model", 0, 4, modelled=True)
    outer = Node("node1").run("outer", 1, 9)
    inner = Node("node1").run("inner", 2, 3, inside="outer")
    inner.data.footer["exit_status"] = -15
    inner.data.meta["name"] = "ü\x1b[2J"
    return merge([modelled, outer, inner, Node("node2").run("wrong", 86_400, 86_410)])


def no_energy() -> Merged:
    """A run with nothing to tell, recorded before there were anchors."""
    run = Node("node1").run("a", 0, 4)
    run.data.channels = []
    del run.data.meta["anchor"], run.data.footer["anchor"]
    return merge([run])


REPORTS = {
    "ranks": (ranks, Style()),
    "ranks-80-columns-colour": (ranks, Style(width=80, colour=True)),
    "ranks-60-ascii": (ranks, Style(width=60, unicode=False)),
    "doubtful": (doubtful, Style(width=80)),
    "no-energy": (no_energy, Style()),
}


def rendered(name: str) -> str:
    make, style = REPORTS[name]
    return MergedText(style).render(make()) + "\n"


@pytest.mark.parametrize("name", REPORTS)
def test_the_text_is_as_reviewed(name):
    assert rendered(name) == (GOLDEN / f"merged-{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", [ranks, doubtful, no_energy])
@pytest.mark.parametrize("width", [60, 80, 81, 100, 132])
def test_lines_fit_the_terminal(make, width):
    for line in MergedText(Style(width)).render(make()).splitlines():
        assert len(line) <= width and line == line.rstrip()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp437"])
@pytest.mark.parametrize("name", reports.MERGED_NAMES)
def test_any_encoding_can_take_it(encoding, name):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print(reports.get_merged(name, stream).render(doubtful()), file=stream, flush=True)
    assert not set(stream.buffer.getvalue().decode(encoding)) & set("\x1b\x07\x9b")


def test_hundreds_of_machines_are_not_hundreds_of_lines():
    runs = [Node(f"node{i:03}", 10 + i).run(str(i), 0, 0.2) for i in range(100)]
    text = MergedText().render(merge(runs))
    assert text.count("and 80 more") == 2 and "node099" in text and len(text.splitlines()) < 60


KEYS = {
    "": "schema span energy emissions equivalents regions outside machines runs notes",
    "span": "started_at ended_at uncertainty_s duration_s low_s high_s any_s all_s",
    "energy": "total_j low_j high_j kind process_j process_low_j process_high_j channels",
    "emissions": "co2e_g low_g high_g place_known kind factors",
    "machines": "label machine runs duration_s energy emissions",
    "runs": "label inside counted_s clock run energy emissions notes",
}
CLOCK_KEYS = "start_at end_at start_uncertainty_s end_uncertainty_s basis"


@pytest.mark.parametrize("make", [ranks, doubtful, no_energy])
def test_json_has_every_key_and_no_nan(make):
    found = json.loads(MergedJson().render(make()), parse_constant=pytest.fail)
    for part, keys in KEYS.items():
        values = found[part] if part else found
        for value in values if isinstance(values, list) else [values]:
            assert value is None or set(value) == set(keys.split()), part
    for run in found["runs"]:
        assert set(run["clock"]) == set(CLOCK_KEYS.split())
        assert run["label"] in [label for machine in found["machines"] for label in machine["runs"]]
    assert found["schema"] == 1
    if make is no_energy:
        assert found["energy"]["total_j"] is None and found["emissions"] is None and found["equivalents"] == []
        assert found["span"]["uncertainty_s"] is None and found["machines"][0]["emissions"] is None


def test_json_of_a_run_among_others_is_its_own():
    merged = ranks()
    found = json.loads(MergedJson().render(merged))
    own = json.loads(reports.get("json", None).render(Run(merged.runs[0].run.data)))
    assert {name: found["runs"][0][name] for name in ("run", "energy", "emissions", "notes")} == {
        name: own[name] for name in ("run", "energy", "emissions", "notes")
    }
    assert sum(machine["energy"]["total_j"] for machine in found["machines"]) == pytest.approx(
        found["energy"]["total_j"]
    )
    assert sum(factor["co2e_g"] for factor in found["emissions"]["factors"]) == found["emissions"]["co2e_g"]


def test_different_names_are_no_name():
    runs = [Node("node1").run("a", 0, 1), replace(Node("node2")).run("b", 0, 1)]
    runs[1].data.meta["name"] = "other"
    assert MergedText().render(merge(runs)).splitlines()[1].startswith(" 2 runs on 2 machines")


if __name__ == "__main__":
    for report in REPORTS:
        (GOLDEN / f"merged-{report}.txt").write_text(rendered(report), encoding="utf-8")
