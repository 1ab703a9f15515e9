"""The system's Chromium for tests of pages: what a page complained of, whom it asked, and whom it keeps out."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SERIOUS = ("serious", "critical")


@dataclass
class Tab:
    """A page and what it did: `problems` are errors of scripts, console and CSP, `requests` addresses."""

    page: Any
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, where: str | Path) -> Any:
        """Go to an address, or to a file of this machine; give the page."""
        self.page.goto(where.as_uri() if isinstance(where, Path) else where)
        return self.page

    def violations(self) -> list[str]:
        """Say what axe finds that is serious or critical, a line each."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in SERIOUS
        ]


def until(page: Any, holds: Callable[[], bool], limit_s: float = 10) -> None:
    """Let a page go on until something holds; its wait_for_function would need what a strict CSP forbids."""
    end_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end_s, "it never came to that"
        page.wait_for_timeout(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for the tests of one file; skips where there is none, which CI does not forgive."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium on CI, where the pages must be opened")
        pytest.skip("no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def tab_of(browser: Any, **options: Any) -> Iterator[Tab]:
    """Open a tab with options of Playwright's contexts: color_scheme, viewport, offline, java_script_enabled."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    tab = Tab(context.new_page())
    tab.page.on("console", lambda said: said.type in ("error", "warning") and tab.problems.append(said.text))
    tab.page.on("pageerror", lambda error: tab.problems.append(str(error)))
    tab.page.on("request", lambda request: tab.requests.append(request.url))
    try:
        yield tab
    finally:
        context.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    """A tab of its own; the test fails at its end where the page complained of anything."""
    with tab_of(browser) as opened:
        yield opened
        assert not opened.problems
