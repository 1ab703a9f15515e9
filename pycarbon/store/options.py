"""The options that choose runs of the store, for every command that lists or adds them up."""

from __future__ import annotations

import argparse

from pycarbon.store.filters import KINDS, Filter, from_query

_TEXTS = {
    "organisation": ("NAME", "of one organisation"),
    "project": ("NAME", "of one project"),
    "experiment": ("NAME", 'of one experiment; "" for runs that belong to none'),
    "since": ("DAY", "begun on that day or later, such as 2026-11-27 (UTC)"),
    "until": ("DAY", "begun on that day or earlier"),
    "machine": ("NAME", "recorded on that machine"),
    "device": ("NAME", "of processors of that name"),
    "zone": ("ZONE", "counted with that zone's electricity"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe them."""
    group = parser.add_argument_group("only some runs")
    for name, (metavar, text) in _TEXTS.items():
        group.add_argument(f"--{name}", metavar=metavar, help=text)
    group.add_argument("--kind", choices=KINDS, help="whose energy is measured, or modelled")
    group.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="K[=V]",
        help="with that tag, of any value without =V; repeatable",
    )


def chosen(options: argparse.Namespace) -> Filter:
    """Give the filter that somebody asked for; PyCarbonError, in one line, where it is no good."""
    pairs = [(name, value) for name in (*_TEXTS, "kind") if (value := getattr(options, name)) is not None]
    return from_query([*pairs, *(("tag", tag) for tag in options.tag)])
