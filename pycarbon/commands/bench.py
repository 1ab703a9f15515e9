"""pycarbon bench CMD_A --vs CMD_B: which command uses less energy, by how much, how sure."""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon.errors import PyCarbonError

if TYPE_CHECKING:
    from pycarbon.command_trials import Command, CommandTrials, Runner
    from pycarbon.comparison import Comparison
    from pycarbon.experiment import Experiment

FAILED, INTERRUPTED = 1, 130
FOR_CLEANUP_S = 60.0
FORMATS = ("json", "csv", "markdown")
LAST_LINES = 10
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.usage = (
        "pycarbon bench [OPTIONS] CMD_A [--vs CMD_B ...]\n       pycarbon bench [OPTIONS] -- CMD_A --vs CMD_B ..."
    )
    parser.epilog = (
        "examples:\n"
        "  pycarbon bench 'python loop.py' --vs 'python vector.py'\n"
        "  pycarbon bench --precision 0.5% -- ./old --fast --vs ./new --fast\n"
        "  pycarbon bench 'xz -k -T{threads} data' --sweep threads=1,2,4 --prepare 'rm -f data.xz'\n\n"
        "Commands run in turn, in random order, without a terminal; A runs against itself, too: that is the noise."
    )
    parser.add_argument("cmd", nargs="*", metavar="CMD", help="a command, in quotes where it has spaces")
    parser.add_argument(
        "--vs", action="append", default=[], metavar="CMD", help="one to compare with the first; repeatable"
    )
    parser.add_argument(
        "--precision",
        type=_precision,
        default=0.01,
        metavar="P",
        help="stop when ratios are known to this (default: 1%%)",
    )
    parser.add_argument(
        "--max-time", type=_seconds, default=600.0, metavar="T", help="or after so long (default: 10min)"
    )
    parser.add_argument("--warmup", type=_count, default=1, metavar="N", help="runs before measuring (default: 1)")
    parser.add_argument("--setup", metavar="CMD", help="run once for each variant before everything")
    parser.add_argument("--prepare", metavar="CMD", help="run before every run, not measured")
    parser.add_argument("--cleanup", metavar="CMD", help="run once for each variant after everything")
    parser.add_argument(
        "--sweep", action="append", default=[], metavar="NAME=V1,V2", help="put values into {NAME}; also NAME=1:8:1"
    )
    parser.add_argument("--ignore-failure", action="store_true", help="measure commands that fail, too")
    parser.add_argument("--show-output", action="store_true", help="let commands write where pycarbon does")
    parser.add_argument("--zone", help="where the machine stands, such as FRA or aws:us-east-1")
    parser.add_argument("--seed", type=int, help="of the random order, to have the same again")
    parser.add_argument(
        "--export",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help=f"{', '.join(FORMATS)}: into a file beside the report, or printed in its stead; repeatable",
    )
    parser.add_argument("--json", action="append_const", dest="export", const="json", help="same as --export json")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw all trials, as .svg or .png")
    parser.add_argument("--root", type=Path, metavar="DIR", help="read counters under DIR/sys instead of /sys")
    parser.set_defaults(parser=parser)


def _precision(text: str) -> float:
    with suppress(ValueError):
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        if 0.0001 <= share <= 0.5:
            return share
    raise argparse.ArgumentTypeError(f"{text!r} is no precision: write such as 1% or 0.5%, up to 50%")


def _seconds(text: str) -> float:
    from pycarbon.series import seconds

    try:
        return seconds(text)
    except PyCarbonError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if text.isdigit() and int(text) <= 1000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of runs")


@dataclass(frozen=True, slots=True)
class Variant:
    """One of what is compared: its name, and what runs for it."""

    name: str
    command: Command
    setup: str | None
    cleanup: str | None


