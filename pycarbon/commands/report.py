"""pycarbon report RUN [--format FORMAT]: print what a recorded run used."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pycarbon import recount
from pycarbon.errors import PyCarbonError
from pycarbon.store import naming

if TYPE_CHECKING:
    from pycarbon.analysis import Run
    from pycarbon.footprint import Sci


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from pycarbon import reports

    parser.epilog = (
        "examples:\n"
        "  pycarbon report train.pcr --format json\n"
        "  pycarbon report train.pcr --format html > train.html\n"
        "  pycarbon report train.pcr --zone DEU --year 2023 --scope direct\n"
        "  pycarbon report serve.pcr --embodied 1500 --per request=120000"
    )
    parser.add_argument("run", type=naming.seek, metavar="RUN", help="a run: a file, or an id of the run store")
    parser.add_argument("--format", choices=reports.NAMES, default="text", help="how to print it (default: text)")
    parser.add_argument(
        "--per", metavar="UNIT[=COUNT]", help="score it (ISO/IEC 21031), per request=1200 or a region"
    )
    parser.add_argument("--boundary", choices=("machine", "process"), default="machine", help="whose energy to score")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="same as --format json")
    recount.add_options(parser)


def run(options: argparse.Namespace) -> None:
    """Print the report on standard output."""
    from pycarbon import reports

    wanted = recount.as_wanted(naming.load(options.run), options)
    score = None if options.per is None else _score(wanted, options)
    print(reports.get(options.format, sys.stdout).render(wanted, score))


def _score(run: Run, options: argparse.Namespace) -> Sci:
    unit, equals, count = options.per.rpartition("=")
    if not equals:
        return run.sci(options.per, None, options.boundary)
    try:
        return run.sci(unit, float(count), options.boundary)
    except ValueError:
        raise PyCarbonError(f"--per {options.per!r} counts nothing: write UNIT=COUNT, such as request=1200") from None
