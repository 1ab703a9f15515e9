"""pycarbon compare RUN_A RUN_B [RUN_C ...]: print what became of the first run's figures in the others."""

from __future__ import annotations

import argparse
import sys

from pycarbon.store import naming


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from pycarbon import reports

    parser.epilog = (
        "examples:\n"
        "  pycarbon compare before.pcr after.pcr\n"
        "  pycarbon compare base.pcr one.pcr two.pcr --format json\n\n"
        "Intervals are those of the measurements, of one run each: whether another run of the same code\n"
        "would differ as much, `pycarbon bench` tells."
    )
    parser.add_argument(
        "baseline", type=naming.seek, metavar="RUN_A", help="a recorded run: what the others are compared with"
    )
    parser.add_argument("others", type=naming.seek, nargs="+", metavar="RUN_B", help="another run, or several")
    parser.add_argument(
        "--format", choices=reports.COMPARED_NAMES, default="text", help="how to print it (default: text)"
    )
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="same as --format json")
    parser.add_argument("--all", action="store_true", help="every region, not only those that changed the most")


def run(options: argparse.Namespace) -> None:
    """Print the comparison on standard output."""
    from pycarbon import reports
    from pycarbon.run_differences import differences

    compared = differences([naming.load(path) for path in (options.baseline, *options.others)])
    print(reports.get_compared(options.format, sys.stdout, options.all).render(compared))
