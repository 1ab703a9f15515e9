"""The pages of a run, of comparisons, of places and of what goes on now, in Chromium."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Tab, tab_of
from processes import pycarbon_run, started, wait_until
from served import served

from pycarbon import home
from pycarbon.reports import figures

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

import dashboard_store

PATHS = ("/run/bbbb2222", "/compare?run=aaaa0000&run=bbbb2222", "/whatif?to=SWE&provider=aws", "/live")
FIGURE = re.compile(r"\d[\d.]* ?[nµmkMGT]?(?:J|W|g|Wh)\b")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("store")
    dashboard_store.make(folder).close()
    with served(folder) as where:
        yield where


def answered(tab: Tab, address: str) -> Any:
    """What the API says."""
    return json.loads(tab.page.request.get(address).text())


@pytest.mark.parametrize("path", PATHS)
def test_pages_have_no_serious_violation_and_no_error_in_light_and_dark_and_on_a_small_screen(
    browser: Any, address: str, path: str
) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        with tab_of(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as tab:
            tab.open(address + path)
            assert tab.violations() == [], scheme
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.problems == []
            assert all(request.startswith(address) for request in tab.requests)


@pytest.mark.parametrize("path", PATHS)
def test_without_scripts_all_figures_are_there(browser: Any, address: str, path: str) -> None:
    with tab_of(browser, java_script_enabled=False) as tab, tab_of(browser) as other:
        bare, full = (set(FIGURE.findall(each.open(address + path).inner_text("main"))) for each in (tab, other))
        of_scripts = "Array.from(document.querySelectorAll('figure'), figure => figure.innerText).join(' ')"
        assert full - bare <= set(FIGURE.findall(other.page.evaluate(of_scripts)))  # of the part that a plot shows
        assert bare or path == "/live"


def test_the_power_of_a_run_zooms_into_finer_windows_that_the_server_gives(tab: Tab, address: str) -> None:
    # GIVEN the page of a run
    page = tab.open(f"{address}/run/aaaa0000")
    found = answered(tab, f"{address}/api/v1/runs/aaaa0000")
    assert [one.inner_text() for one in page.query_selector_all(".figures .value")] == [
        one["text"] for one in found["figures"]
    ]
    plot = page.locator("figure[data-power]")
    whole = float(plot.get_attribute("data-to") or 0)
    # WHEN somebody zooms in until what the page holds is too coarse THEN finer windows come, from that part alone
    window = float(plot.get_attribute("data-window") or 0)
    for _ in range(6):
        page.get_by_role("button", name="Zoom in").click()
    part = float(plot.get_attribute("data-to") or 0) - float(plot.get_attribute("data-from") or 0)
    assert part == pytest.approx(whole / 64, rel=0.01)
    page.wait_for_function("window.performance.getEntriesByType('resource').some(e => e.name.includes('/power?'))")
    assert window > 0
    page.get_by_role("button", name="Whole run").click()
    assert float(plot.get_attribute("data-to") or 0) == pytest.approx(whole)


def test_runs_are_chosen_for_a_comparison_in_a_plain_form(tab: Tab, address: str) -> None:
    page = tab.open(f"{address}/runs?project=digits")
    for box in page.query_selector_all('input[name="run"]')[:2]:
        box.check()
    page.get_by_role("button", name="Compare").click()
    ids = re.findall(r"run=(\w+)", page.url)
    found = answered(tab, f"{address}/api/v1/compare?" + "&".join(f"run={id}" for id in ids))
    cells = [cell.inner_text() for cell in page.query_selector_all(".compared tbody tr:first-child td")]
    energy = found["tables"][0]["rows"][0]
    assert energy["values"][0]["text"] in cells[0] and energy["changes"][0]["text"] in " ".join(cells)
    assert energy["changes"][0]["verdict"] in " ".join(cells)


def test_the_map_and_the_ranking_point_at_each_other_and_agree_with_the_json(tab: Tab, address: str) -> None:
    page = tab.open(f"{address}/whatif?zone=FRA&to=POL")
    found = answered(tab, f"{address}/api/v1/whatif?zone=FRA&to=POL")
    poland = found["moved"]
    assert figures.mass(poland["co2e_g"]) in page.inner_text(".figures")
    rows = page.query_selector_all("#ranking tbody tr")
    assert len(rows) == len(found["ranking"])
    assert figures.mass(found["ranking"][0]["co2e_g"]) in rows[0].inner_text()
    # WHEN the ranking is gone through by keyboard THEN the map shows the place, and says its figures
    page.locator('#ranking tr[data-zone="SWE"] a').first.focus()
    assert page.locator(".land .on").get_attribute("data-zone") == "SWE"
    assert "Sweden" in page.inner_text("#readout")
    # and a click on the map leads to its row
    page.locator('path[data-zone="BRA"]').click()
    assert page.evaluate("document.activeElement.closest('tr').dataset.zone") == "BRA"
    # WHEN another place is asked for by the form THEN that is compared
    page.fill("#to", "SWE")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "Sweden" in page.inner_text(".answer") and "zone=FRA" in page.url


def test_a_run_appears_grows_and_ends_without_anybody_loading_the_page_again(
    browser: Any, tab: Tab, tmp_path: Path
) -> None:
    # GIVEN the page of live runs, of a store without any
    store = tmp_path / "store"
    (store / "lab").mkdir(parents=True)
    target = store / "lab" / "a.pcr"
    with served(store) as address:
        page = tab.open(f"{address}/live")
        assert "No run goes on" in page.inner_text("main")
        page.evaluate("window.stayed = true")
        # WHEN a run begins THEN it appears, and its figures grow
        command = pycarbon_run("cat", output=target, options=["--name", "long one", "--zone", "FRA"])
        with started(command) as process:
            page.get_by_role("link", name="long one").wait_for(timeout=20_000)
            energies = [answered(tab, f"{address}/api/v1/live")["runs"][0]["energy_j"]]
            before = page.inner_text("#live tbody")
            page.wait_for_function("text => document.querySelector('#live tbody').innerText !== text", arg=before)
            energies.append(answered(tab, f"{address}/api/v1/live")["runs"][0]["energy_j"])
            assert energies[1] > energies[0] and page.evaluate("window.stayed")
            assert tab.violations() == []
            # and its own page shows the same, and does not disturb it
            with tab_of(browser) as own:
                own.open(f"{address}/live/{answered(tab, f'{address}/api/v1/live')['runs'][0]['id']}")
                so_far = own.page.inner_text(".figure.main .value")
                own.page.wait_for_function(
                    "text => document.querySelector('.figure.main .value').innerText !== text", arg=so_far
                )
                assert home.is_recorded(home.home_of(target)) is True
                assert own.violations() == [] and own.problems == []
                # WHEN it ends THEN that is told, with the way to the whole of it
                process.end()
                assert process.returncode == 0
                own.page.get_by_role("link", name="See the whole of it").wait_for(timeout=20_000)
                own.page.get_by_role("link", name="See the whole of it").click()
                assert own.page.inner_text("h1") == "long one"
            page.get_by_text("No run goes on").wait_for(timeout=20_000)
        wait_until(lambda: not home.home_of(target).exists())
