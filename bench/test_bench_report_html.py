"""The report in one file of 10^7 updates of a counter: how large it is, and how fast Chromium draws it and zooms."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ratios import Line, Report, median, ratio

sys.path.append(str(Path(__file__).parents[1] / "tests" / "unit"))
from report_world import long_run

from pycarbon.analysis import Run
from pycarbon.reports.as_html import HtmlReport

UPDATES = (10_000, 10_000_000)
LARGEST_BYTES = 500_000
ZOOM = """async () => {
  const plot = document.querySelector("figure.power .plot");
  const times = [];
  for (const key of ["+", "+", "ArrowRight", "+", "+", "ArrowLeft", "+", "-", "-", "Home"]) {
    const start = performance.now();
    plot.dispatchEvent(new KeyboardEvent("keydown", { key }));
    await Promise.resolve();
    times.push(performance.now() - start);
  }
  return times;
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, float]]:
    """Reports of a short and a long run, and how long each took to write."""
    folder, found = tmp_path_factory.mktemp("reports"), {}
    for updates in UPDATES:
        run = Run(long_run(updates))
        start = time.perf_counter()
        text = HtmlReport().render(run)
        took_s = time.perf_counter() - start
        found[updates] = folder / f"{updates}.html", took_s
        found[updates][0].write_text(text, encoding="ascii")
    return found


def test_a_long_run_is_drawn_as_fast_as_a_short_one(
    benchmark: Any, report: Report, files: dict[int, tuple[Path, float]]
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    opened: dict[int, list[float]] = {updates: [] for updates in UPDATES}
    zoomed: dict[int, list[float]] = {updates: [] for updates in UPDATES}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(8):
            for updates, (path, _) in files.items():
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(path.as_uri())
                opened[updates].append(page.evaluate("performance.getEntriesByType('navigation')[0].domComplete"))
                zoomed[updates] += page.evaluate(ZOOM)
                page.close()
        browser.close()
    short, long = UPDATES
    size = files[long][0].stat().st_size
    share = ratio([size / LARGEST_BYTES] * 6, [1.0] * 6)
    report.add(benchmark, Line("report of 10^7 updates", f"{size / 1000:.0f} kB", "most", "500 kB", share, 1.0))
    report.add(benchmark, Line("written", f"{files[long][1]:.2f} s", "of 10^4", f"{files[short][1]:.2f} s"))
    for name, times, most in (("opened and drawn", opened, 2.0), ("one step of zooming", zoomed, 2.0)):
        beside = ratio(times[long], times[short])
        ours, peer = (f"{median(times[which]).show()} ms" for which in (long, short))
        report.add(benchmark, Line(name, ours, "of 10^4", peer, beside, most))
    benchmark.pedantic(lambda: None, rounds=1)
