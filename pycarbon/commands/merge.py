"""pycarbon merge RUN...: print what the runs of several machines used together, on a common wall clock."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pycarbon.errors import PyCarbonError
from pycarbon.store import naming


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from pycarbon import reports

    parser.epilog = (
        "examples:\n"
        "  pycarbon merge node1.pcr node2.pcr node3.pcr\n"
        "  pycarbon merge ranks/*.pcr --format json -o job.json\n\n"
        "Runs of one machine at the same time read the same counters: what these told counts once. How far the\n"
        "machines' clocks may be apart is in the report where their kernels knew it, as with NTP."
    )
    parser.add_argument(
        "runs", type=naming.seek, nargs="+", metavar="RUN", help="a run, from any machine: a file or an id"
    )
    parser.add_argument(
        "--format", choices=reports.MERGED_NAMES, default="text", help="how to print it (default: text)"
    )
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="same as --format json")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there, not on standard output")


def run(options: argparse.Namespace) -> None:
    """Print the report on standard output, or into a file."""
    from pycarbon import reports
    from pycarbon.merging import merge

    merged = merge(naming.load(path) for path in options.runs)
    if options.output is None:
        print(reports.get_merged(options.format, sys.stdout).render(merged))
        return
    text = reports.get_merged(options.format, None).render(merged)
    try:
        options.output.write_text(text + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PyCarbonError(
            f"{str(options.output)[:200]!r} cannot be written: {getattr(error, 'strerror', None) or error}"
        ) from None
