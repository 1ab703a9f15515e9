"""The dashboard's pages and their JSON, asked as a browser and a program ask."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from pathlib import Path

import pytest
from dashboard_client import opened
from demo_store import damaged, write_run

from pycarbon.dashboard.pages import PAGES
from pycarbon.dashboard.rendering import grams_between, joules_between
from pycarbon.reports import figures

HOSTILE = "\"><script>alert(1)</script>&'{{7*7}}"
OURS = ("/", "/runs", "/project", "/experiment")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("dashboard")
    for number in range(6):
        write_run(
            store,
            f"a{number}00000000000000",
            power_w=50.0 + 10 * number,
            modelled=number % 3 == 2,
            zone=("FRA", "US-CISO", "WORLD")[number % 3],
            experiment="first" if number % 2 else "",
            started=f"2026-{5 + number:02d}-05T08:00:00+00:00",
            tags={"user": "ada"} if number < 4 else {},
            machine={"hostname": f"node-{number % 2}"},
        )
    write_run(
        store,
        "b000000000000000",
        project=HOSTILE,
        experiment=HOSTILE,
        name=HOSTILE,
        tags={HOSTILE: HOSTILE, "=1+1": "x"},
        machine={"hostname": HOSTILE, "brand": HOSTILE},
        file="b.pcr",
    )
    damaged(store, ["<b>bad.pcr"])
    with opened(store) as made:
        yield made


def text_of(html: str) -> str:
    """What people read of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def digits_in(client, address: str) -> tuple[str, dict]:
    return text_of(client.get(address).text), client.get(api_of(address)).json()


def api_of(address: str) -> str:
    path, _, query = address.partition("?")
    return next(page.api_path for page in PAGES if page.path == path) + (f"?{query}" if query else "")


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/?machine=node-1",
        "/?since=2026-06-01&kind=measured",
        "/project?organisation=acme&project=digits",
        "/project?project=digits&tag=user%3Dada",
        "/experiment?organisation=acme&project=digits&experiment=first",
        "/runs?sort=energy",
    ],
)
def test_a_page_has_the_figures_of_its_json(client, address):
    words, data = digits_in(client, address)

    rows = [data["totals"], *data.get("by_project", ()), *data.get("by_experiment", ()), *data.get("by_device", ())]
    rows += [row for continent in data.get("by_continent", ()) for row in (continent, *continent["countries"])]
    rows += [*data.get("by_month", ()), *data["runs"]]
    assert len(rows) > 2
    if "by_month" not in data:
        rows = [row for row in rows if row in (data["totals"], *data["runs"])]
    for row in rows:
        assert figures.quantity(row["energy_j"], "J") in words
        assert figures.mass(row["co2e_g"]) in words
        assert joules_between(row) in words and grams_between(row) in words
    assert all(each["text"] in words for each in data.get("equivalents", ()))
    assert all(hint["text"].replace("`", "") in words.replace("  ", " ") for hint in data.get("hints", ()))


def test_sums_are_those_of_the_runs(client):
    data = client.get("/api/v1/overview").json()
    runs = client.get("/api/v1/runs").json()["runs"]

    assert data["totals"]["runs"] == len(runs) == 7
    for name in ("energy_j", "low_j", "high_j", "co2e_g", "low_g", "high_g", "duration_s"):
        whole = pytest.approx(sum(run[name] for run in runs), rel=1e-6)
        assert data["totals"][name] == whole
        for table in ("by_month", "by_project", "by_device", "by_machine", "by_country", "by_continent"):
            assert sum(row[name] for row in data[table]) == whole, table
    modelled = sum(run["energy_j"] for run in runs if run["kind"] == "modelled")
    assert data["modelled"]["energy_j"] == data["totals"]["modelled_j"] == pytest.approx(modelled)
    assert data["measured"]["energy_j"] + data["modelled"]["energy_j"] == pytest.approx(data["totals"]["energy_j"])


def test_places_are_on_their_continents_and_unknown_ones_are_said(client):
    found = client.get("/api/v1/overview").json()["by_continent"]

    assert [row["continent"] for row in found] == ["North America", "Europe", ""]
    assert [row["name"] for continent in found for row in continent["countries"]] == ["United States", "France", ""]
    assert "place not known" in text_of(client.get("/").text)


