"""pycarbon run [OPTIONS] -- CMD...: record a command, print on standard error what it cost."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon.errors import PyCarbonError

if TYPE_CHECKING:
    from pycarbon.analysis import Run


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no tag; write KEY=VALUE")
    return key, value


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.usage = "pycarbon run [OPTIONS] -- CMD [ARG ...]"
    parser.epilog = (
        "examples:\n"
        "  pycarbon run -- python train.py --epochs 3\n"
        "  pycarbon run --project digits --zone FRA -o train.pcr -- ./train.sh\n\n"
        "CMD keeps its streams, its signals and its exit status; the summary goes to standard error."
    )
    parser.add_argument("--project", help="the project this run belongs to")
    parser.add_argument("--name", help="what to call the run (default: after the command)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the run file (default: in the run store)")
    parser.add_argument("--zone", help="where the machine stands, such as FRA, FR or WORLD")
    parser.add_argument("--rate", type=float, metavar="HZ", help="how often counters are read (default: 1000)")
    parser.add_argument(
        "--tag", type=_tag, action="append", default=[], metavar="K=V", help="attach a tag; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON, still on standard error")
    parser.add_argument("--root", type=Path, metavar="DIR", help="read counters under DIR/sys instead of /sys")
    parser.add_argument("cmd", nargs=argparse.REMAINDER, metavar="-- CMD", help="the command and its arguments")
    parser.set_defaults(parser=parser)


def default_name(command: list[str]) -> str:
    """Call a run after its command, or after the script that an interpreter runs."""
    first = Path(command[0]).name
    script = next((word for word in command[1:] if not word.startswith("-")), "")
    if first.startswith(("python", "bash", "sh", "ruby", "node", "perl")) and Path(script).suffix:
        return Path(script).stem
    return first


def run(options: argparse.Namespace) -> int:
    """Record the command and return the exit status that is its own."""
    command = options.cmd[1:] if options.cmd[:1] == ["--"] else options.cmd
    if not command:
        options.parser.error("no command: write it after --, as in: pycarbon run -- python train.py")
    from pycarbon import launch

    with launch.signals_held() as mask:
        return launch.end_like(_record(command, options, mask))


def _record(command: list[str], options: argparse.Namespace, mask: set[signal.Signals]) -> int:
    from pycarbon import launch
    from pycarbon.analysis import Run
    from pycarbon.recording import INSIDE, Request, plan

    request = Request(
        options.name or default_name(command),
        command,
        options.project,
        options.output,
        options.zone,
        options.rate,
        dict(options.tag),
        options.root,
    )
    try:
        recorder, _ = plan(request, os.environ.get(INSIDE))
    except PyCarbonError as error:
        options.parser.error(str(error))
    recorder.start()
    said = _tell(recorder.notes, 0)
    try:
        ended = launch.launch(command, os.environ | {INSIDE: recorder.run_id}, mask, recorder.follow)
    except OSError as error:
        recorder.discard()
        missing = isinstance(error, FileNotFoundError)
        what = "there is no such command" if missing else error.strerror
        print(f"pycarbon: {command[0]}: {what}", file=sys.stderr)
        return launch.COMMAND_NOT_FOUND if missing else launch.COMMAND_NOT_EXECUTABLE
    outcome = recorder.stop(ended.end_ns, {"exit_status": ended.status, "start_ns": ended.start_ns}, ended.cpu_s)
    _tell(recorder.notes, said)
    _say(Run(outcome.run, outcome.path), as_json=options.json)
    return ended.status


def _tell(notes: list[str], said: int) -> int:
    for note in notes[said:]:
        print(f"pycarbon: {note}", file=sys.stderr)
    return len(notes)


def _say(finished: Run, as_json: bool) -> None:
    """Print the summary; a report that fails must not change how the command ended."""
    try:
        from pycarbon import reports

        print(reports.get("json" if as_json else "text", sys.stderr).render(finished), file=sys.stderr)
    except Exception as error:
        print(f"pycarbon: no summary: {error!r}", file=sys.stderr)
