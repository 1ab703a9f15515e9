"""CodeCarbon's emissions.csv, of every version, and as it comes from spreadsheets and disks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from emissions_files import V31, VERSIONS, cells, text, write
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.codecarbon import Refused, Row, rows
from pycarbon.errors import PyCarbonError


def read(tmp_path: Path, content: str | bytes) -> list[Row | Refused]:
    path = tmp_path / "emissions.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(rows(path))


def one(tmp_path: Path, **changes: object) -> Row | Refused:
    (found,) = read(tmp_path, text(cells("3.1.0", **changes)))
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_read(tmp_path: Path, version: str) -> None:
    (row,) = read(tmp_path, text(cells(version)))

    assert isinstance(row, Row)
    assert (row.line, row.duration_s, row.energy_j) == (2, 3600.0, pytest.approx(360e3))
    assert row.intensity_g_per_kwh == pytest.approx(56.0)
    parts = {"machine": 360e3} if version == "1.2.0" else {"cpu": 144e3, "gpu": 180e3, "ram": 36e3}
    assert row.parts_j == pytest.approx(parts)
    assert row.version == ("CodeCarbon 1" if version == "1.2.0" else f"CodeCarbon {version}")


def test_a_time_without_a_zone_is_one_of_this_machine(tmp_path: Path) -> None:
    local, told = one(tmp_path), one(tmp_path, timestamp="2025-11-03T10:00:00+05:00")

    assert isinstance(local, Row) and isinstance(told, Row)
    assert local.local and f"{local.ended:%Y-%m-%dT%H:%M:%S}" == "2025-11-03T10:00:00"
    assert not told.local and told.ended.astimezone().utcoffset() is not None
    assert told.ended - local.ended == (local.ended.utcoffset() or timedelta()) - timedelta(hours=5)


def test_the_building_is_taken_out_of_the_energy(tmp_path: Path) -> None:
    row = one(tmp_path, pue=1.25)

    assert isinstance(row, Row)
    assert row.energy_j == pytest.approx(360e3 / 1.25) and sum(row.parts_j.values()) == pytest.approx(row.energy_j)
    assert row.intensity_g_per_kwh == pytest.approx(56.0)


@pytest.mark.parametrize(
    "changes",
    [{"cpu_energy": ""}, {"cpu_energy": 0.05}, dict.fromkeys(("cpu_energy", "gpu_energy", "ram_energy"), 0)],
)
def test_parts_that_do_not_add_up_are_no_parts(tmp_path: Path, changes: dict[str, object]) -> None:
    row = one(tmp_path, **changes)

    assert isinstance(row, Row) and row.parts_j == pytest.approx({"machine": 360e3})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"energy_consumed": "much"}, "energy_consumed is 'much', which is no number"),
        ({"energy_consumed": "nan"}, "energy_consumed is 'nan', which is no number"),
        ({"energy_consumed": "1e999"}, "energy_consumed is '1e999', which is no number"),
        ({"energy_consumed": "1_0"}, "energy_consumed is '1_0', which is no number"),
        ({"energy_consumed": "1e10"}, "energy_consumed is 1e+10, which is more than can be"),
        ({"energy_consumed": ""}, "energy_consumed is empty"),
        ({"emissions": "-0.0056"}, "emissions is -0.0056, and cannot be less than 0"),
        ({"emissions": "500"}, "500 kg of CO2e for 0.1 kWh cannot be"),
        ({"energy_consumed": "0"}, "it has emissions of no energy"),
        ({"duration": "-1"}, "duration is -1, and cannot be less than 0"),
        ({"gpu_energy": "?"}, "gpu_energy is '?', which is no number"),
        ({"pue": "0.5"}, "pue is 0.5, and a PUE is 1 or more"),
        ({"timestamp": "03.11.2025 10:00"}, "timestamp is '03.11.2025 10:00', which is no time such as"),
        ({"timestamp": "0001-01-01T00:00:00"}, "timestamp is '0001-01-01T00:00:00', which is no time such as"),
    ],
)
def test_a_row_without_sense_is_refused_in_words(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    refused = one(tmp_path, **changes)

    assert isinstance(refused, Refused) and refused.line == 2 and refused.why.startswith(why)


def test_a_damaged_row_costs_no_other(tmp_path: Path) -> None:
    # GIVEN a cut row, one with too much, an empty line and a NUL between two good ones
    good = text(cells("2.2.1"), cells("2.2.1")).splitlines()
    content = [good[0], good[1], good[1][:80], good[1] + ",,", "", good[1].replace("France", "Fra\0nce"), good[2]]

    found = read(tmp_path, "\n".join(content))

    assert [each.line for each in found if isinstance(each, Row)][:1] == [2]
    assert found[-1].line == 7 and isinstance(found[-1], Row)
    assert [each.why for each in found if isinstance(each, Refused)][:2] == [
        "it has 6 cells, and there are 30 columns",
        "it has 32 cells, and there are 30 columns",
    ]


def test_spreadsheets_leave_their_marks(tmp_path: Path) -> None:
    # GIVEN a file that a spreadsheet wrote: a byte order mark, semicolons, decimal commas
    row = {name: cell.replace(".", ",") if cell[:1].isdigit() else cell for name, cell in cells("3.1.0").items()}
    row["codecarbon_version"] = "3.1.0"
    for content in (b"\xef\xbb\xbf" + text(row, delimiter=";").encode(), text(row, delimiter="\t").encode("utf-16")):
        (found,) = read(tmp_path, content)

        # THEN it says the same
        assert isinstance(found, Row) and found.energy_j == pytest.approx(360e3)
        assert found.cells["cpu_model"] == "AMD EPYC 7513 32-Core Processor"


def test_letters_of_another_encoding_are_no_reason_to_fail(tmp_path: Path) -> None:
    (found,) = read(tmp_path, text(cells("2.2.1", project_name="Übung")).encode("latin-1"))

    assert isinstance(found, Row) and found.cells["project_name"] == "\ufffdbung"


def test_files_one_behind_the_other(tmp_path: Path) -> None:
    found = read(tmp_path, text(cells("1.2.0")) + text(cells("3.1.0")))

    assert [each.version for each in found if isinstance(each, Row)] == ["CodeCarbon 1", "CodeCarbon 3.1.0"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is no emissions.csv of CodeCarbon: it has no column timestamp and no duration .* it has nothing"),
        ("job,kwh\n1,2\n", "it has no column timestamp .* it has job, kwh"),
        ("task_name," + ",".join(V31), "holds CodeCarbon's tasks, which are parts of the runs in emissions.csv"),
    ],
)
def test_another_file_is_refused_by_what_it_lacks(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(PyCarbonError, match=why):
        read(tmp_path, content)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PyCarbonError, match=r"none\.csv cannot be read: No such file"):
        list(rows(tmp_path / "none.csv"))
    with pytest.raises(PyCarbonError, match="is no plain file"):
        list(rows(tmp_path))


def test_gpus_by_name(tmp_path: Path) -> None:
    row = one(tmp_path, gpu_model="2 x NVIDIA A1001 x Tesla T4")

    assert isinstance(row, Row) and row.gpus == ["NVIDIA A100", "NVIDIA A100", "Tesla T4"]
    assert one(tmp_path, gpu_model="").gpus == []  # type: ignore[union-attr]


def test_rows_are_given_as_they_come(tmp_path: Path) -> None:
    path = write(tmp_path / "emissions.csv", *(cells("2.2.1", run_id=number) for number in range(3)))

    assert next(iter(rows(path))).line == 2


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_rows_or_a_line(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, with_header: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes((",".join(V31) + "\n").encode() * with_header + junk)
    try:
        list(rows(path))
    except PyCarbonError as error:
        assert "\n" not in str(error)
