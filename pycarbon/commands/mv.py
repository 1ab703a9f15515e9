"""pycarbon mv RUN... [--organisation O] [--project P] [--experiment E] [--name N]: say what runs belong to."""

from __future__ import annotations

import argparse


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon mv 1f3a2b4c 77aa --project digits --experiment warm-up\n"
        "  pycarbon mv train.pcr --name 'second try' --experiment ''    # of no experiment\n\n"
        "A file in the run store goes to the folder of its project. Nothing else in it changes."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run: a file, or an id of the store")
    parser.add_argument("--organisation", metavar="NAME", help="whose project it is")
    parser.add_argument("--project", metavar="NAME", help="the project that it belongs to")
    parser.add_argument("--experiment", metavar="NAME", help='the experiment of that project; "" for none')
    parser.add_argument("--name", metavar="NAME", help="what it is called")
    parser.set_defaults(parser=parser)


def run(options: argparse.Namespace) -> None:
    """Change the runs, and say on standard output where their files are."""
    from pycarbon.reports.figures import printable
    from pycarbon.store import changing, naming
    from pycarbon.store.amend import Changes

    changes = Changes(
        changing.name("organisation", options.organisation),
        changing.name("project", options.project),
        options.experiment and changing.name("experiment", options.experiment),
        options.name,
    )
    if changes == Changes():
        options.parser.error("say where to: --organisation, --project, --experiment or --name")
    for path in changing.change([naming.find(text) for text in options.runs], changes):
        print(printable(str(path)))
