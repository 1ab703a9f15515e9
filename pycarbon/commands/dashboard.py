"""pycarbon dashboard: look at all recorded runs in a browser, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pycarbon.errors import PyCarbonError

HOST, PORT = "127.0.0.1", 8250


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon dashboard --open\n"
        "  pycarbon dashboard --store /srv/pycarbon --port 0\n\n"
        "It listens on this machine alone; on another address it asks everybody for a token. The address stands on\n"
        "standard error; Ctrl-C ends it."
    )
    parser.add_argument("--host", default=HOST, help=f"the address to listen on (default: {HOST})")
    parser.add_argument("--port", type=_port, default=PORT, help=f"default: {PORT}; 0: a free one")
    parser.add_argument("--store", type=Path, metavar="DIR", help="the folder of runs (default: where runs go)")
    parser.add_argument("--open", action="store_true", help="open it in the browser, too")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Answer until somebody ends it."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # ours: numpy would start threads, each with memory
    from pycarbon.dashboard import entry, serving
    from pycarbon.dashboard.app import create_app

    folder = _store() if options.store is None else options.store
    if options.store is not None and not folder.is_dir():
        raise PyCarbonError(f"{folder} is no folder; --store takes the one where runs are")
    app = create_app(folder, entry.access_for(folder, options.host, always=False))
    opened = serving.listening(options.host, options.port)
    url = serving.url_of(opened)
    if sys.stderr is not None:
        for line in entry.warnings(options.host, None):
            print(f"pycarbon: {line}", file=sys.stderr)

    def ready() -> None:
        if sys.stderr is not None:
            print(f"pycarbon: {folder} is at {url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        if options.open:
            import webbrowser

            webbrowser.open(url)

    serving.serve(app, opened, ready)


def _store() -> Path:
    from pycarbon import settings

    found, complaints = settings.resolve()
    for line in complaints:
        if sys.stderr is not None:
            print(f"pycarbon: {line}", file=sys.stderr)
    return found.data_dir
