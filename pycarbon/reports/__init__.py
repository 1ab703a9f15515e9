"""Reports: each turns a run into text for one kind of reader, and does no input or output itself."""

from __future__ import annotations

from typing import Protocol, TextIO

from pycarbon.analysis import Run

NAMES = ("text", "json")


class Report(Protocol):
    """What every report can do."""

    def render(self, run: Run) -> str:
        """Give the whole report of a run."""
        ...


def get(name: str, stream: TextIO | None) -> Report:
    """Find the report called `name`, fit for `stream`: colours and width only where it is a terminal."""
    if name == "json":
        from pycarbon.reports.as_json import JsonReport

        return JsonReport()
    from pycarbon.reports.text import TextReport, style_for

    return TextReport(style_for(stream))
