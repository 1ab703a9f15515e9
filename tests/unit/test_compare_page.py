"""The page that compares runs: chosen by id, in order, with verdicts in words."""

import csv
import io

import dashboard_client
import dashboard_store
import pytest


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    dashboard_store.make(folder).close()
    with dashboard_client.opened(folder) as client:
        yield client


def test_runs_are_compared_in_the_order_asked_for_with_verdicts(client):
    found = client.get("/api/v1/compare?run=aaaa0000&run=bbbb2222").json()
    assert [(run["letter"], run["id"]) for run in found["runs"]] == [("A", "aaaa0000"), ("B", "bbbb2222")]
    totals, regions = found["tables"]
    energy = totals["rows"][0]
    assert energy["name"] == "Energy" and energy["changes"][0]["verdict"] == "more"
    assert energy["values"][1]["low"] <= energy["values"][1]["value"] <= energy["values"][1]["high"]
    step = next(row for row in regions["rows"] if row["name"] == "step")
    assert step["changes"][0]["verdict"] == "more"
    back = client.get("/api/v1/compare?run=bbbb2222&run=aaaa0000").json()
    assert back["tables"][0]["rows"][0]["changes"][0]["verdict"] == "less"


def test_a_prefix_of_an_id_will_do_and_the_page_escapes_names(client):
    page = client.get("/compare?run=aaaa1&run=cccc&run=bbbb").text
    assert "&lt;script&gt;alert(" in page and "<script>alert" not in page
    assert page.count("against A") == 4


def test_figures_go_into_a_spreadsheet_without_formulas(client):
    rows = list(csv.DictReader(io.StringIO(client.get("/compare?run=aaaa0000&run=aaaa1111&format=csv").text)))
    energy = [row for row in rows if (row["scope"], row["figure"]) == ("run", "energy_j")]
    assert [row["run"] for row in energy] == ["A", "B"] and float(energy[1]["low_ratio"]) > 1
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())


@pytest.mark.parametrize("asked", ["", "?run=", "?run=aaaa0000", "?run=aaaa0000&run=&project=digits"])
def test_with_fewer_than_two_runs_there_is_a_form_to_choose(client, asked):
    found = client.get(f"/api/v1/compare{asked}").json()
    assert found["tables"] == [] and len(found["offered"]) >= 3
    page = client.get(f"/compare{asked}")
    assert page.status_code == 200 and page.text.count('type="checkbox" name="run"') >= 2


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("run=nonesuch&run=aaaa0000", 404),
        ("run=aaaa&run=bbbb", 404),
        ("run=../../etc/passwd&run=aaaa0000", 404),
        ("run=aaaa0000&run=aaaa0000", 400),
        ("&".join(["run=aaaa0000"] * 9), 400),
    ],
)
def test_runs_that_cannot_be_compared_are_told_in_one_line(client, asked, status):
    answer = client.get(f"/api/v1/compare?{asked}")
    assert answer.status_code == status and len(answer.json()["error"].splitlines()) == 1
