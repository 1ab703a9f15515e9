"""pycarbon top: what each domain draws now, in the mean and at its peak, until somebody ends it."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pycarbon.attention import Attention
from pycarbon.errors import PyCarbonError
from pycarbon.settings import PRIORITIES

if TYPE_CHECKING:
    import rich.console
    import rich.live

    from pycarbon.here import Here
    from pycarbon.intensity import Intensity
    from pycarbon.live import Live, Snapshot
    from pycarbon.reports.screen import Line, Surroundings
    from pycarbon.reports.text import Style
    from pycarbon.sources import Discovery

BLOCK_EVERY_S = 1.0
CPU_BUDGET_PERCENT = 1.0
"""A window of 0.1 s needs to know its two ends, not every edge between them."""

STYLES = {"bold": "bold", "dim": "dim", "warn": "yellow"}

KEEPS_QUIET = {errno.EPIPE, errno.EIO}
"""Writing fails so when whoever read our output has gone, or the terminal has."""


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon top --zone FRA\n"
        "  pycarbon top --json | jq .total.power_w\n\n"
        "q or Ctrl-C ends it. Where standard output is no terminal, or a dumb one, a block of lines comes once a\n"
        "second (or every --interval, where that is longer)."
    )
    parser.add_argument("--zone", help="where the machine stands, such as FRA, FR or WORLD")
    parser.add_argument(
        "--interval", type=_interval, default=0.1, metavar="S", help="update so often (default: 0.1 seconds)"
    )
    parser.add_argument(
        "--seconds", type=_seconds, metavar="S", help="end after so long (default: when somebody ends it)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object on a line for each update")
    parser.add_argument("--root", type=Path, metavar="DIR", help="read counters under DIR/sys instead of /sys")
    parser.add_argument(
        "--cpu-budget",
        type=float,
        metavar="PERCENT",
        help=f"of one core, for looking at counters closely (default: {CPU_BUDGET_PERCENT:g}; 0: no bound)",
    )
    parser.add_argument("--priority", choices=PRIORITIES, help="how the sampler competes for its CPU")
    parser.set_defaults(parser=parser)


def _number(text: str, low: float, high: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from {low:g} to {high:g}")
    return number


def _interval(text: str) -> float:
    return _number(text, 0.02, 3600)


def _seconds(text: str) -> float:
    return _number(text, 0.01, 10**9)


def run(options: argparse.Namespace) -> None:
    """Show it until somebody ends it, which is how it is meant to end."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # ours: numpy would start threads
    if sys.stdout is None:
        raise PyCarbonError("there is nowhere to show it: standard output is closed")
    from pycarbon.live import Live

    with Attention() as attention:
        found = _look_around(options)
        live = Live(found.discovery, found.sampling, found.rating, options.interval)
        output = _output(options, found.discovery, found.rating.intensity, attention)
        try:
            live.start()
            with output:
                _follow(live, output, attention, options)
        except OSError as error:
            if error.errno not in KEEPS_QUIET:
                raise
            with contextlib.suppress(OSError):  # else what is left in the buffer fails once more when Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        finally:
            live.stop()


def _look_around(options: argparse.Namespace) -> Here:
    from pycarbon import here

    arguments = {"zone": options.zone, "cpu_budget_percent": options.cpu_budget, "priority": options.priority}
    found = here.find(arguments, options.root, CPU_BUDGET_PERCENT)
    if sys.stderr is not None:
        for line in found.complaints:
            print(f"pycarbon: {line}", file=sys.stderr)
    return found


def _follow(live: Live, output: Output, attention: Attention, options: argparse.Namespace) -> None:
    """Update and show at absolute times; those that passed while somebody else had the CPU are skipped."""
    start_s = time.monotonic()
    end_s = float("inf") if options.seconds is None else start_s + options.seconds
    due_s = start_s
    while not attention.ended and due_s < end_s:
        now_s = time.monotonic()
        due_s += max(int((now_s - due_s) / options.interval), 0) * options.interval + options.interval
        due_s = end_s if end_s - due_s < options.interval / 2 else due_s
        while not attention.ended and attention.wait(due_s):
            if attention.stopping:
                attention.stopping = False
                with output.aside():
                    attention.stop_here()
            output.redraw()
        if not attention.ended:
            output.show(live.update())
    output.last()


