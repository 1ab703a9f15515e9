"""pycarbon index [URL...]: bring the run store's index, and what it has of stores elsewhere, up to what files say."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pycarbon.errors import PyCarbonError

if TYPE_CHECKING:
    from pycarbon.store.index import Store


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon index --verbose                  # and name each file that holds no run that can be used\n"
        "  pycarbon index --rebuild                  # forget the index and read all files again\n"
        "  pycarbon index s3://bucket/runs           # a store elsewhere: its runs are listed, and only read\n"
        "  pycarbon index --remove s3://bucket/runs  # and no longer; its files stay\n\n"
        "Every command that lists runs looks for changed files of the store first; at stores elsewhere only this\n"
        "one looks. What opens them is fsspec, which knows where credentials are."
    )
    parser.add_argument(
        "sources", nargs="*", metavar="URL", help="look at these stores elsewhere (default: at all that were given)"
    )
    parser.add_argument("--remove", action="append", default=[], metavar="URL", help="forget a store elsewhere")
    parser.add_argument("--rebuild", action="store_true", help="forget what the index says, and read all files again")
    parser.add_argument("--verbose", action="store_true", help="name each file that is refused, with the reason")


def run(options: argparse.Namespace) -> int:
    """Look at the files, and say on standard output what is in the index now; 1 where a source cannot be read."""
    from pycarbon.reports.figures import printable
    from pycarbon.store import naming
    from pycarbon.store.index import Store

    store = Store(naming.folder())
    for url in options.remove:
        print(f"{printable(url)}: forgotten, with {store.remove_source(url)} runs; its files stay")
    if options.remove and not (options.sources or options.rebuild):
        return 0
    found = store.rebuild(_tell) if options.rebuild else store.refresh(everything=True, progress=_tell)
    unread = _look_elsewhere(store, options.sources)
    refused = store.refused()
    words = [
        f"runs: {store.totals().runs}",
        f"read: {found.added}",
        f"gone: {found.gone}",
        f"refused: {len(refused)}",
    ]
    print(f"{printable(str(store.folder))}  {', '.join(words)}")
    if store.read_only:
        print("pycarbon: nothing can be written there: the index is as it was", file=sys.stderr)
    for path, why in refused if options.verbose else ():
        print(f"  {printable(path)}: {printable(why)}")
    return 1 if unread else 0


def _look_elsewhere(store: Store, wanted: list[str]) -> int:
    """Look at other stores, one line for each, and say how many of them cannot be read now."""
    from pycarbon.reports.figures import printable

    unread = 0
    for url in wanted or [source.url for source in store.sources()]:
        try:
            found = store.refresh_source(url, _tell)
        except PyCarbonError as error:
            print(f"pycarbon: {printable(str(error))}", file=sys.stderr)
            unread += 1
        else:
            print(f"{printable(url)}  read: {found.added}, gone: {found.gone}, refused: {len(found.refused)}")
    return unread


def _tell(count: int) -> None:
    """Say on a terminal how far it is."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r{count} files read", end="\r", file=sys.stderr, flush=True)
