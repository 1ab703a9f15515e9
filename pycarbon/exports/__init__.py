"""Exports: each writes a run, or a table of it, in a format of other tools, into a stream of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from pycarbon.exports.recorded import Recorded


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the module that writes it, whether it holds a table (else a trace), and how its files' names end."""

    module: str
    is_table: bool
    is_text: bool
    suffixes: tuple[str, ...]


FORMATS = {
    "parquet": Format("as_parquet", True, False, (".parquet", ".pq")),
    "csv": Format("as_csv", True, True, (".csv",)),
    "json": Format("as_json", True, True, (".json",)),
    "perfetto": Format("as_perfetto", False, False, (".pftrace", ".perfetto-trace")),
    "chrome-trace": Format("as_chrome_trace", False, True, (".trace.json",)),
}


def named(path: Path) -> str | None:
    """Tell the format from a file's name, by the longest ending that is one's; None where no ending is."""
    ends = [
        (len(suffix), name)
        for name, format_ in FORMATS.items()
        for suffix in format_.suffixes
        if path.name.endswith(suffix)
    ]
    return max(ends)[1] if ends else None


def write(run: Recorded, sink: BinaryIO, name: str, table: str, every: str | float | None) -> None:
    """Write a run in the format `name`; `table` is which one where the format holds a table.

    PyCarbonError where a package that the format needs is missing; OSError of the stream.
    """
    module = import_module(f"pycarbon.exports.{FORMATS[name].module}")
    if FORMATS[name].is_table:
        module.write(run, sink, table, every)
    else:
        module.write(run, sink, every)
