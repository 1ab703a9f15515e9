"""A run as one page that opens offline: styles, scripts and data are in it, and it asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from pycarbon.analysis import Run
from pycarbon.reports.run_view import view
from pycarbon.web import environment, static

if TYPE_CHECKING:
    from pycarbon.footprint import Sci


class HtmlReport:
    """The report for browsers, and for paper."""

    def render(self, run: Run, score: Sci | None = None) -> str:
        """Give the whole page, in ASCII: any stream can take it, whatever the run's name.

        PyCarbonError where Jinja2 is missing.
        """
        styles = static("uPlot.min.css") + static("style.css")
        licence = f"/*\n{static('uPlot.LICENSE')}*/\n"
        scripts = licence + static("uPlot.iife.min.js") + static("power.js")
        page = environment().get_template("report.html")
        text = page.render(
            view=view(run, score), inline=True, styles=styles, scripts=scripts, csp=policy(styles, scripts)
        )
        return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def policy(styles: str, scripts: str) -> str:
    """Allow just these styles and scripts, and no address."""
    return (
        f"default-src 'none'; style-src '{_digest(styles)}'; script-src '{_digest(scripts)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
