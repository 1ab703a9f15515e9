"""A bar on a terminal that says how far a comparison is; elsewhere nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from pycarbon.experiment import Progress
from pycarbon.reports import figures

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Bar(AbstractContextManager["Bar"]):
    """Shown from __enter__ to __exit__, and gone after it."""

    def __init__(self, stream: TextIO | None, precision: float) -> None:
        """Draw nothing yet."""
        self._stream = stream
        self._precision = precision
        self._bar: RichProgress | None = None

    def __enter__(self) -> Bar:
        """Draw it, where the stream is a terminal."""
        if self._stream is not None and self._stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                BarColumn(24),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(file=self._stream),
                transient=True,
                refresh_per_second=1,  # it draws while a command is measured
            )
            self._bar.add_task("", total=1.0)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Say what is going on."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=text)

    def reach(self, done: int, whole: int) -> None:
        """Say how much there is of a whole."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done / max(whole, 1))

    def show(self, progress: Progress) -> None:
        """Say how far it is and how long it may take."""
        if self._bar is None:
            return
        known = "" if progress.half_width is None else f" ±{figures.percent(min(progress.half_width, 9.99))},"
        rest = "" if progress.rest_s is None else f", about {figures.duration(max(round(progress.rest_s), 1))} to go"
        text = f"round {progress.rounds}:{known} wanted ±{figures.percent(self._precision)}{rest}"
        part = (
            0.0 if progress.rest_s is None else progress.elapsed_s / max(progress.elapsed_s + progress.rest_s, 1e-9)
        )
        self._bar.update(self._bar.task_ids[0], description=text, completed=part)
