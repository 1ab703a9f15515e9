"""pycarbon ls [FILTERS] [--by WHAT]: list the runs of the store, or add them up."""

from __future__ import annotations

import argparse
import sys

from pycarbon.store import options as filters

DEFAULT_LIMIT = 50


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    from pycarbon.store.queries import DIMENSIONS, ORDERS

    parser.epilog = (
        "examples:\n"
        "  pycarbon ls --project digits --since 2026-11-01 --sort energy\n"
        "  pycarbon ls --by month --kind measured\n"
        "  pycarbon ls --tag user=ada --json\n\n"
        "Sums are of all runs that fit, not only of those listed."
    )
    filters.add_options(parser)
    parser.add_argument(
        "--sort", choices=ORDERS, default="started", help="largest or latest first (default: started)"
    )
    parser.add_argument("--limit", type=_count, default=DEFAULT_LIMIT, metavar="N", help="list so many (default: 50)")
    parser.add_argument("--by", choices=DIMENSIONS, help="no list, but sums by that")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of runs")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Print them on standard output."""
    from pycarbon.reports import runs_json
    from pycarbon.reports.runs_text import RunsText
    from pycarbon.reports.text import style_for
    from pycarbon.store import naming

    wanted = filters.chosen(options)
    store = naming.opened()
    report = runs_json if options.json else RunsText(style_for(sys.stdout))
    totals, refused = store.totals(wanted), len(store.refused())
    if options.by is not None:
        print(report.render_sums(options.by, store.by(options.by, wanted), totals, refused))
        return
    runs = store.runs(wanted, options.sort, descending=options.sort != "name", limit=options.limit)
    print(report.render(runs, store.by("kind", wanted), totals, refused))
