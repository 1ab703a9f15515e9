"""Draw pages of the dashboard as docs/pictures/dashboard-run.png and dashboard-whatif.png.

The runs are tests/unit/report_world.py's, at three places: the pictures stay the same where nothing changed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTH = 1040
PAGES = {"dashboard-run": ("/run/{id}", "light", 1340), "dashboard-whatif": ("/whatif?to=SWE", "light", 900)}


def draw() -> None:
    """Make a store that goes away, serve it, and take pictures of its pages."""
    sys.path[:0] = [str(HERE.parents[1] / "tests" / name) for name in ("unit", "integration", "emulator")]
    from playwright.sync_api import sync_playwright
    from served import served

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run_id = fill(Path(folder))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with served(Path(folder)) as address:
            for name, (path, scheme, height) in PAGES.items():
                page = browser.new_page(color_scheme=scheme, viewport={"width": WIDTH, "height": height})
                page.goto(address + path.format(id=run_id))
                page.wait_for_load_state("networkidle")
                page.screenshot(path=HERE / f"{name}.png", animations="disabled")
        browser.close()


def fill(folder: Path) -> str:
    """Put a run at each of three places into a store; give the id of the first."""
    from report_world import example

    from pycarbon import fold, intensity
    from pycarbon.store.index import Store

    belongs = {"organisation": "lab", "project": "digits", "experiment": "baseline"}
    for number, zone in enumerate(("FRA", "DEU", "USA")):
        run = example()
        told = {"id": f"{number}dd62b93a0f14c7e", "started_at": f"2026-03-{number + 1:02d}T08:30:00.000+00:00"}
        run.meta |= belongs | told | {"intensity": asdict(intensity.lookup(zone))}
        fold.write(fold.frames_of(run), folder / f"{number}.pcr")
    Store(folder).close()
    return "0dd62b93a0f14c7e"


if __name__ == "__main__":
    draw()
