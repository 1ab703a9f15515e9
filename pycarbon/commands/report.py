"""pycarbon report RUN [--format FORMAT]: print what a recorded run used."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from pycarbon import reports

    parser.epilog = "example: pycarbon report train.pcr --format json"
    parser.add_argument("run", type=Path, metavar="RUN", help="a file written by `pycarbon run` or pycarbon.record()")
    parser.add_argument("--format", choices=reports.NAMES, default="text", help="how to print it (default: text)")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="same as --format json")


def run(options: argparse.Namespace) -> None:
    """Print the report on standard output."""
    from pycarbon import reports
    from pycarbon.analysis import load

    print(reports.get(options.format, sys.stdout).render(load(options.run)))
