"""The pages of a run and of one that goes on: chosen by id, bounded, and the same as their JSON."""

import csv
import io
import json
import re

import dashboard_client
import dashboard_store
import pytest
from live_world import part, recording

from pycarbon import home
from pycarbon.dashboard.pages import run as run_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("store")
    dashboard_store.make(made).close()
    return made


@pytest.fixture(scope="module")
def client(folder):
    with dashboard_client.opened(folder) as client:
        yield client


def test_a_run_is_shown_with_its_row_and_the_one_before_of_its_name(client):
    found = client.get("/api/v1/runs/bbbb2222").json()
    assert found["row"]["id"] == "bbbb2222" and found["previous"]["id"] == "aaaa0000"
    assert client.get("/api/v1/runs/aaaa0000").json()["previous"] is None
    assert found["row"]["energy_j"] == found["report"]["energy"]["total_j"]
    page = client.get("/run/bbbb").text
    assert found["figures"][0]["text"] in page and "/compare?run=aaaa0000&amp;run=bbbb2222" in page


def test_advice_is_given_or_why_there_is_none(client):
    assert client.get("/api/v1/runs/aaaa0000").json()["advice"]["advice"]
    unknown = client.get("/api/v1/runs/bbbb2222").json()["advice"]
    assert "--zone" in unknown["nothing"]["elsewhere"] and "--zone FRA" in client.get("/run/bbbb2222").text


def test_names_are_escaped_and_nothing_is_inline(client):
    page = client.get("/run/aaaa1111").text
    assert "&lt;script&gt;alert(" in page and "<script>alert" not in page and "style=" not in page
    assert "<style" not in page and not re.search(r"<script(?! (src=|type=\"application/json\"))", page)


