"""Draw the pictures of docs/dashboard.md: `python docs/pictures/draw_dashboard.py`.

A store of an invented organisation is made anew, shown by the dashboard, and photographed in the system's Chromium.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "emulator"))

from demo_store import damaged, demo  # noqa: E402

OF = "organisation=acme&project=speech"
PICTURES = {
    "dashboard-overview": ("/", 1280, 1180, "light"),
    "dashboard-project": (f"/project?{OF}", 1280, 1180, "dark"),
    "dashboard-experiment": (f"/experiment?{OF}&experiment=wider", 1280, 1250, "light"),
    "dashboard-runs": ("/runs?sort=energy&machine=gpu-7&tag=user%3Dada", 1280, 1000, "dark"),
    "dashboard-telephone": ("/", 390, 1250, "light"),
}


def draw(folder: Path) -> None:
    """Make the store, start the dashboard, take the pictures."""
    demo(folder, 400, datetime(2025, 11, 3, tzinfo=timezone.utc), 388)
    damaged(folder, ["acme/speech/20261001-cut.pcr"])
    server = subprocess.Popen(
        [sys.executable, "-m", "pycarbon", "dashboard", "--port", "0", "--store", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        found = re.search(r"http://\S+?:\d+", server.stderr.readline())
        assert found
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name, (path, width, height, scheme) in PICTURES.items():
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.goto(found[0] + path)
                page.screenshot(path=HERE / f"{name}.png")
                page.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(10)
        server.stderr.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder))
