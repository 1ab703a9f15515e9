"""The report in one file, opened from disk without a network: it draws, zooms, prints, and keeps nobody out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from browsing import Tab, tab_of, until

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from report_world import example, long_run
from test_reports import modelled, no_energy

from pycarbon.analysis import Run
from pycarbon.reports.as_html import HtmlReport
from pycarbon.reports.as_json import as_dict
from pycarbon.reports.power_view import power
from pycarbon.reports.words import told_figure

PLOT = "figure.power"
UPDATES = 1_500_000
PEAK_S = UPDATES * 0.7 / 1000


@pytest.fixture(scope="module")
def long() -> Run:
    """A run of 25 minutes."""
    return Run(long_run(UPDATES))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, long: Run) -> dict[str, Path]:
    """Reports of several runs, each a file."""
    folder = tmp_path_factory.mktemp("reports")
    made = {"example": Run(example()), "modelled": Run(modelled()), "no-energy": Run(no_energy()), "long": long}
    found = {}
    for name, run in made.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(HtmlReport().render(run), encoding="ascii")
    return found


def seen(page: Any) -> tuple[float, float, float]:
    """Give from when to when the plot is, and how long the windows are that it was drawn from."""
    told = page.locator(PLOT).evaluate("figure => [figure.dataset.from, figure.dataset.to, figure.dataset.window]")
    return tuple(map(float, told))


def drag(page: Any, first: float, last: float) -> None:
    """Drag over a part of the plot's width."""
    box = page.locator(f"{PLOT} .u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], middle, steps=4)
    page.mouse.up()


@pytest.mark.parametrize(
    ("name", "scheme"), [("example", "light"), ("example", "dark"), ("modelled", "dark"), ("no-energy", "light")]
)
def test_it_opens_offline_and_keeps_nobody_out(browser: Any, files: dict[str, Path], name: str, scheme: str) -> None:
    with tab_of(browser, color_scheme=scheme, offline=True) as tab:
        page = tab.open(files[name])
        assert page.locator("h1").count() == 1
        assert page.locator(f"{PLOT} canvas").count() == (0 if name == "no-energy" else 1)
        assert tab.violations() == []
        assert tab.problems == [] and tab.requests == [files[name].as_uri()]


def test_a_narrow_screen_scrolls_down_only(browser: Any, files: dict[str, Path]) -> None:
    with tab_of(browser, viewport={"width": 360, "height": 740}) as tab:
        page = tab.open(files["example"])
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert tab.violations() == [] and tab.problems == []


def test_its_figures_are_those_of_the_json(tab: Tab, files: dict[str, Path]) -> None:
    page, report = tab.open(files["example"]), json.loads(json.dumps(as_dict(Run(example()))))
    energy = report["energy"]
    total = told_figure("", "J", "", (energy["total_j"], energy["low_j"], energy["high_j"]))
    first = page.locator(".figure").first.inner_text()
    assert total["text"] in first and total["between"] in first and "measured" in first
    labels = page.locator("table.regions tbody th").all_inner_texts()
    assert labels == [one["label"] for one in report["regions"]] + ["(outside regions)"]


def test_dragging_shows_a_part_in_finer_windows(tab: Tab, files: dict[str, Path]) -> None:
    # GIVEN a run of more than a million updates
    assert files["long"].stat().st_size < 500_000
    page = tab.open(files["long"])
    whole = seen(page)
    assert whole[:2] == (0.0, UPDATES / 1000)
    # WHEN a tenth of it is dragged over, and a tenth of that
    drag(page, 0.66, 0.76)
    tenth = seen(page)
    drag(page, 0.3, 0.5)
    part = seen(page)
    # THEN just that is seen, and drawn from finer windows
    assert tenth[1] - tenth[0] == pytest.approx(whole[1] / 10, rel=0.02)
    assert tenth[0] == pytest.approx(0.66 * whole[1], rel=0.02)
    assert part[1] - part[0] == pytest.approx(whole[1] / 50, rel=0.05)
    assert part[2] < whole[2] and part[2] == pytest.approx(whole[1] / 24_000)
    # AND the peak of a fifth of a second is found there by whoever points at it
    page.mouse.dblclick(*centre(page))
    assert seen(page) == whole
    drag(page, 0.69, 0.71)
    drag(page, 0.45, 0.55)
    box = page.locator(f"{PLOT} .u-over").bounding_box()
    from_s, to_s, _ = seen(page)
    page.mouse.move(box["x"] + (PEAK_S + 0.1 - from_s) / (to_s - from_s) * box["width"], box["y"] + 50)
    told = page.locator(f"{PLOT} .keys output").inner_text()
    assert "W" in told and page.locator(f"{PLOT} .at").inner_text().startswith("17 min 30")
    assert float(told.split("to ")[-1].split()[0]) > 200


def centre(page: Any) -> tuple[float, float]:
    box = page.locator(f"{PLOT} .u-over").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_keys_and_buttons_zoom_and_move(tab: Tab, files: dict[str, Path]) -> None:
    page = tab.open(files["example"])
    whole = seen(page)
    length = whole[1] - whole[0]
    page.locator(f"{PLOT} .plot").focus()
    page.keyboard.press("+")
    assert seen(page)[:2] == pytest.approx((length / 4, length * 3 / 4))
    page.keyboard.press("ArrowRight")
    assert seen(page)[0] == pytest.approx(length * 3 / 8)
    assert "to" in page.locator(f"{PLOT} [role=status]").inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("-")
    assert seen(page) == whole
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Later").click()
    assert seen(page)[0] > length / 4
    page.locator(f"{PLOT} .plot").focus()
    page.keyboard.press("Home")
    assert seen(page) == whole
    assert page.get_by_role("button", name="Zoom out").is_disabled()


def test_a_domain_that_is_switched_off_leaves_the_plot(tab: Tab, files: dict[str, Path]) -> None:
    page = tab.open(files["example"])
    before = page.locator(f"{PLOT} canvas").evaluate("one => one.toDataURL()")
    page.get_by_role("checkbox", name="package-0").uncheck()
    assert page.locator(f"{PLOT} canvas").evaluate("one => one.toDataURL()") != before


def test_without_scripts_there_is_a_drawing(browser: Any, files: dict[str, Path]) -> None:
    with tab_of(browser, java_script_enabled=False) as tab:
        page = tab.open(files["example"])
        assert page.locator(f"{PLOT} .static svg").is_visible()
        assert not page.locator(f"{PLOT} button").first.is_visible()
        assert page.locator("table.regions").is_visible()


def test_it_prints(tab: Tab, files: dict[str, Path]) -> None:
    page = tab.open(files["example"])
    page.emulate_media(media="print")
    assert page.locator(f"{PLOT} .static svg").is_visible()
    assert not page.locator(f"{PLOT} .plot").is_visible() and not page.locator("button").first.is_visible()
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert printed.startswith(b"%PDF") and printed.count(b"/Type /Page\n") >= 2


def test_finer_power_is_asked_for_where_the_page_has_none(
    browser: Any, files: dict[str, Path], long: Run, tmp_path: Path
) -> None:
    # GIVEN a page whose plot knows where finer power is to be had
    page_file = files["long"].read_text(encoding="ascii")
    page_file = page_file.replace(
        'data-power="power-data"', 'data-power="power-data" data-url="http://runs.test/power"'
    )
    page_file = page_file.replace("default-src ", "connect-src http://runs.test; default-src ")
    (tmp_path / "page.html").write_text(page_file, encoding="ascii")
    asked: list[str] = []
    with tab_of(browser) as tab:

        def answer(route: Any) -> None:
            asked.append(route.request.url)
            values = dict(pair.split("=") for pair in route.request.url.split("?")[1].split("&"))
            found = power(long, float(values["from"]), float(values["to"]), int(values["points"]))
            route.fulfill(json=found, headers={"Access-Control-Allow-Origin": "*"})

        tab.page.route("http://runs.test/**", answer)
        page = tab.open(tmp_path / "page.html")
        # WHEN somebody zooms in THEN that is asked for, once, and drawn
        drag(page, 0.69, 0.71)
        until(page, lambda: seen(page)[2] < 0.06)
        page.get_by_role("button", name="Zoom in").click()
        assert len(asked) == 1 and tab.problems == []
