"""pycarbon tag RUN... K=V... [--remove K]: attach tags to recorded runs, or take some away."""

from __future__ import annotations

import argparse


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.usage = "pycarbon tag RUN [RUN ...] K=V [K=V ...] [--remove K]"
    parser.epilog = (
        "examples:\n"
        "  pycarbon tag 1f3a2b4c reviewed=yes model=resnet50\n"
        "  pycarbon tag train.pcr --remove reviewed\n\n"
        "What holds a = and is no file is a tag. The file is written anew; nothing else in it changes."
    )
    parser.add_argument("words", nargs="+", metavar="RUN or K=V", help="runs (files or ids), and tags to attach")
    parser.add_argument("--remove", action="append", default=[], metavar="K", help="take a tag away; repeatable")
    parser.set_defaults(parser=parser)


def run(options: argparse.Namespace) -> None:
    """Write the tags, and say nothing."""
    from pycarbon.store import changing, naming
    from pycarbon.store.amend import Changes

    tags = dict(word.split("=", 1) for word in options.words if _is_tag(word))
    runs = [naming.find(word) for word in options.words if not _is_tag(word)]
    if "" in tags:
        options.parser.error("a tag needs a name: write K=V")
    if not runs or not (tags or options.remove):
        options.parser.error("name runs, and tags as K=V or with --remove K")
    changing.change(runs, Changes(tags=tags, removed=tuple(options.remove)))


def _is_tag(word: str) -> bool:
    from pycarbon.store import naming

    return "=" in word and not naming.is_path(word)
