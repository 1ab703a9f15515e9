"""Draw what `pycarbon report --format html` shows as docs/pictures/report-light.png and report-dark.png.

The run is tests/unit/report_world.py's: the pictures stay the same where nothing changed.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 1100, 1480
COLOURS = 64


def draw() -> None:
    """Write the page into a folder that goes away, and take its picture, light and dark."""
    sys.path.insert(0, str(HERE.parents[1] / "tests" / "unit"))
    from PIL import Image
    from playwright.sync_api import sync_playwright
    from report_world import example

    from pycarbon.analysis import Run
    from pycarbon.reports.as_html import HtmlReport

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "report.html"
        page_file.write_text(HtmlReport().render(Run(example())), encoding="ascii")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme, viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(page_file.as_uri())
            shot = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
            shot.convert("RGB").quantize(COLOURS).save(HERE / f"report-{scheme}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    draw()
