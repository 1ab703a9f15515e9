"""pycarbon advise RUN [--zone ZONE] [--all]: where and when the run would emit less, and what in it was waste."""

from __future__ import annotations

import argparse
import sys

from pycarbon.store import naming


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon advise train.pcr\n"
        "  pycarbon advise train.pcr --zone aws:us-west-1 --all\n\n"
        "Every place is counted by the method of the run. A saving whose range holds zero is no better\n"
        "than noise: --all shows those as well. Nothing uses the network."
    )
    parser.add_argument("run", type=naming.seek, metavar="RUN", help="a run: a file, or an id of the run store")
    parser.add_argument("--zone", metavar="ZONE", help="as if it had run there: FRA, US-WY, aws:us-east-1, ...")
    parser.add_argument("--all", action="store_true", help="everything, also what is no better than noise")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> None:
    """Print the advice on standard output."""
    from pycarbon.advising import advise
    from pycarbon.reports import advice_json
    from pycarbon.reports.advice_text import AdviceText
    from pycarbon.reports.text import style_for

    advised = advise(naming.load(options.run), options.zone)
    if options.json:
        print(advice_json.render(advised))
    else:
        print(AdviceText(style_for(sys.stdout), options.all).render(advised))
