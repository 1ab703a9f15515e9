"""pycarbon show [RUN | PROJECT | PROJECT/EXPERIMENT]: a run, or sums, their trend and what is in them."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from pycarbon.store.filters import Filter

if TYPE_CHECKING:
    from pathlib import Path

    from pycarbon.store.index import Store
    from pycarbon.store.naming import Elsewhere


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon show                      # the organisation, or all of them\n"
        "  pycarbon show digits/warm-up       # an experiment of a project\n"
        "  pycarbon show 1f3a                 # the run whose id begins so\n\n"
        "A file comes before a project of that name, and a project before the id of a run."
    )
    parser.add_argument("what", nargs="?", metavar="WHAT", help="a run (file or id), PROJECT, or PROJECT/EXPERIMENT")
    parser.add_argument("--organisation", metavar="NAME", help="of one organisation")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> None:
    """Print it on standard output."""
    from pycarbon.store import naming

    if options.what is not None and naming.is_path(options.what):
        _show_run(naming.seek(options.what), options.json)
        return
    store = naming.opened()
    chosen = _chosen(store, options)
    if chosen is None:
        _show_run(naming.seek(options.what), options.json)
    else:
        _show_sums(store, chosen, options.json)


def _chosen(store: Store, options: argparse.Namespace) -> Filter | None:
    """Say of what sums are wanted; None where no project or experiment is called so."""
    within = Filter(organisation=options.organisation)
    if options.what is None:
        organisations = [group.key for group in store.by("organisation")]
        return Filter(organisation=organisations[0]) if len(organisations) == 1 else within
    projects = {group.key for group in store.by("project", within)}
    if options.what in projects:
        return within.but(project=options.what)
    words = options.what.split("/")
    for border in range(1, len(words)):  # names may have a / of their own
        project, experiment = "/".join(words[:border]), "/".join(words[border:])
        inside = within.but(project=project)
        if project in projects and experiment in {group.key for group in store.by("experiment", inside)}:
            return inside.but(experiment=experiment)
    return None


def _show_run(named: Path | Elsewhere, as_json: bool) -> None:
    from pycarbon import reports
    from pycarbon.store import naming

    print(reports.get("json" if as_json else "text", sys.stdout).render(naming.load(named)))


def _show_sums(store: Store, chosen: Filter, as_json: bool) -> None:
    from pycarbon.reports.project_text import ProjectText
    from pycarbon.reports.text import style_for
    from pycarbon.store.overview import overview

    seen, refused = overview(store, chosen), len(store.refused())
    if as_json:
        values = {"schema": 1, **seen.to_dict(), "refused_files": refused}
        print(json.dumps(values, indent=1, allow_nan=False))
    else:
        print(ProjectText(style_for(sys.stdout)).render(seen, refused))
