"""pycarbon import FILE: take what CodeCarbon wrote, an emissions.csv, into the run store."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycarbon.store.imports import Imported
    from pycarbon.store.summary import RunSummary

MOST_SAID = 20
"""Of lines that are not imported so many are said one by one."""


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon import emissions.csv --dry-run          # say what would be imported\n"
        "  pycarbon import emissions.csv --project vision\n\n"
        "Each run becomes a run file in the store; a file may be imported again when it has grown. All of it is\n"
        "modelled, without an interval: CodeCarbon does not say what was read and what assumed. Grams stay as\n"
        "it counted them."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="an emissions.csv, of any version of CodeCarbon")
    parser.add_argument("--organisation", metavar="O", help="whose runs they are (default: as set)")
    parser.add_argument("--project", metavar="P", help="the project of all of them (default: as the file says)")
    parser.add_argument("--experiment", metavar="E", help="the experiment of all of them (default: as the file says)")
    parser.add_argument("--dry-run", action="store_true", help="write nothing, and say what would be")
    parser.add_argument("--json", action="store_true", help="say it as JSON")


def run(options: argparse.Namespace) -> None:
    """Import it: what was done on standard output, lines that make no sense on standard error."""
    from pycarbon.settings import resolve
    from pycarbon.store.imports import take
    from pycarbon.store.index import Store

    wanted = {name: getattr(options, name) for name in ("organisation", "project", "experiment")}
    settings, complaints = resolve(wanted)
    for line in complaints:
        print(f"pycarbon: {line}", file=sys.stderr)
    names = {name: value.strip() for name, value in wanted.items() if value is not None}
    names.setdefault("organisation", settings.organisation)
    store = Store(settings.data_dir)
    try:
        store.refresh()
        found = take(store, options.file, names, dry_run=options.dry_run)
    finally:
        store.close()
    for each in found.refused[:MOST_SAID]:
        _notice(f"line {each.line} of {options.file} is not imported: {each.why}")
    if len(found.refused) > MOST_SAID:
        _notice(f"{len(found.refused) - MOST_SAID} more lines are not imported; --json has them all")
    print(json.dumps(as_dict(found, options.dry_run), indent=1) if options.json else text(found, options.dry_run))


def _notice(line: str) -> None:
    from pycarbon.reports.figures import printable

    print(f"pycarbon: {printable(line)}", file=sys.stderr)


def text(found: Imported, dry_run: bool) -> str:
    """Say in a few lines what was done."""
    from pycarbon.reports import figures

    new = [*found.added, *found.updated]
    would = "would be " if dry_run else ""
    parts = [f"{_counted(len(found.added), 'run')} {would}imported"]
    if found.updated:
        parts.append(f"{len(found.updated)} {would}brought up to date")
    if found.present:
        parts.append(f"{found.present} {'was' if found.present == 1 else 'were'} there already")
    if found.earlier:
        parts.append(f"{_counted(found.earlier, 'row')} of earlier states of a run, or copies")
    if found.refused:
        parts.append(f"{_counted(len(found.refused), 'line')} not imported")
    lines = [", ".join(parts)]
    if new:
        energy = figures.quantity(sum(run.energy_j or 0.0 for run in new), "J")
        grams = figures.mass(sum(run.co2e_g or 0.0 for run in new))
        lines.append(f"{energy} and {grams} CO2e, modelled, {figures.NO_INTERVAL}; `pycarbon ls` shows them")
    return "\n".join(lines)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def as_dict(found: Imported, dry_run: bool) -> dict[str, Any]:
    """Give what was done as plain values."""
    return {
        "dry_run": dry_run,
        "added": [_told(run) for run in found.added],
        "updated": [_told(run) for run in found.updated],
        "present": found.present,
        "earlier": found.earlier,
        "refused": [{"line": each.line, "why": each.why} for each in found.refused],
    }


def _told(run: RunSummary) -> dict[str, Any]:
    names = (
        "id",
        "organisation",
        "project",
        "experiment",
        "name",
        "started_at",
        "energy_j",
        "co2e_g",
        "zone",
        "origin",
    )
    return {name: getattr(run, name) for name in names}
