"""Reports: each turns a run into text for one kind of reader, and does no input or output itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TextIO

from pycarbon.analysis import Run

if TYPE_CHECKING:
    from pycarbon.footprint import Sci
    from pycarbon.merging import Merged

NAMES = ("text", "json")


class Report(Protocol):
    """What every report can do."""

    def render(self, run: Run, score: Sci | None = None) -> str:
        """Give the whole report of a run, with its score where there is one."""
        ...


def get(name: str, stream: TextIO | None) -> Report:
    """Find the report called `name`, fit for `stream`: colours and width only where it is a terminal."""
    if name == "json":
        from pycarbon.reports.as_json import JsonReport

        return JsonReport()
    from pycarbon.reports.text import TextReport, style_for

    return TextReport(style_for(stream))


class MergedReport(Protocol):
    """What every report of several runs can do."""

    def render(self, merged: Merged) -> str:
        """Give the whole report."""
        ...


def get_merged(name: str, stream: TextIO | None) -> MergedReport:
    """Find the report of several runs called `name`, fit for `stream`."""
    if name == "json":
        from pycarbon.reports.merged_json import MergedJson

        return MergedJson()
    from pycarbon.reports.merged_text import MergedText
    from pycarbon.reports.text import style_for

    return MergedText(style_for(stream))