def variants(options: argparse.Namespace) -> list[Variant]:
    """Give what is to be compared; PyCarbonError where that is nothing."""
    from pycarbon import sweeps
    from pycarbon.command_trials import Command

    words = options.cmd
    border = words.index("--") if "--" in words else len(words)
    given: list[tuple[str, ...]] = [(text,) for text in [*words[:border], *options.vs]]
    given += _split(words[border + 1 :]) if border < len(words) else []
    if not given or any(not group or not group[0].strip() for group in given):
        raise PyCarbonError("bench needs a command: write pycarbon bench 'python a.py' --vs 'python b.py'")
    swept = sweeps.combinations([sweeps.parse(text) for text in options.sweep])
    aside = [text for text in (options.prepare, options.setup, options.cleanup) if text is not None]
    for name in swept[0]:
        if not any(f"{{{name}}}" in text for text in [*aside, *(word for group in given for word in group)]):
            raise PyCarbonError(f"--sweep {name}: write {{{name}}} in a command, where its values are to be")
    found = []
    for number, group in enumerate(given):
        for values in swept:
            parts = [chr(ord("A") + number) if number < 26 else f"#{number + 1}"]
            parts = (parts if len(given) > 1 else []) + [f"{name}={value}" for name, value in values.items()]
            fill = [
                None if text is None else sweeps.filled(text, values)
                for text in (options.prepare, options.setup, options.cleanup)
            ]
            command = Command(tuple(sweeps.filled(word, values) for word in group), fill[0])
            found.append(Variant(" ".join(parts) or "A", command, fill[1], fill[2]))
    return found


