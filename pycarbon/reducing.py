"""The regions of a recording: a reducer beside the samplers, and what it gives as frames of the run file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pycarbon import _native
from pycarbon.feeds import Feed, Sampling
from pycarbon.frame import Frame
from pycarbon.ledger import MARK_DTYPE, NODE_DTYPE, ROW_DTYPE, SLICE_DTYPE, Ledger
from pycarbon.ledger_frames import ledger_frames
from pycarbon.run import Channel

LIVE = "PYCARBON_LIVE"
"""The environment variable that names the folders for marks of the runs a program is part of, a line each."""

LIBRARY = "libpycarbon.so.1"

LAG_NS = 2_000_000
"""An edge is in its ring so long after it was seen, at most: marks are folded no earlier."""

LONGEST_SLICE_NS = 100_000_000
SLICES_BEFORE = 4096
"""So many slices from before the first region are kept: they tell what the machine draws without one."""


def among(homes: str | None, home: Path) -> str:
    """Add a home to the value of LIVE."""
    return "\n".join([*filter(None, (homes or "").split("\n")), str(home)])


def without(homes: str | None, home: Path) -> str:
    """Take a home out of it again."""
    return "\n".join(name for name in (homes or "").split("\n") if name and name != str(home))


class Reducing:
    """The reducer of one recording: started once, drained now and then, stopped once."""

    def __init__(
        self, home: Path, proc: Path, feeds: Sequence[Feed], channels: Sequence[Channel], sampling: Sampling
    ) -> None:
        """Make ready to fold the marks that come into a folder of its own in `home`; OSError where that cannot be.

        Its name is new for each run: a program that outlives one does not mark into the next of the same file. Edges
        of the channels that a total adds are the borders of its slices.
        """
        wanted = {channel.id for channel in channels if channel.in_total and channel.source != "model"}
        borders = [(feed.ring, [i for i in feed.channels if i in wanted]) for feed in feeds]
        period_ns = round(1e9 / sampling.rate_hz) if sampling.rate_hz else 0
        self.home = home / f"marks-{os.urandom(8).hex()}"
        self.home.mkdir()
        self._reducer = _native.Reducer(
            self.home,
            proc,
            [border for border in borders if border[1]],
            lag_ns=max(LAG_NS, period_ns),
            longest_slice_ns=max(LONGEST_SLICE_NS, 4 * period_ns),
            keep_marks=sampling.keep_marks,
        )
        self._labels = self._nodes = 0
        self._early: NDArray[np.void] = np.empty(0, SLICE_DTYPE)
        self._left_out = 0
        with suppress(OSError):  # native programs then record no regions of their own
            (self.home / LIBRARY).symlink_to(Path(__file__).with_name(LIBRARY))
        self._marks_home: int | None = None

    def start(self, here: bool) -> None:
        """Begin to fold; `here`: this process, and what it starts, is the program that is recorded.

        OSError where it is recorded too often already: a program marks into a few homes at most (csrc/marks.h).
        """
        self._reducer.start()
        if here:
            from pycarbon import _marks

            try:
                self._marks_home = _marks.attach(self.home)
            except OSError as error:
                if error.errno != errno.EMFILE:
                    raise
                raise OSError(error.errno, "it lies within too many other recordings") from None
            os.environ[LIVE] = among(os.environ.get(LIVE), self.home)

    def stop(self, end_ns: int) -> None:
        """Fold what there is up to `end_ns`; nothing once stopped, or in a forked child."""
        if self._marks_home is not None:
            from pycarbon import _marks

            _marks.detach(self._marks_home)
            self._marks_home = None
            rest = without(os.environ.get(LIVE), self.home)
            if rest:
                os.environ[LIVE] = rest
            else:
                os.environ.pop(LIVE, None)
        self._reducer.stop(end_ns)

    def drain(self) -> Iterator[Frame]:
        """Give what is new as frames; nothing as long as no region was entered."""
        while True:
            raw_slices, raw_rows, raw_marks = self._reducer.take()
            if not raw_slices and not raw_rows and not raw_marks:
                return
            slices = np.frombuffer(raw_slices, SLICE_DTYPE)
            labels = [name.decode("utf-8", "backslashreplace") for name in self._reducer.labels(self._labels)]
            if not self._labels and not labels:
                self._keep_early(slices)
                continue
            rows = np.frombuffer(raw_rows, ROW_DTYPE).copy()
            rows["slice"] -= self._left_out
            new = Ledger(
                labels,
                np.frombuffer(self._reducer.nodes(self._nodes), NODE_DTYPE),
                np.concatenate([self._early, slices]),
                rows,
                np.frombuffer(raw_marks, MARK_DTYPE),
            )
            yield from ledger_frames(new, self._labels, self._nodes)
            self._labels += len(new.labels)
            self._nodes += len(new.nodes)
            self._early = self._early[:0]

    def _keep_early(self, slices: NDArray[np.void]) -> None:
        early = np.concatenate([self._early, slices])
        self._left_out += max(len(early) - SLICES_BEFORE, 0)
        self._early = early[-SLICES_BEFORE:]

    @property
    def counts(self) -> dict[str, int]:
        """What the reducer counted, once there were regions, or should have been; csrc/reducer.h."""
        counts = self._reducer.counts()
        return counts if self._labels or counts["ringless"] or counts["bad_rings"] else {}

    @property
    def cpu_ns(self) -> int:
        """CPU time its thread has used."""
        return self._reducer.cpu_ns
