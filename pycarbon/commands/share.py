"""pycarbon share PROJECT --store DIR --days N: a link that shows one project of a team's server, read-only."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

MOST_DAYS = 3660


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon share digits --store /srv/carbon --days 30 --url https://carbon.example.org\n"
        "  pycarbon share --revoke-all --store /srv/carbon     # no link shared so far works any more\n\n"
        "Whoever has the link sees that project and its runs until the date, and nothing else."
    )
    parser.add_argument("project", nargs="?", help="the project to show")
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="the store of the server")
    parser.add_argument("--organisation", help="whose project (default: the only one that has such a project)")
    parser.add_argument("--days", type=_days, default=30, metavar="N", help="how long it works (default: 30)")
    parser.add_argument(
        "--url", default="http://127.0.0.1:8250", help="how the server is reached (default: http://127.0.0.1:8250)"
    )
    parser.add_argument("--revoke-all", action="store_true", help="end all links that were ever shared")


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_DAYS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {MOST_DAYS}")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Print the link, or end all of them."""
    import contextlib
    from datetime import datetime, timezone

    from pycarbon.dashboard.access import Access
    from pycarbon.errors import PyCarbonError
    from pycarbon.reports.figures import printable

    if options.revoke_all == (options.project is not None):
        raise PyCarbonError("name a project to share, or give --revoke-all")
    organisation = "" if options.revoke_all else _organisation(options)
    with contextlib.closing(Access(options.store)) as access:
        if options.revoke_all:
            access.tokens.renew("links")
            print("pycarbon: no link that was shared so far works any more", file=sys.stderr)
            return
        until_s = int(access.now_s()) + options.days * 86400
        link = access.share(organisation, options.project, until_s)
    print(f"{options.url.rstrip('/')}/shared/{link}", flush=True)
    until = datetime.fromtimestamp(until_s, timezone.utc)
    shown = printable(f"{options.project} of {organisation}")
    print(f"pycarbon: whoever has this link sees {shown} until {until:%Y-%m-%d %H:%M} UTC", file=sys.stderr)


def _organisation(options: argparse.Namespace) -> str:
    """Find whose project is meant; PyCarbonError where nobody's is, or several are."""
    import contextlib

    from pycarbon.errors import PyCarbonError
    from pycarbon.store.filters import Filter
    from pycarbon.store.index import Store

    with contextlib.closing(Store(options.store)) as store:
        store.refresh()
        chosen = Filter(project=options.project, organisation=options.organisation)
        found = [group.key for group in store.by("organisation", chosen)]
    if not found:
        raise PyCarbonError(
            f"no run in {options.store} is of the project {options.project!r}; look with `pycarbon ls`"
        )
    if len(found) > 1:
        raise PyCarbonError(
            f"{' and '.join(sorted(found)[:5])} have a project {options.project!r}; say which with --organisation"
        )
    return found[0]
