"""The page of what if: the runs that fit, moved anywhere, as a page, JSON and tables."""

import csv
import io

import dashboard_client
import dashboard_store
import pytest

from pycarbon.dashboard import world
from pycarbon.dashboard.pages import what_if


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("store")
    dashboard_store.make(made).close()
    return made


@pytest.fixture(scope="module")
def client(folder):
    with dashboard_client.opened(folder) as client:
        yield client


def test_the_runs_that_fit_are_moved_and_their_zones_marked(client):
    found = client.get("/api/v1/whatif?project=digits").json()
    assert {ran["zone"]: ran["runs"] for ran in found["ran"]} == {"FRA": 1, "POL": 1, None: 1}
    assert found["totals"]["runs"] == 3 and found["unknown_place_j"] > 0
    grams = [row["co2e_g"] for row in found["ranking"]]
    assert grams == sorted(grams) and len(grams) > 200
    assert any("nobody said where" in note for note in found["notes"])


def test_from_and_to_compare_two_places_and_its_own_place_is_here(client):
    found = client.get("/api/v1/whatif?zone=FRA&to=pl&pue=1.5").json()
    energy_j, moved = found["totals"]["energy_j"], found["moved"]
    assert (moved["zone"], moved["verdict"]) == ("POL", "more") and moved["low_ratio"] > 1
    assert moved["co2e_g"] == pytest.approx(energy_j / 3.6e6 * 1.5 * moved["intensity_g_per_kwh"])
    here = next(row for row in found["ranking"] if row["zone"] == "FRA")
    assert (here["verdict"], here["ratio"], here["co2e_g"]) == ("here", 1, found["here"]["co2e_g"])
    moved = client.get("/api/v1/whatif?from=POL&to=POL").json()["moved"]
    assert (moved["verdict"], moved["ratio"]) == ("here", 1)


def test_regions_of_a_cloud_are_ranked_when_asked_for(client):
    zones = [row["zone"] for row in client.get("/api/v1/whatif?zone=FRA&provider=gcp").json()["ranking"]]
    assert sum(zone.startswith("gcp:") for zone in zones) >= len(zones) - 1 > 20


def test_the_page_shows_the_figures_of_the_json_and_draws_every_country_once(client):
    found, page = client.get("/api/v1/whatif?zone=FRA&to=POL").json(), client.get("/whatif?zone=FRA&to=POL").text
    assert page.count('<path data-zone="') == len(set(page.split('<path data-zone="')[1:])) > 170
    assert page.count('<tr data-zone="') == len(found["ranking"])
    drawn = world.draw(found)
    assert sum(each["places"] for each in drawn["legend"]) == len(found["ranking"])
    assert [mark["title"].split(":")[0] for mark in drawn["ran"]] == ["France (FRA)"]
    assert "style=" not in page and "<style" not in page


def test_the_ranking_goes_into_a_spreadsheet(client):
    answer = client.get("/whatif?zone=FRA&format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == list(what_if.RANKING) and rows[0]["rank"] == "1"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "asked",
    ["to=Atlantis", "from=%3Cscript%3E", "pue=0.5", "pue=nan", "pue=x", "pue=1e9", "provider=ours", "since=never"],
)
def test_what_is_no_good_is_refused_in_one_line(client, asked):
    answer = client.get(f"/api/v1/whatif?{asked}")
    assert answer.status_code == 400 and len(answer.json()["error"].splitlines()) == 1
    page = client.get(f"/whatif?{asked}")
    assert page.status_code == 400 and "<script>alert" not in page.text


def test_without_runs_that_fit_there_is_nothing_to_move(client):
    found = client.get("/api/v1/whatif?project=none").json()
    assert found["ranking"] == [] and found["here"] is None
    assert "nothing to move" in client.get("/whatif?project=none&to=POL").text
