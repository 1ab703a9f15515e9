"""Tables: what is in them is what the run says, and every format gives it back."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict

import numpy as np
import pandas
import pyarrow.parquet
import pytest
from exported_runs import RUNS, TEXTS, regions, texts
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import exports
from pycarbon.analysis import Run
from pycarbon.errors import PyCarbonError
from pycarbon.exports.tables import TABLES, domains, table
from pycarbon.exports.text import clean
from pycarbon.reports.as_json import as_dict

EVERY = [(make, name) for make in RUNS for name in TABLES]


def written(run: Run, name: str, wanted: str, every: str | None = None) -> bytes:
    sink = io.BytesIO()
    exports.write(run, sink, name, wanted, every)
    return sink.getvalue()


def arrays(run: Run, wanted: str, every: str | None = None) -> dict[str, list]:
    """A table's columns as Python's values, NaN and NaT as None."""
    made = table(run, wanted, every)
    found: dict[str, list] = {column.name: [] for column in made.columns}
    for part in made.parts():
        assert list(part) == list(found)
        for column in made.columns:
            values = part[column.name]
            plain = values.astype("<i8").tolist() if column.type == "utc" else values.tolist()
            assert len(plain) == len(values)
            unknown = np.iinfo(np.int64).min if column.type == "utc" else None
            found[column.name] += [None if v == unknown or v != v else v for v in plain]
    assert len({len(values) for values in found.values()}) == 1
    return found


@pytest.mark.parametrize("make", RUNS)
def test_edges_are_those_of_the_run(make):
    run = Run(RUNS[make]())
    found = arrays(run, "edges")
    for domain in domains(run):
        of_it = [i for i, name in enumerate(found["domain"]) if name == domain]
        line = run.edges(domain)
        assert len(of_it) == len(line)
        for name in line.dtype.names:
            assert [found[name][i] for i in of_it] == line[name].tolist()
    assert len(found["domain"]) == sum(len(run.edges(domain)) for domain in domains(run))


@pytest.mark.parametrize("every", [None, "10ms", "70ms"])
def test_power_adds_up_to_the_energy(every):
    run = Run(regions())
    found = pandas.DataFrame(arrays(run, "power", every))
    assert set(found["domain"]) == {"package-0", "dram-0"}
    for channel in run.energy.channels:
        of_it = found[found["domain"] == channel.domain]
        assert of_it["power_w"].tolist() == run.power(channel.domain, every)["power_w"].tolist()
        assert (of_it["power_w"] * of_it["window_s"]).sum() == pytest.approx(channel.energy_j)
        assert of_it["window_s"].sum() == pytest.approx(run.duration_s)


@pytest.mark.parametrize("make", RUNS)
def test_regions_and_channels_are_those_of_the_report(make):
    run = Run(RUNS[make]())
    report = as_dict(run)
    for name, rows in (("regions", report["regions"]), ("channels", report["energy"]["channels"])):
        found = arrays(run, name)
        for key, values in found.items():
            assert values == [clean(row[key]) if isinstance(row[key], str) else row[key] for row in rows]
        assert all(list(row) == list(found) for row in rows)


def test_calls_are_those_of_the_run():
    run = Run(regions())
    found = pandas.DataFrame(arrays(run, "calls"))
    assert set(found["label"]) == {"epoch", "load", "step", "forward", "backward"}
    for label, of_it in found.groupby("label"):
        calls = run.calls(label)
        for name in calls.dtype.names:
            assert of_it[name].tolist() == calls[name].tolist()
        assert set(of_it["kind"]) == {"measured"}


@pytest.mark.parametrize(("make", "wanted"), EVERY)
def test_json_gives_back_the_table(make, wanted):
    run = Run(RUNS[make]())
    found = json.loads(written(run, "json", wanted), parse_constant=pytest.fail)
    columns = table(run, wanted).columns
    expected = arrays(run, wanted)
    for column in columns:
        values = found["columns"][column.name]
        if column.type == "utc":
            values = [
                None if v is None else int(np.datetime64(v.removesuffix("Z"), "ns").astype("<i8")) for v in values
            ]
        assert values == expected[column.name]
    assert list(found["columns"]) == [column.name for column in columns]
    assert found["table"] == wanted and found["run"]["id"] == clean(run.id)
    assert found["energy"]["total_j"] == (None if math.isnan(run.energy.total_j) else run.energy.total_j)


@pytest.mark.parametrize(("make", "wanted"), EVERY)
def test_csv_gives_back_the_table(make, wanted):
    run = Run(RUNS[make]())
    text = written(run, "csv", wanted).decode("utf-8")
    columns = table(run, wanted).columns
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == [column.name for column in columns]
    expected = arrays(run, wanted)
    readers = {"int": int, "float": float, "bool": {"True": True, "False": False}.get, "text": str}
    for i, column in enumerate(columns):
        if column.type != "utc":
            read = readers[column.type]
            found = [None if row[i] == "" and column.type == "float" else read(row[i]) for row in rows]
            assert found == expected[column.name]


@pytest.mark.parametrize("wanted", TABLES)
def test_pandas_reads_the_csv(wanted):
    run = Run(texts())
    columns = table(run, wanted).columns
    text = [column.name for column in columns if column.type == "text"]
    frame = pandas.read_csv(
        io.BytesIO(written(run, "csv", wanted)), dtype=dict.fromkeys(text, object), keep_default_na=False,
        na_values={column.name: [""] for column in columns if column.type == "float"},
        parse_dates=[column.name for column in columns if column.type == "utc"],
    )  # fmt: skip
    same(frame, run, wanted, rel=1e-14)  # as close as it reads them


@pytest.mark.parametrize(("make", "wanted"), EVERY)
def test_parquet_gives_back_the_table(make, wanted):
    run = Run(RUNS[make]())
    found = pyarrow.parquet.read_table(io.BytesIO(written(run, "parquet", wanted)))
    columns = table(run, wanted).columns
    expected = arrays(run, wanted)
    for column in columns:
        values = found.column(column.name)
        plain = values.cast("int64") if column.type == "utc" else values
        assert plain.to_pylist() == expected[column.name]
        unit = (found.schema.field(column.name).metadata or {}).get(b"unit", b"").decode()
        assert unit == column.unit
    said = json.loads(found.schema.metadata[b"pycarbon"])
    assert said["run"]["id"] == clean(run.id) and said["table"] == wanted and said["schema"] == 1
    same(found.to_pandas(), run, wanted)


@pytest.mark.parametrize(("make", "wanted"), EVERY)
def test_a_data_frame_holds_the_table(make, wanted):
    run = Run(RUNS[make]())
    frame = run.to_pandas(wanted)
    same(frame, run, wanted)
    assert frame.attrs["run"]["project"] == clean(run.project) and frame.attrs["table"] == wanted
    assert all(frame.attrs["units"][name] for name in frame.columns if name.endswith(("_j", "_ns", "_w", "_s")))


def same(frame: pandas.DataFrame, run: Run, wanted: str, rel: float = 0) -> None:
    """A frame has the table's columns, their types and values."""
    columns = table(run, wanted).columns
    assert list(frame.columns) == [column.name for column in columns]
    expected = arrays(run, wanted)
    for column in columns:
        values = frame[column.name]
        if column.type == "utc":
            assert str(values.dtype).endswith("UTC]") or not len(values)
            assert values.isna().tolist() == [value is None for value in expected[column.name]]
            known = [value for value in expected[column.name] if value is not None]
            assert [stamp.value for stamp in values if not pandas.isna(stamp)] == known
        else:
            plain = [None if column.type == "float" and value != value else value for value in values.tolist()]
            if column.type != "float" or not rel:
                assert plain == expected[column.name]
            else:
                known = np.array(expected[column.name], dtype=float)
                assert values.tolist() == pytest.approx(known.tolist(), rel=rel, nan_ok=True)


def test_a_data_frame_has_windows_of_power():
    run = Run(regions())
    frame = run.to_pandas("power", every="20ms")
    assert frame["window_s"].iloc[0] == pytest.approx(0.02)
    with pytest.raises(PyCarbonError, match="the table 'edges' has no windows, only that of power has"):
        run.to_pandas(every="20ms")
    with pytest.raises(PyCarbonError, match="no table 'joules'; there are edges, power, channels, regions, calls"):
        run.to_pandas("joules")


def test_different_labels_stay_different():
    run = Run(texts())
    labels = run.to_pandas("regions")["label"]
    assert len(set(labels)) == len(TEXTS) and set(labels) == {clean(text) for text in TEXTS}


@given(st.text(st.characters() | st.sampled_from("\udc80\udcff\0")))
def test_clean_text_fits_everywhere(text):
    assert "\0" not in clean(text) and clean(clean(text)) == clean(text)
    assert clean(text).encode("utf-8").decode("utf-8") == clean(text)
    if text.isprintable() and text.isascii():
        assert clean(text) == text


def test_the_figures_of_a_table_are_the_report_s_members():
    run = Run(regions())
    assert list(arrays(run, "regions")) == list(asdict(run.regions[0]))