@pytest.mark.parametrize("id", ["nonesuch", "a", "aaaa", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00%ff", "lab%2f1.pcr"])
def test_a_run_that_is_not_there_is_missing_wherever_it_is_asked_for(client, id):
    for address in (f"/run/{id}", f"/api/v1/runs/{id}", f"/api/v1/runs/{id}/power", f"/run/{id}/file", f"/live/{id}"):
        assert client.get(address).status_code == 404, address


def test_power_is_bounded_and_a_part_of_it_is_finer(client):
    whole = client.get("/api/v1/runs/aaaa0000/power?points=3").json()
    assert {domain["domain"] for domain in whole["domains"]} == {"package-0", "dram-0"}
    assert all(0 < len(domain["t_s"]) <= 3 for domain in whole["domains"])
    assert len(whole["windows"]) == sum(len(domain["t_s"]) for domain in whole["domains"])
    found = client.get("/api/v1/runs/aaaa0000/power?points=3&from=0.1&to=0.3").json()
    for fine, coarse in zip(found["domains"], whole["domains"], strict=True):
        assert fine["window_s"] < coarse["window_s"]
        assert all(0.1 <= t_s < 0.3 for t_s in fine["t_s"])
        assert all(a <= b <= c for a, b, c in zip(fine["min_w"], fine["mean_w"], fine["max_w"], strict=True))


@pytest.mark.parametrize(
    "asked",
    [
        *("points=0", "points=100000", "points=-1", "points=many", "from=nan", "from=-1", "from=inf", "to=x"),
        "from=2&to=1",
    ],
)
def test_bad_parameters_of_power_are_refused_in_one_line(client, asked):
    answer = client.get(f"/api/v1/runs/aaaa0000/power?{asked}")
    assert answer.status_code == 400 and len(answer.json()["error"].splitlines()) == 1


def test_power_regions_and_domains_go_into_spreadsheets(client):
    def rows(address):
        return list(csv.DictReader(io.StringIO(client.get(address).text)))

    power = rows("/api/v1/runs/aaaa0000/power?format=csv")
    assert list(power[0]) == list(run_page.POWER)
    regions = rows("/run/aaaa0000?format=csv&table=regions")
    assert {"step", "load", "save"} < {row["label"] for row in regions} and regions[0]["resolved"] in (
        "true",
        "false",
    )
    assert [row["domain"] for row in rows("/run/aaaa0000?format=csv&table=domains")] == ["package-0", "dram-0"]
    assert client.get("/api/v1/runs/aaaa0000/power?format=parquet").content[:4] == b"PAR1"


def test_its_file_is_sent_as_it_is_under_a_name_that_is_harmless(client, folder):
    answer = client.get("/run/aaaa1111/file")
    assert answer.content == (folder / "lab" / "2.pcr").read_bytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert re.fullmatch(
        r"attachment; filename(=\"|\*=utf-8'')[\w.%+-]+\.pcr\"?", answer.headers["content-disposition"]
    )


def test_a_file_that_has_gone_since_is_missing(tmp_path):
    dashboard_store.make(tmp_path).close()
    with dashboard_client.opened(tmp_path) as client:
        (tmp_path / "lab" / "1.pcr").unlink()
        for address in ("/run/aaaa0000/file", "/run/aaaa0000", "/api/v1/runs/aaaa0000/power"):
            assert client.get(address).status_code == 404


def test_a_run_of_a_store_elsewhere_has_its_page_but_its_file_is_not_sent(tmp_path):
    # GIVEN a store whose runs are a source of another
    (tmp_path / "ours").mkdir()
    dashboard_store.make(tmp_path / "theirs").close()
    with dashboard_client.opened(tmp_path / "ours") as client:
        client.app.state.store.refresh_source((tmp_path / "theirs").as_uri())
        # THEN its runs are shown as ours are, and say where they lie
        found = client.get("/api/v1/runs/aaaa0000").json()
        assert found["source"].endswith("/theirs") and found["figures"][0]["value"] > 0
        page = client.get("/run/aaaa0000")
        assert page.status_code == 200 and "Lies in" in page.text and "/file" not in page.text
        assert client.get("/compare?run=aaaa0000&run=bbbb2222").status_code == 200
        assert client.get("/api/v1/runs/aaaa0000/power?from=0.1").status_code == 200
        # and their files stay where they are
        answer = client.get("/run/aaaa0000/file")
        assert answer.status_code == 400 and "theirs" not in answer.headers.get("content-disposition", "")


def test_runs_that_go_on_are_listed_grow_end_and_are_told_when_cut_off(tmp_path):
    # GIVEN a run that is being recorded, with a hostile name
    folder, file = recording(tmp_path / "lab" / "a.pcr", "live0001", name=dashboard_store.HOSTILE, tags={"k": "v"})
    with dashboard_client.opened(tmp_path) as client:
        [row] = client.get("/api/v1/live").json()["runs"]
        assert (row["id"], row["state"], row["name"]) == ("live0001", "recording", dashboard_store.HOSTILE)
        assert client.get("/api/v1/live?tag=k%3Dv").json()["recording"] == 1
        assert client.get("/api/v1/live?project=none").json()["runs"] == []
        page = client.get("/live").text
        assert "<script>alert" not in page and '<meta http-equiv="refresh"' in page and "1 run goes on now" in page
        one = client.get("/api/v1/live/live0001").json()
        assert one["run"] == row and one["power"]["domains"][0]["windows"] > 0
        # WHEN its recorder dies THEN that is told, with what to type
        file.append(part(3))
        file.close()
        assert "pycarbon repair lab/a.pcr.live" in client.get("/live").text
        # and once it has become a file, the page leads there
        home.settle(folder, tmp_path / "lab" / "a.pcr")
        client.app.state.store.refresh()
        assert client.get("/api/v1/live/live0001").json()["ended"] == "live0001"
        assert 'href="/run/live0001"' in client.get("/live/live0001").text
        assert client.get("/api/v1/live").json()["runs"] == []


def test_whatever_is_shown_is_json_without_nan(client):
    for address in (
        "/api/v1/runs/aaaa0000",
        "/api/v1/whatif",
        "/api/v1/compare?run=aaaa0000&run=bbbb2222",
        "/api/v1/live",
    ):
        json.loads(client.get(address).text, parse_constant=lambda name: pytest.fail(name))
