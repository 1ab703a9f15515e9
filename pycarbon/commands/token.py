"""pycarbon token add|list|revoke: who may read a team's server, and who may send it runs."""

from __future__ import annotations

import argparse
import sys
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pycarbon.store.access_tokens import Tokens


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon token add --store /srv/carbon --scope read --name ada\n"
        "  pycarbon token list --store /srv/carbon\n"
        "  pycarbon token revoke ada --store /srv/carbon     # at once, with the sessions it opened\n\n"
        "A token is shown once; the store keeps only its hash."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="make a token and show it")
    add.add_argument("--scope", choices=("read", "upload"), required=True, help="see pages, or send runs")
    add.add_argument("--name", required=True, help="whose it is: a person, or a machine")
    listed = actions.add_parser("list", help="list the tokens, without their secrets")
    revoke = actions.add_parser("revoke", help="make a token worthless at once")
    revoke.add_argument("token", metavar="ID|NAME", help="as `pycarbon token list` shows it")
    for each in (add, listed, revoke):
        each.add_argument("--store", type=Path, required=True, metavar="DIR", help="the store of the server")


def run(options: argparse.Namespace) -> None:
    """Do it; a new token is all that standard output gets."""
    from pycarbon.store.access_tokens import Tokens

    tokens = Tokens(options.store)
    try:
        today = datetime.now(timezone.utc).date()
        {"add": _add, "list": _list, "revoke": _revoke}[options.action](tokens, options, today)
    finally:
        tokens.close()


def _add(tokens: Tokens, options: argparse.Namespace, today: date) -> None:
    print(tokens.add(options.name, options.scope, today), flush=True)
    print("pycarbon: this token is shown now and never again; keep it as a password", file=sys.stderr)


def _list(tokens: Tokens, options: argparse.Namespace, today: date) -> None:
    from pycarbon.reports.figures import printable

    rows = [("id", "scope", "created", "last used", "revoked", "name")]
    for token in tokens.all():
        rows.append(
            (token.id, token.scope, token.created, token.last_used or "never", token.revoked or "no", token.name)
        )
    for *cells, name in rows:
        print(*(f"{cell:<10}" for cell in cells), printable(name))


def _revoke(tokens: Tokens, options: argparse.Namespace, today: date) -> None:
    gone = tokens.revoke(options.token, today)
    print(f"pycarbon: the token {gone.id} of {gone.name} is worthless from now on", file=sys.stderr)
