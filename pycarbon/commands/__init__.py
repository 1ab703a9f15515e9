"""The command line: one module for each command, its exit status decided here."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from pycarbon._version import __version__
from pycarbon.errors import PyCarbonError

COMMANDS = {
    "run": "record a command and say what it cost",
    "bench": "compare commands: which uses less energy, by how much, how sure",
    "report": "show one recorded run",
    "ls": "list the runs of the store, or add them up by project, month, machine, ...",
    "show": "show a run, a project or the organisation: totals, trend, what it is made up of",
    "tag": "attach tags to recorded runs, or take some away",
    "mv": "say that recorded runs belong to another experiment, project or organisation",
    "rm": "delete runs of the store",
    "index": "bring the run store's index up to what the files say",
    "compare": "compare recorded runs: what changed, by total and by region",
    "merge": "put runs of several machines into one report, on a common clock",
    "kernels": "say what each kernel cost that ran on a GPU, from a trace of them",
    "export": "write a recorded run for other tools: Parquet, CSV, JSON, Perfetto and Chrome traces",
    "import": "take what CodeCarbon recorded, an emissions.csv, into the run store",
    "repair": "make a whole run file of one that was damaged or cut off",
    "push": "send runs to the team's server, or what waits to be sent there",
    "intensity": "say what a kilowatt-hour emits somewhere, and where the figure is from",
    "zones": "list the places whose electricity is known, and what they are called",
    "advise": "say where and when a recorded run would emit less, and what in it was waste",
    "dashboard": "show all recorded runs in a browser: sums, trends, projects",
    "top": "show what each domain draws now, live",
    "serve": "run a team's server: it takes runs and shows them",
    "token": "say who may read a team's server, and who may send it runs",
    "share": "make a link that shows one project of a team's server, until a date",
    "doctor": "say what can be measured here, and what to type for what cannot",
}

DONE, FAILED, WRONG_USAGE = 0, 1, 2


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """Make the parser; with `only` just that command's arguments are filled in, which spares the others' imports."""
    top = argparse.ArgumentParser(
        prog="pycarbon",
        description="What code costs in energy and carbon, with error bars that hold.",
        epilog="example: pycarbon run --zone FRA -- python train.py",
    )
    top.add_argument("--version", action="version", version=f"pycarbon {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if only in (None, name):
            module = import_module(f"pycarbon.commands.{name}")
            module.prepare_parser(command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed with one line, 2 wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = next((word for word in words if not word.startswith("-")), None)
    theirs: list[str] = []
    if (
        name in ("run", "bench") and "--" in words
    ):  # what follows is CMD's, to the letter: no argument parser may see it
        border = words.index("--")
        words, theirs = words[:border], words[border:]
    try:
        options = parser(only=name if name in COMMANDS else None).parse_args(words)
        if theirs:
            options.cmd += theirs
        status = int(import_module(f"pycarbon.commands.{options.command}").run(options) or DONE)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except PyCarbonError as error:
        return _failed(str(error))
    except MemoryError:
        return _failed("there is not enough memory for that")
    except BrokenPipeError:  # whoever read our output has seen enough
        _abandon_output()
        return FAILED
    except OSError as error:  # of writing: what a command reads, it answers for itself
        _abandon_output()
        print(f"pycarbon: the output could not be written: {error.strerror}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130


def _failed(why: str) -> int:
    """Say why in one line: names in it may be anything."""
    from pycarbon.reports.figures import printable

    if sys.stderr is not None:
        print(f"pycarbon: {printable(why)}", file=sys.stderr)
    return FAILED


def _abandon_output() -> None:
    """Let what is still in the output's buffer go nowhere, else Python fails once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
