"""Reports: each turns a run into text for one kind of reader, and does no input or output itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TextIO

from pycarbon.analysis import Run

if TYPE_CHECKING:
    from pycarbon.footprint import Sci
    from pycarbon.kernel_figures import KernelFigures
    from pycarbon.merging import Merged
    from pycarbon.run_differences import RunDifferences

NAMES = ("text", "json", "html")
MERGED_NAMES = ("text", "json")
COMPARED_NAMES = ("text", "json", "csv", "markdown")


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
    if name == "html":
        from pycarbon.reports.as_html import HtmlReport

        return HtmlReport()
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


class ComparedReport(Protocol):
    """What every report of runs side by side can do."""

    def render(self, compared: RunDifferences) -> str:
        """Give the whole report."""
        ...


def get_compared(name: str, stream: TextIO | None, everything: bool = False) -> ComparedReport:
    """Find the report of runs side by side called `name`, fit for `stream`; with `everything`, of all regions."""
    if name == "json":
        from pycarbon.reports.compared_json import ComparedJson

        return ComparedJson()
    from pycarbon.reports.text import style_for

    style = style_for(stream)
    if name == "csv":
        from pycarbon.reports.compared_csv import ComparedCsv

        return ComparedCsv(style)
    if name == "markdown":
        from pycarbon.reports.compared_markdown import ComparedMarkdown

        return ComparedMarkdown(style, everything)
    from pycarbon.reports.compared_text import ComparedText

    return ComparedText(style, everything)


class KernelsReport(Protocol):
    """What every report of kernels can do."""

    def render(self, found: KernelFigures, run: Run) -> str:
        """Give the whole report."""
        ...


def get_kernels(name: str, stream: TextIO | None, everything: bool = False) -> KernelsReport:
    """Find the report of kernels called `name`, fit for `stream`; with `everything`, of all kernels."""
    if name == "json":
        from pycarbon.reports.kernels_json import KernelsJson

        return KernelsJson()
    from pycarbon.reports.kernels_text import KernelsText
    from pycarbon.reports.text import style_for

    return KernelsText(style_for(stream), everything)
