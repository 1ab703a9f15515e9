"""pycarbon export RUN [--format FORMAT] [-o FILE]: write a run for other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pycarbon.errors import PyCarbonError
from pycarbon.store import naming

WAYS = """\
example: pycarbon export train.pcr -o train.parquet
         pycarbon export train.pcr --format csv --table power --every 100ms
         pycarbon export train.pcr -o train.pftrace     (open it on ui.perfetto.dev)"""


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from pycarbon.exports import FORMATS
    from pycarbon.exports.tables import TABLES

    parser.epilog = WAYS
    parser.add_argument("run", type=naming.seek, metavar="RUN", help="a run: a file, or an id of the run store")
    parser.add_argument("--format", choices=FORMATS, help="what to write (default: what FILE's name ends with)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (default: standard output)")
    parser.add_argument("--table", choices=TABLES, help="which table, of parquet, csv and json (default: edges)")
    parser.add_argument(
        "--every",
        type=_length,
        metavar="TIME",
        help="mean power over windows of this length, 10ms or 0.5s (default: as short as the counter resolves)",
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.set_defaults(check=lambda options: _check(parser, options))


def _length(text: str) -> str:
    from pycarbon.series import seconds

    try:
        seconds(text)
    except PyCarbonError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """Give the format; end with wrong usage where the options do not go together."""
    from pycarbon.exports import FORMATS, named

    name: str | None = options.format or (named(options.output) if options.output else None)
    if name is None:
        parser.error(f"--format says what to write: {', '.join(FORMATS)}")
    if options.table is not None and not FORMATS[name].is_table:
        parser.error(f"--table is for formats that hold one table, {name} holds the whole run")
    if options.every is not None and FORMATS[name].is_table and options.table != "power":
        parser.error("--every is for traces and for --table power")
    return name


def run(options: argparse.Namespace) -> None:
    """Write it; what is not in it is said on standard error."""
    name = options.check(options)
    from pycarbon.exports import FORMATS, output, spans, write

    loaded = naming.load(options.run)
    table = options.table or "edges"
    if options.output is None:
        stream = output.standard_output(FORMATS[name].is_text)
        write(loaded, stream, name, table, options.every)
        stream.flush()
    else:
        with output.to_file(options.output, options.force, never=loaded.path) as stream:
            write(loaded, stream, name, table, options.every)
    if table == "calls" or not FORMATS[name].is_table:
        for line in spans.missing(loaded):
            if sys.stderr is not None:
                print(f"pycarbon: {line}", file=sys.stderr)
