"""pycarbon run [OPTIONS] -- CMD...: record a command, print on standard error what it cost."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon.errors import IntensityError, PyCarbonError
from pycarbon.settings import DATA_CENTRE, PRIORITIES, SCOPES

if TYPE_CHECKING:
    from pycarbon import launch
    from pycarbon.recorder import Recorder


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
    parser.add_argument("--organisation", metavar="NAME", help="whose project it is")
    parser.add_argument("--project", metavar="NAME", help="the project this run belongs to")
    parser.add_argument("--experiment", metavar="NAME", help="the experiment of that project")
    parser.add_argument("--name", help="what to call the run (default: after the command)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the run file (default: in the run store)")
    parser.add_argument("--zone", help="where the machine stands, such as FRA, US-WY, aws:us-east-1 or WORLD")
    parser.add_argument("--scope", choices=SCOPES, help="what the grid's factor counts (default: lifecycle)")
    parser.add_argument("--pue", help=f"of the building, 1 or more, or {DATA_CENTRE} for an unknown one")
    parser.add_argument("--factors", type=Path, metavar="FILE", help="your own grid factors, a CSV file")
    parser.add_argument(
        "--service", metavar="NAME[:ZONE]", help="ask a grid service for the run's hours when it has ended"
    )
    parser.add_argument("--rate", type=float, metavar="HZ", help="read counters so often (default: when they change)")
    parser.add_argument(
        "--cpu-budget",
        type=float,
        metavar="PERCENT",
        help="of one core, for looking at counters closely (default: 3; 0: no bound)",
    )
    parser.add_argument("--priority", choices=PRIORITIES, help="how the sampler competes for its CPU")
    parser.add_argument(
        "--keep-marks",
        type=int,
        metavar="N",
        help="of the marks of regions, keep the first N one by one (default: 1000000)",
    )
    parser.add_argument(
        "--sync",
        type=float,
        metavar="SECONDS",
        help="bring what was recorded to the disk so often, against power failures (default: 1; 0: never)",
    )
    parser.add_argument(
        "--tag", type=_tag, action="append", default=[], metavar="K=V", help="attach a tag; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON, still on standard error")
    parser.add_argument("--root", type=Path, metavar="DIR", help="read counters under DIR/sys instead of /sys")
    parser.add_argument("cmd", nargs=argparse.REMAINDER, metavar="-- CMD", help="the command and its arguments")
    parser.set_defaults(parser=parser)


def default_name(command: list[str]) -> str:
    """Call a run after its command, or after the script or module that an interpreter runs."""
    first = Path(command[0]).name
    if first.startswith(("python", "bash", "sh", "ruby", "node", "perl")):
        for number, word in enumerate(command[1:], 2):
            if word == "-m" and number < len(command):
                return command[number]
            if word in ("-c", "-e"):  # what follows is a program, not its name
                break
            if not word.startswith("-"):
                return Path(word).stem if Path(word).suffix else first
    return first


def run(options: argparse.Namespace) -> int:
    """Record the command and return the exit status that is its own."""
    command = options.cmd[1:] if options.cmd[:1] == ["--"] else options.cmd
    if not command:
        options.parser.error("no command: write it after --, as in: pycarbon run -- python train.py")
    if options.output is not None and options.output.is_dir():
        options.parser.error(f"{options.output} is a folder; name a file in it")
    from pycarbon import launch

    with launch.signals_held() as inherited:
        status = _record(command, options, inherited)
        gc.freeze()  # we end here: Python's last collections would only look at everything once more
        return launch.end_like(status)


def _record(command: list[str], options: argparse.Namespace, inherited: launch.Inherited) -> int:
    from pycarbon import launch

    environ = launch.environment()
    recorder = _begin(command, options)
    if recorder is not None:
        from pycarbon.recording import INSIDE

        environ[INSIDE] = recorder.run_id
        if recorder.live_home is not None:
            from pycarbon.reducing import LIVE, among

            environ[LIVE] = among(environ.get(LIVE), recorder.live_home)
    follow = (lambda _: None) if recorder is None else recorder.follow
    said = 0 if recorder is None else len(recorder.notes)
    try:
        ended = launch.launch(command, environ, inherited, follow)
    except OSError as error:
        if recorder is not None:
            recorder.discard()
        missing = isinstance(error, FileNotFoundError)
        _say(f"pycarbon: {command[0]}: {'there is no such command' if missing else error.strerror}")
        return launch.COMMAND_NOT_FOUND if missing else launch.COMMAND_NOT_EXECUTABLE
    if recorder is not None:
        _finish(recorder, ended, said, options)
    return ended.status


def _begin(command: list[str], options: argparse.Namespace) -> Recorder | None:
    """Start to record; None, and one line, where that fails: the command runs all the same."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # ours: numpy would start threads, and die where it may not
    try:
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
            options.cpu_budget,
            options.priority,
            options.keep_marks,
            options.sync,
            options.scope,
            options.service,
            options.factors,
            options.pue,
            options.organisation,
            options.experiment,
        )
        recorder, _ = plan(request, os.environ.get(INSIDE))
        recorder.start()
    except IntensityError as error:  # a table of ours is broken: nobody typed it, and the command has to run
        _say(f"pycarbon: nothing is recorded: {error}")
        return None
    except PyCarbonError as error:
        options.parser.error(str(error))
    except Exception as error:
        _say(f"pycarbon: nothing is recorded: {error!r}")
        return None
    _tell(recorder.notes)
    return recorder


def _finish(recorder: Recorder, ended: launch.Ended, said: int, options: argparse.Namespace) -> None:
    """End the run and print its summary; what fails here must not change how the command ended."""
    from pycarbon import recording

    try:
        from pycarbon import reports

        footer = {"exit_status": ended.status, "start_ns": ended.start_ns}
        outcome = recorder.stop(ended.end_ns, footer, ended.cpu_s)
        recording.keep(recorder, outcome)
        _tell([*recorder.notes[said:], *recording.queued(recorder, outcome.path)])
        if sys.stderr is not None:
            report = reports.get("json" if options.json else "text", sys.stderr)
            _say(report.render(outcome.shown))
    except Exception as error:
        _say(f"pycarbon: no summary: {error!r}")
    _tell(recording.sent(recorder, at_once=True))  # last: what starts there takes time of the same cores


def _tell(notes: list[str]) -> None:
    for note in notes:
        _say(f"pycarbon: {note}")


def _say(text: str) -> None:
    """Write on standard error, if anybody listens there."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        with contextlib.suppress(OSError):  # else what is left in its buffer fails once more when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
