"""The organisation's, a project's, an experiment's and the runs' pages, as a browser shows them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from browsing import tab_of
from demo_store import damaged, write_run

from pycarbon.reports.figures import mass, quantity

PAGES = {
    "/": "/api/v1/overview",
    "/project?organisation=acme&project=digits": "/api/v1/project?organisation=acme&project=digits",
    "/experiment?organisation=acme&project=digits&experiment=first": (
        "/api/v1/experiment?organisation=acme&project=digits&experiment=first"
    ),
    "/runs": "/api/v1/runs",
}
HOSTILE = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for number in range(8):
        write_run(
            folder,
            f"a{number}00000000000000",
            power_w=50.0 + 10 * number,
            modelled=number % 3 == 2,
            zone=("FRA", "US-CISO", "WORLD", "IND")[number % 4],
            experiment="first" if number % 2 else "",
            started=f"2026-{3 + number:02d}-05T08:00:00+00:00",
            tags={"user": "ada"} if number < 4 else {},
            machine={"hostname": f"node-{number % 2}"},
            exit_status=int(number == 3),
        )
    write_run(folder, "b000000000000000", project=HOSTILE, name=HOSTILE, tags={HOSTILE: HOSTILE}, file="b.pcr")
    damaged(folder, ["bad.pcr"])
    return folder


def started(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Start the dashboard on a free port; give it and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pycarbon", "dashboard", "--port", "0", *arguments],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r"http://\S+?:\d+", said)
    assert found, said + process.stderr.read()
    return process, found[0]


def ended(process: subprocess.Popen[str], number: int = signal.SIGINT) -> int:
    process.send_signal(number)
    status = process.wait(20)
    assert process.stderr is not None
    process.stderr.close()
    return status


@pytest.fixture(scope="module")
def server(store):
    process, url = started("--store", str(store))
    yield url
    assert ended(process) == 0


def numbers(text: str) -> list[str]:
    return re.findall(r"\d[\d,]*(?:\.\d+)? (?:[kMGm]?J|[kmµ]?g|t)\b", text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_complain_of_nothing_and_keep_nobody_out(browser, server, scheme):
    with tab_of(browser, color_scheme=scheme) as tab:
        for path in PAGES:
            page = tab.open(server + path)
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert tab.violations() == [], path
        assert tab.problems == []
        assert all(address.startswith(server) for address in tab.requests)


def test_figures_are_those_of_the_json_without_any_script(browser, server):
    with tab_of(browser, java_script_enabled=False) as tab:
        for path, api in PAGES.items():
            data = tab.page.request.get(server + api).json()
            words = tab.open(server + path).locator("main").text_content()
            assert len(numbers(words)) > 10
            for row in [data["totals"], *data["runs"]]:
                assert quantity(row["energy_j"], "J") in words and mass(row["co2e_g"]) in words
        assert tab.problems == []


def test_bars_are_as_high_as_the_figures(browser, server):
    with tab_of(browser) as tab:
        months = tab.page.request.get(server + "/api/v1/overview").json()["by_month"]
        page = tab.open(server + "/")
        drawn = page.locator(".months g").evaluate_all(
            """(groups) => groups.map((group) => {
                const [measured, modelled] = group.querySelectorAll("rect");
                const low = measured.getBoundingClientRect(), high = modelled.getBoundingClientRect();
                return [low.height + high.height, getComputedStyle(modelled).fill, measured.getBBox().width];
            })"""
        )
        per_gram = [height / month["co2e_g"] for (height, _, _), month in zip(drawn, months, strict=True)]
        assert max(per_gram) == pytest.approx(min(per_gram), rel=0.05)
        assert all("#hatch" in fill and width > 5 for _, fill, width in drawn)


def test_filters_work_by_clicking_and_stay_in_the_address(browser, server):
    # GIVEN the overview
    with tab_of(browser) as tab:
        page = tab.open(server + "/")

        # WHEN a machine and a tag are chosen in the form
        page.get_by_text("Filter", exact=True).click()
        page.get_by_label("Machine", exact=True).select_option("node-1")
        page.get_by_label("Tag", exact=True).fill("user=ada")
        page.get_by_role("button", name="Show these").click()

        # THEN only their runs are counted, and links keep both
        assert "2 runs of 1 project" in page.locator(".lead").inner_text()
        page.get_by_role("link", name="digits", exact=True).first.click()
        assert page.url.startswith(f"{server}/project?")
        assert "machine=node-1" in page.url and "tag=user%3Dada" in page.url
        assert "2 runs" in page.locator(".lead").inner_text()

        # WHEN one of them is taken away
        page.get_by_label("Without machine node-1").click()

        # THEN the other stays
        assert "machine" not in page.url and "4 runs" in page.locator(".lead").inner_text()

        # WHEN runs are sorted by a click
        page.get_by_role("link", name="Runs", exact=True).click()
        page.get_by_role("link", name="Energy", exact=True).click()

        # THEN they are in that order, and the column says so
        assert page.locator("th[aria-sort=descending]").inner_text().startswith("Energy")
        shown = page.locator("tbody tr th a:first-child").all_inner_texts()
        data = page.request.get(page.url.replace("/runs", "/api/v1/runs")).json()["runs"]
        energies = [run["energy_j"] for run in data]
        assert len(shown) >= 4 and energies == sorted(energies, reverse=True)
        assert tab.problems == []


@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_a_telephone(browser, server, path):
    with tab_of(browser, viewport={"width": 390, "height": 800}) as tab:
        page = tab.open(server + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_cannot_be_is_said_in_one_line(store, server):
    port = server.rpartition(":")[2]
    for arguments, says in [
        (["--store", str(store), "--port", port], f"127.0.0.1 port {port} cannot be listened on"),
        (["--store", str(store / "nothing")], "is no folder; --store takes the one where runs are"),
        (["--store", str(store), "--port", "0", "--host", "0.0.0.0"], "pycarbon token add"),
    ]:
        told = subprocess.run(
            [sys.executable, "-m", "pycarbon", "dashboard", *arguments], capture_output=True, text=True, timeout=60
        )
        assert told.returncode == 1 and says in told.stderr and told.stderr.count("\n") == 1


def test_it_is_small_and_ends_when_it_is_asked_to(tmp_path):
    import urllib.request

    process, url = started("--store", str(tmp_path))
    deadline_s = time.monotonic() + 20
    assert urllib.request.urlopen(url, timeout=20).status == 200
    (resident_kb,) = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    assert ended(process, signal.SIGTERM) == 0 and time.monotonic() < deadline_s + 20
    assert int(resident_kb) < 100_000
