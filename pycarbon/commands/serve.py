"""pycarbon serve --store DIR: a team's server, which takes runs and shows them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

MOST_MIB = 1 << 14


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon token add --store /srv/carbon --scope read --name ada     # for people: shows a token once\n"
        "  pycarbon token add --store /srv/carbon --scope upload --name ci    # for machines that push runs\n"
        "  pycarbon serve --store /srv/carbon --behind-proxy                  # a proxy on this machine has TLS\n\n"
        "Everybody needs a token. docs/server.md tells of proxies, backups and what is defended against whom."
    )
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="where its runs are, or will be")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8250, help="0 takes one that is free (default: 8250)")
    parser.add_argument(
        "--largest-upload", type=_mib, default=64, metavar="MIB", help="the largest run file it takes (default: 64)"
    )
    parser.add_argument(
        "--behind-proxy",
        nargs="?",
        const="127.0.0.1",
        metavar="ADDRESS",
        help="believe the proxy at ADDRESS (default: 127.0.0.1) who asks, and whether by https",
    )


def _mib(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_MIB):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of MiB from 1 to {MOST_MIB}")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Serve until somebody ends it; say where on standard output."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # ours: numpy would start threads, each with memory
    from pycarbon.dashboard import entry, serving
    from pycarbon.dashboard.app import create_app
    from pycarbon.dashboard.uploads import Uploads

    access = entry.access_for(options.store, options.host, always=True)
    app = create_app(options.store, access, Uploads(options.store, options.largest_upload << 20))
    opened = serving.listening(options.host, options.port)
    for line in entry.warnings(options.host, options.behind_proxy):
        print(f"pycarbon: {line}", file=sys.stderr)
    url = serving.url_of(opened)
    serving.serve(app, opened, lambda: print(f"serving {options.store} at {url}", flush=True), options.behind_proxy)
