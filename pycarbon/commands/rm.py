"""pycarbon rm RUN... [--yes]: delete runs of the store."""

from __future__ import annotations

import argparse
import sys

from pycarbon.errors import PyCarbonError


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "example:\n"
        "  pycarbon rm 1f3a2b4c 77aa --yes\n\n"
        "What is deleted is gone: its file, and its part of every sum. Files that lie elsewhere are left alone."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run of the store: an id, or its file")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace) -> None:
    """Ask, delete, and say on standard output what that frees."""
    from pycarbon.reports.figures import printable
    from pycarbon.store import changing, naming

    paths = list(dict.fromkeys(naming.find(text) for text in options.runs))
    for path in paths:
        if not changing.in_store(path):
            raise PyCarbonError(f"{path} does not lie in the run store: delete it as any other file")
        if not path.is_file():
            raise PyCarbonError(f"{path} is no file of a finished run: nothing is deleted")
    freed_bytes = sum(path.stat().st_size for path in paths)
    what = f"{len(paths)} run{'' if len(paths) == 1 else 's'}, {freed_bytes / 1000:.1f} kB"
    if not options.yes and not _agreed(f"delete {what}: {', '.join(printable(path.name) for path in paths)}?"):
        raise PyCarbonError("nothing is deleted")
    store = naming.opened()
    for path in paths:
        store.remove_file(path)
    print(f"deleted {what}")


def _agreed(question: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise PyCarbonError("nothing is deleted: there is no terminal to ask on; add --yes")
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