@pytest.mark.parametrize("address", ["/", "/runs", "/?machine=%s", "/project?project=%s", "/experiment?project=%s"])
def test_names_of_strangers_stay_text(client, address):
    import httpx

    asked = str(httpx.QueryParams([("x", HOSTILE)]))[2:]
    address = address % asked if "%s" in address else address
    html = client.get(f"{address}&experiment={asked}" if "experiment?" in address else address).text

    assert "<script" not in html and "<b>" not in re.sub(r"<b>[^<]*</b>", "", html)
    assert "alert(1)" in html
    for value in re.findall(r'(?:href|action)="([^"]*)"', html):
        assert value.startswith(("/", "#")) and not re.search(r"[<>'\s]", unescape(value)), value


def test_a_table_neutralises_formulas(client):
    rows = list(csv.DictReader(io.StringIO(client.get("/runs?format=csv").text)))

    (strange,) = (row for row in rows if row["project"] == HOSTILE)
    assert strange["tags"].startswith(("'=1+1=x", '">'))
    assert float(rows[0]["energy_j"]) > 0


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/?since=yesterday", "'yesterday' is no day"),
        ("/?kind=guessed", "'guessed' is no kind"),
        ("/runs?sort=mood", "runs cannot be sorted by 'mood'"),
        ("/runs?direction=left", "'left' is no direction"),
        ("/runs?page=0", "page '0' is no good"),
        ("/runs?per_page=100000", "per_page '100000' is no good"),
        ("/runs?page=%C2%B2", "is no good"),
        ("/project", "which project?"),
        ("/experiment?project=digits", "which experiment?"),
        ("/?format=xls", "'xls' is no format of this page"),
        ("/?format=csv&table=secrets", "'secrets' is no table of this page"),
    ],
)
def test_what_is_no_good_is_said_in_one_line(client, address, says):
    page, answer = client.get(address), client.get(api_of(address))

    assert page.status_code == answer.status_code == 400
    assert says in text_of(page.text)
    assert says in answer.json()["error"] and "\n" not in answer.json()["error"]


def test_what_is_not_there_is_404_with_what_to_do(client):
    for address, says in [
        ("/project?organisation=acme&project=none", "there is no project 'none' of the organisation 'acme'"),
        ("/experiment?project=digits&experiment=none", "the project's page lists all"),
        ("/nowhere", "the overview at / leads to all there are"),
        ("/api/v1/nowhere", "the overview at / leads to all there are"),
    ]:
        answer = client.get(address)
        assert answer.status_code == 404 and says in text_of(answer.text)


def test_a_filter_that_nothing_fits_is_no_error(client):
    for address in ("/?machine=none", "/project?project=digits&machine=none", "/runs?machine=none"):
        answer = client.get(address)
        assert answer.status_code == 200 and "Leave some of the filter away" in answer.text


def test_links_keep_the_filter(client):
    html = client.get("/project?organisation=acme&project=digits&machine=node-1&tag=user%3Dada").text
    links = [unescape(link) for link in re.findall(r'href="(/(?:runs|experiment|project|whatif)?\?[^"]*)"', html)]

    assert len(links) > 10
    without = [link for link in links if "machine=node-1" not in link or "tag=user%3Dada" not in link]
    assert len(without) == 2, without  # those that take one of them away


@pytest.mark.parametrize("path", OURS)
def test_only_looking_is_allowed(client, path):
    assert client.head(f"{path}?project=digits&experiment=first").status_code == 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, path).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static",
        "/static/../__init__.py",
        "/static/..%2f__init__.py",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/style.css%00",
        "/static/uPlot.LICENSE",
        "/static/nothing.css",
        "/static//etc/passwd",
    ],
)
def test_only_files_that_are_known_by_name_are_sent(client, path):
    assert client.get(path).status_code == 404


def test_static_files_are_sent_once(client):
    first = client.get("/static/style.css")
    assert first.headers["content-type"].startswith("text/css")
    again = client.get("/static/style.css", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content


def test_pages_of_an_empty_store_say_how_to_begin(tmp_path: Path):
    with opened(tmp_path) as client:
        for path in ("/", "/runs"):
            answer = client.get(path)
            assert answer.status_code == 200 and "pycarbon run" in answer.text


def test_a_new_run_is_there_soon(tmp_path: Path):
    with opened(tmp_path) as client:
        refreshing = client.app.state.refreshing
        refreshing.every_s = 0.0
        client.get("/")
        refreshing.close()
        write_run(tmp_path, "c000000000000000")
        client.get("/")
        refreshing.close()
        assert client.get("/api/v1/overview").json()["totals"]["runs"] == 1