def _split(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Split words at each --vs."""
    group: list[str] = []
    for word in words:
        if word == "--vs":
            yield tuple(group)
            group = []
        else:
            group.append(word)
    yield tuple(group)


def run(options: argparse.Namespace) -> int:
    """Measure, and print what was found on standard output."""
    from pycarbon import launch

    environ = launch.environment()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # ours, not the commands': numpy would start threads
    from pycarbon.command_trials import CommandFailed

    try:
        compared = variants(options)
        exports = [_export(text) for text in options.export]
    except PyCarbonError as error:
        options.parser.error(str(error))
    if options.plot is not None:
        from pycarbon.reports import contrast_plot

        contrast_plot.check(options.plot)
    try:
        found, status = _measure(compared, options, environ)
    except CommandFailed as error:
        _complain(f"| {line}" for line in _last_lines(error.output))
        raise
    except OSError as error:
        raise PyCarbonError(f"commands cannot be measured here: {error.strerror}") from None
    _show(found, exports, options.plot)
    return status


def _last_lines(output: str) -> list[str]:
    """Give the end of what a command printed, without what a terminal would obey."""
    lines = _COLOURS.sub("", output).expandtabs().splitlines()[-LAST_LINES:]
    return ["".join(letter if letter.isprintable() else "?" for letter in line) for line in lines]


def _complain(lines: Iterable[str]) -> None:
    if sys.stderr is not None:
        for line in lines:
            print(line, file=sys.stderr)


def _export(text: str) -> tuple[str, Path | None]:
    form, equals, name = text.partition("=")
    if form not in FORMATS or (equals and not name):
        raise PyCarbonError(f"--export {text!r}: write {', '.join(FORMATS)}, with =FILE for a file")
    path = Path(name) if equals else None
    if path is not None and not path.parent.is_dir():
        raise PyCarbonError(f"--export {text!r}: there is no folder {path.parent}")
    return form, path


def _measure(
    compared: Sequence[Variant], options: argparse.Namespace, environ: Mapping[str, str]
) -> tuple[Comparison, int]:
    """Run the experiment, and give an exit status: who interrupts it gets what was measured so far."""
    from pycarbon import conditions, here
    from pycarbon.command_trials import CommandFailed, CommandTrials, Runner, TimeIsUp
    from pycarbon.comparison import Subject, conclude
    from pycarbon.experiment import Experiment, Plan
    from pycarbon.interrupts import Interrupts
    from pycarbon.metering import Metering
    from pycarbon.portable import own_cpu_s

    found = here.find({"zone": options.zone}, options.root)
    roots, seen = found.discovery.roots, list(found.complaints)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    started_s = time.monotonic()
    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        runner = Runner(environ, options.show_output, started_s + options.max_time, interrupts)
        stack.callback(runner.close)
        metering = stack.enter_context(Metering(found.discovery, found.sampling))
        trials = CommandTrials(
            [variant.command for variant in compared],
            runner,
            metering,
            lambda: conditions.clock_hz(roots),
            options.ignore_failure,
        )
        plan = Plan(options.precision, options.max_time)
        experiment = Experiment(len(compared), trials.measure, plan, seed, time.monotonic, started_s)
        before, cpu_s = conditions.read(roots), own_cpu_s()
        status, clean = 0, True
        try:
            _follow(compared, trials, experiment, options)
        except TimeIsUp as error:
            if len(experiment.rounds) < 2:
                raise CommandFailed(
                    f"{error} had not ended after {options.max_time:g} s, before two rounds were there: allow more "
                    "with --max-time",
                    runner.output,
                ) from None
            seen.append("the time was up before the last round had ended: it is left out")
        except KeyboardInterrupt:
            status = INTERRUPTED
            seen.append("interrupted: these are the rounds so far")
        finally:
            clean = _clean_up(compared, trials, runner)
        seen += trials.notes([variant.name for variant in compared])
        seen += conditions.disturbances(before, conditions.read(roots), own_cpu_s() - cpu_s)
        if len(experiment.rounds) < 2:
            if status == INTERRUPTED:
                raise KeyboardInterrupt
            raise PyCarbonError(f"{options.max_time:g} s are too short for two rounds: allow more with --max-time")
        subject = Subject(
            [variant.name for variant in compared], [variant.command.text for variant in compared], "run"
        )
        return conclude(experiment, subject, metering, found.rating, seen), status or (0 if clean else FAILED)


def _follow(
    compared: Sequence[Variant], trials: CommandTrials, experiment: Experiment, options: argparse.Namespace
) -> None:
    """Set up, warm up, and make rounds, with a bar on a terminal."""
    from pycarbon.reports.bar import Bar

    with Bar(sys.stderr, options.precision) as bar:
        for number, variant in enumerate(compared):
            if variant.setup is not None:
                trials.aside(variant.setup, "--setup")
            bar.say(f"warming up {variant.name}" if options.warmup else variant.name)
            trials.warm_up(number, options.warmup)
        for progress in experiment.run():
            bar.show(progress)


def _clean_up(compared: Sequence[Variant], trials: CommandTrials, runner: Runner) -> bool:
    """Clean up after every variant. A failure is told at once, as what was measured is worth more than that."""
    from pycarbon.command_trials import CommandFailed, TimeIsUp

    runner.deadline_s = time.monotonic() + FOR_CLEANUP_S
    failures = []
    for variant in compared:
        try:
            if variant.cleanup is not None:
                trials.aside(variant.cleanup, "--cleanup")
        except CommandFailed as error:
            failures += [*(f"| {line}" for line in _last_lines(error.output)), f"pycarbon: {error}"]
        except TimeIsUp as error:
            failures.append(f"pycarbon: {error} had not ended after {FOR_CLEANUP_S:g} s")
    _complain(failures)
    return not failures


def _show(found: Comparison, exports: Sequence[tuple[str, Path | None]], plot: Path | None) -> None:
    from pycarbon.reports import contrast_exports, contrast_text
    from pycarbon.reports.text import style_for

    printed = [form for form, path in exports if path is None]
    for form in printed:
        print(contrast_exports.render(found, form))
    if not printed:
        print(contrast_text.ContrastText(style_for(sys.stdout)).render(found))
    for form, path in exports:
        if path is not None:
            _write(path, contrast_exports.render(found, form) + "\n")
    if plot is not None:
        from pycarbon.reports import contrast_plot

        contrast_plot.draw(found, plot)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be written: {error.strerror}") from None