class Output(Protocol):
    """Where updates are shown, from __enter__ to __exit__."""

    def __enter__(self) -> Output:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End, and leave everything as it was."""

    def show(self, snapshot: Snapshot) -> None:
        """Show an update."""

    def redraw(self) -> None:
        """Show the latest update once more: the terminal may have another size."""

    def last(self) -> None:
        """Show the latest update if it was not shown."""

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """Leave the terminal to others for a while."""


class JsonLines:
    """A JSON object on a line for each update."""

    def __init__(self, factor: Intensity) -> None:
        """Say in each which factor led to its grams."""
        self._factor = factor

    def __enter__(self) -> JsonLines:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def show(self, snapshot: Snapshot) -> None:
        """Print it, at once."""
        from pycarbon.reports import stream

        print(stream.line(snapshot, self._factor, datetime.now().astimezone()), flush=True)

    def redraw(self) -> None:
        """Nothing: a line stays."""

    def last(self) -> None:
        """Nothing: each update was shown."""

    def aside(self) -> contextlib.AbstractContextManager[None]:
        """Nothing to put aside."""
        return contextlib.nullcontext()


class Blocks(JsonLines):
    """A block of plain lines once a second."""

    def __init__(self, around: Surroundings, style: Style) -> None:
        """Write as wide as the style says."""
        self._around, self._style = around, style
        self._snapshot: Snapshot | None = None
        self._due_s = BLOCK_EVERY_S

    def show(self, snapshot: Snapshot) -> None:
        """Print it if it is time to."""
        self._snapshot = snapshot
        if snapshot.elapsed_s >= self._due_s - 1e-3:
            self._due_s = max(self._due_s + BLOCK_EVERY_S, snapshot.elapsed_s)
            self.last()

    def last(self) -> None:
        """Print the latest update."""
        if self._snapshot is not None:
            _print(screen_lines(self._snapshot, self._around, self._style.width), self._style)
            print(flush=True)
            self._snapshot = None


class Screen:
    """The whole terminal, redrawn in place; what it showed last stays behind when it ends."""

    def __init__(self, around: Surroundings, style: Style, attention: Attention) -> None:
        """Draw on standard output; keys are heard where standard input is a terminal too."""
        from rich.console import Console

        self._around, self._style, self._attention = around, style, attention
        self._console = Console(file=sys.stdout, highlight=False, force_terminal=True)
        self._live: rich.live.Live | None = None
        self._snapshot: Snapshot | None = None
        self._typing: list[Any] | None = None

    def __enter__(self) -> Screen:
        """Take the terminal."""
        from rich.live import Live

        self._listen()
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back: the cursor, what was there before, and how keys are read."""
        live, self._live = self._live, None
        try:
            if live is not None:
                live.stop()
        finally:
            self._listen_no_more()
        if self._snapshot is not None:
            width, _height = self._console.size
            _print(screen_lines(self._snapshot, self._around, width), self._style)

    def show(self, snapshot: Snapshot) -> None:
        """Draw it."""
        self._snapshot = snapshot
        self.redraw()

    def redraw(self) -> None:
        """Draw the latest update as large as the terminal is now."""
        if self._snapshot is not None and self._live is not None:
            width, height = self._console.size
            lines = screen_lines(self._snapshot, self._around, width, height)
            self._live.update(_Drawn(lines, self._style), refresh=True)

    def last(self) -> None:
        """Nothing: each update was shown."""

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the terminal to others for a while."""
        snapshot, self._snapshot = self._snapshot, None
        self.__exit__()
        yield
        self._snapshot = snapshot
        self.__enter__()

    def _listen(self) -> None:
        """Have each key at once, and not on the screen."""
        try:
            import termios
            import tty

            descriptor = sys.stdin.fileno()
            self._typing = termios.tcgetattr(descriptor)
            tty.setcbreak(descriptor, termios.TCSANOW)
            self._attention.keys = descriptor
        except (ImportError, AttributeError, OSError, ValueError, termios.error):  # nobody can type anything
            self._typing = None

    def _listen_no_more(self) -> None:
        self._attention.keys = None
        if self._typing is None:
            return
        import termios

        with contextlib.suppress(OSError, ValueError, termios.error):  # the terminal may have gone
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._typing)


class _Drawn:
    """Lines as rich draws them: ready made, so that a frame costs a fraction of a millisecond."""

    def __init__(self, lines: list[Line], style: Style) -> None:
        self._lines, self._style = lines, style

    def __rich_console__(self, console: rich.console.Console, _: rich.console.ConsoleOptions) -> Iterator[Any]:
        from rich.segment import Segment

        for line in self._lines:
            looks = STYLES.get(line.style) if self._style.colour else None
            yield Segment(self._style.fit(line.text), None if looks is None else console.get_style(looks))
            yield Segment.line()


def _output(options: argparse.Namespace, discovery: Discovery, factor: Intensity, attention: Attention) -> Output:
    if options.json:
        return JsonLines(factor)
    from pycarbon.reports import screen
    from pycarbon.reports.text import style_for

    around = screen.Surroundings(
        screen.place(factor), "" if discovery.measured else screen.advice(discovery.obstacles)
    )
    style = style_for(sys.stdout)
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        return Screen(around, style, attention)
    return Blocks(around, style)


def screen_lines(snapshot: Snapshot, around: Surroundings, width: int, height: int | None = None) -> list[Line]:
    """Lay an update out."""
    from pycarbon.reports import screen

    return screen.lines(snapshot, around, width, height)


def _print(lines: list[Line], style: Style) -> None:
    print(style.fit("\n".join(line.text for line in lines)), flush=True)
