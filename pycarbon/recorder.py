"""Records one run: samplers into rings, rings into frames, frames into one file.

    sampler threads (C) --rings--> recorder thread, about once a second --frames--> run.pcr in the run's home

Roles: start() and stop() are called once each by whoever records; in between only the recorder thread drains.
Invariant: an edge leaves its ring only after a frame that holds it was written, or is held in memory because the
disk refused it; so a SIGKILL at any moment loses nothing that a sampler had stamped.
Hazard: after a fork the child has neither the threads nor the run; is_ours() says so and stop() does nothing.

Nothing here raises once start() has returned: what goes wrong becomes a note in the run and one notice.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycarbon import closing, home, kernel_files
from pycarbon.closing import Outcome
from pycarbon.edge_writer import edges_frames
from pycarbon.feeds import Feed, Sampling, await_first_readings, counter_feeds, cpu_time_feed
from pycarbon.frame import EVENT, FOOTER, META, Frame, json_frame
from pycarbon.growing import GrowingFile
from pycarbon.portable import RusageSampler
from pycarbon.quiet import signals_elsewhere
from pycarbon.run import Channel, listed
from pycarbon.sources import Discovery, Roots

if TYPE_CHECKING:
    from pycarbon import _native
    from pycarbon.pushing.at_end import Sending
    from pycarbon.reducing import Reducing

DRAIN_EVERY_S = 1.0
LINGER_S = 0.003
"""How long samplers at a fixed rate go on after the end, so that each counter is seen to change once more."""

CLOCK_STEP_NS, SLEW_PPM = 2_000_000, 1000
"""The wall clock may be slewed by half as much; what is more was a step."""


class Recorder:
    """One recording, from start() to stop()."""

    def __init__(
        self,
        discovery: Discovery,
        meta: dict[str, Any],
        target: Path,
        sampling: Sampling,
        at_end: Callable[[list[str]], dict[str, Any]] = lambda notes: {},
    ) -> None:
        """Plan a recording into `target`; `meta` is what the run's metadata shall say beside the machine.

        `at_end` gives what the footer shall say and is known only then; it may add notes.
        """
        self._discovery = discovery
        self._meta = meta
        self._target = target
        self._sampling = sampling
        self._at_end = at_end
        self._pid = os.getpid()
        self._notes: list[str] = []
        self._feeds: list[Feed] = []
        self._portable: RusageSampler | None = None
        self._cpu_source: _native.Source | None = None
        self._regions: Reducing | None = None
        self._file = GrowingFile(None)
        self._home: Path | None = None
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._channels: list[Channel] = []
        self._start_ns, self._synced_s = 0, time.monotonic()
        self._anchor: dict[str, int] = {}
        self.store: Path | None = None
        """The run store that the run goes to; None where its user named a file."""
        self.sending: Sending | None = None
        """Where the run shall be sent when it has ended; None where nowhere."""
        self.interrupted = False
        """Whether somebody interrupted stop(), which went on to the end all the same."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self._meta["id"])

    @property
    def notes(self) -> list[str]:
        """What went wrong so far, a line each."""
        return self._notes

    @property
    def live_home(self) -> Path | None:
        """The folder into which the recorded program's regions are marked; None where they are not."""
        return None if self._regions is None else self._regions.home

    def is_ours(self) -> bool:
        """Whether this process started the recording; False in a forked child."""
        return os.getpid() == self._pid

    def start(self, process: int | None = None) -> None:
        """Make the home, start the samplers, return once each counter was read.

        `process` is the root of the process tree whose share is wanted. Without it this process is there to run
        one, which follow() names later: its children are in the tree, and orphans of the tree become its children.
        Where this raises nothing is left: no thread, no home.
        """
        try:
            self._start(process)
        except BaseException:
            self.discard()
            raise

    def _start(self, process: int | None) -> None:
        for obstacle in self._discovery.obstacles:
            if self._discovery.measured or obstacle.source == "nvml":  # else the model covers what cannot be read
                self._notes.append(obstacle.what)
        self._make_home()
        self._open_samplers()
        self._open_regions()
        if process is not None:
            self.follow(process)
        else:
            self._adopt()
        for feed in self._feeds:
            feed.start()
        self._anchor = _anchor()
        self._start_ns = self._anchor["monotonic_ns"]
        self._notes += [f"the sampler runs without its {p['refused']}" for p in self._places() if "refused" in p]
        self._meta |= {
            "channels": [channel.to_dict() for channel in self._channels],
            "rings": {feed.name: feed.channels for feed in self._feeds},
            "start_ns": self._start_ns,
            "anchor": self._anchor,
            "machine": self._discovery.machine.to_dict(),
            "curves": [curve.to_dict() for curve in self._discovery.curves],
            "gpus": [gpu.to_dict() for gpu in self._discovery.gpus],
            "obstacles": [
                {"source": o.source, "what": o.what, "remedy": o.remedy} for o in self._discovery.obstacles
            ],
            "choice": {counter.domain: counter.reason for counter in self._discovery.counters},
            "sampling": {**asdict(self._sampling), "places": list(self._places())},
            "notes": list(self._notes),
        }
        self._file.append([json_frame(META, _readable(self._meta))])
        await_first_readings(self._feeds)
        self._start_regions(here=process is not None)
        thread = threading.Thread(target=self._drain_for_ever, name="pycarbon-recorder", daemon=True)
        with signals_elsewhere():
            thread.start()
        self._thread = thread
        self._start_ns = time.monotonic_ns()

    def follow(self, process: int) -> None:
        """Name the root of the process tree whose share is wanted."""
        for source in self._following():
            source.follow(process)

    def _adopt(self) -> None:
        """Count this process's own children, and orphans that become its own, as of the tree."""
        for source in self._following():
            source.adopt()

    def _following(self) -> Iterator[_native.Source]:
        """Give what must know which process tree is recorded."""
        if self._cpu_source is not None:
            yield self._cpu_source
        for feed in self._feeds:
            if feed.following is not None:
                yield feed.following

    def stop(self, end_ns: int, footer: dict[str, Any], process_cpu_s: float | None = None) -> Outcome:
        """End the run at `end_ns` (CLOCK_MONOTONIC), fold its home into one file, and give the run.

        `process_cpu_s` is the CPU time of the recorded process tree where the system told it exactly.
        """
        if self._sampling.rate_hz and any(counter.in_total for counter in self._discovery.counters):
            time.sleep(LINGER_S)
        self._stop_threads(end_ns)
        with self._noting():
            self._drain(final=True)
        with self._noting():
            self._take_kernels()
        with self._noting():
            footer = {**self._asked_at_end(), **footer}
        sampler_cpu_s = sum(feed.sampler.cpu_ns for feed in self._feeds) / 1e9
        footer = {
            "run": listed(self._meta),
            "start_ns": self._start_ns,
            "end_ns": end_ns,
            "anchor": _anchor(),
            "process_cpu_s": process_cpu_s,
            "sampler_cpu_s": round(sampler_cpu_s, 6),
            "regions": {} if self._regions is None else self._regions.counts,
            "looks": [looks for feed in self._feeds for looks in feed.looks()],
            **footer,
            "notes": self._notes,
        }
        self._file.append([json_frame(FOOTER, _readable(footer))])
        self._feeds.clear()
        return closing.close(self._file, self._home, self._target, self._notes)

    def _take_kernels(self) -> None:
        """Take what traced programs left, in one piece: whoever finds a part in the file takes it for all."""
        if self._home is not None and kernel_files.found(self._home):
            self._append(list(kernel_files.all_frames(self._home, self._notes)))

    def _asked_at_end(self) -> dict[str, Any]:
        """Ask for what is known at the end only; who does not want to wait for it loses nothing else."""
        try:
            return self._at_end(self._notes)
        except KeyboardInterrupt:
            self.interrupted = True
            self._note("the grid service was not waited for: interrupted")
            return {}

    def discard(self) -> None:
        """End the recording and leave no trace of it: there was nothing to record."""
        self._stop_threads(time.monotonic_ns())
        self._file.close()
        if self._home is not None:
            home.remove(self._home)

    def _stop_threads(self, end_ns: int) -> None:
        self._notes += filter(None, [feed.stop() for feed in self._feeds])
        if self._regions is not None:
            self._regions.stop(end_ns)
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _make_home(self) -> None:
        for target in closing.candidates(self._target):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                rescued = home.set_aside(target)
                folder, self._file = home.make(target)
            except OSError as error:
                self._notes.append(f"cannot record into {target}: {error.strerror or error}")
                continue
            if rescued is not None:
                self._notes.append(f"an earlier recording was cut off; it is now {rescued}")
            if target != self._target:
                self._notes.append(f"recording into {target} instead")
            self._target, self._home = target, folder
            return
        self._notes.append("no folder takes a run file: recording in memory, the summary is all that stays")

    def _open_samplers(self) -> None:
        discovery = self._discovery
        self._channels = discovery.channels()
        self._feeds, obstacles = counter_feeds(
            discovery, self._channels, self._sampling, self._make_ring, beside=True
        )
        self._notes += [obstacle.what for obstacle in obstacles]
        fed = {channel for feed in self._feeds for channel in feed.channels}
        self._channels = [c for c in self._channels if c.id in fed or c.source in ("model", "proc")]
        if discovery.cpu_time:
            self._open_cpu_time(discovery.roots)
        else:
            self._portable = RusageSampler(self._channels)
            self._channels += self._portable.channels

    def _open_cpu_time(self, roots: Roots) -> None:
        from pycarbon import _native

        try:
            self._cpu_source = _native.Source.proc(roots.proc)
        except OSError as error:
            self._notes.append(f"no CPU time from {roots.proc}: {error.strerror}")
            return
        self._feeds.append(cpu_time_feed(self._cpu_source, self._channels, self._make_ring))

    def _open_regions(self) -> None:
        try:
            from pycarbon.reducing import Reducing
        except ImportError:  # no compiled core here
            return
        if self._home is None:  # and a note says why
            return
        try:
            self._regions = Reducing(
                self._home, self._discovery.roots.proc, self._feeds, self._channels, self._sampling
            )
        except OSError as error:
            self._notes.append(f"no regions are recorded: {error.strerror}")

    def _start_regions(self, here: bool) -> None:
        if self._regions is None:
            return
        try:
            self._regions.start(here)
        except OSError as error:
            self._notes.append(f"no regions are recorded: {error.strerror}")
            self._regions.stop(time.monotonic_ns())
            self._regions = None

    def _make_ring(self, name: str, slots: int) -> _native.Ring:
        from pycarbon import _native

        path = None if self._home is None else self._home / name
        try:
            return _native.Ring.create(path, slots)
        except OSError as error:
            self._notes.append(f"no ring file in {self._home}: {error.strerror}; a kill would lose the last second")
            return _native.Ring.create(None, slots)

    def _places(self) -> Iterator[dict[str, Any]]:
        """Say where the samplers run, for those that were to run somewhere."""
        yield from (feed.place for feed in self._feeds if len(feed.place) > 2)

    def _drain_for_ever(self) -> None:
        while not self._wake.wait(DRAIN_EVERY_S):
            with self._noting():
                self._drain()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # an error of ours must not reach the measured program
            self._note(f"recording went on without some of its data: {error!r}")

    def _drain(self, final: bool = False) -> None:
        self._watch_wall_clock()
        if self._portable is not None:
            self._write(self._portable.read())
        for feed in self._feeds:
            edges, count = feed.peek()
            if count:
                taken = self._write(edges)
                if taken or final or feed.ring.waiting > feed.ring.capacity * 3 // 4:
                    feed.ring.consume(count)
                else:
                    self._file.forget_last()
            missing = feed.newly_dropped()
            if missing:
                self._notes.append(missing)
        if self._regions is not None:
            self._append(list(self._regions.drain()))
        now_s, every_s = time.monotonic(), self._sampling.sync_s
        if every_s and now_s - self._synced_s >= every_s - DRAIN_EVERY_S / 2 and not final:
            self._synced_s = now_s
            if not self._file.sync():
                self._note(f"a power failure may have taken what was recorded: {self._file.why_not}")

    def _watch_wall_clock(self) -> None:
        """Record when somebody set the wall clock: times of day before and after do not compare."""
        before, now = self._anchor, _anchor()
        passed_ns = now["monotonic_ns"] - before["monotonic_ns"]
        slept_ns = now.get("boottime_ns", 0) - before.get("boottime_ns", 0) - passed_ns
        step_ns = now["realtime_ns"] - before["realtime_ns"] - passed_ns - max(slept_ns, 0)
        self._anchor = now
        if abs(step_ns) > CLOCK_STEP_NS + passed_ns * SLEW_PPM // 10**6:
            self._file.append([json_frame(EVENT, {**now, "clock_step_ns": step_ns})])

    def _write(self, edges: NDArray[np.void]) -> bool:
        return self._append(edges_frames(edges))

    def _append(self, new: list[Frame]) -> bool:
        written = self._file.append(new)
        if not written and self._file.why_not:
            self._note(f"the run file could not grow for a while: {self._file.why_not}")
        return written

    def _note(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)


def _readable(value: Any) -> Any:
    """Give metadata as a file can hold it: what is no UTF-8, in a command or a path, becomes \\udcNN."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_readable(name): _readable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(part) for part in value]
    return value


def _anchor() -> dict[str, Any]:
    """Read the clocks; `wall_error_ns` is None where nobody keeps the wall clock, or nothing tells."""
    names = ("monotonic_ns", "realtime_ns", "boottime_ns", "uncertainty_ns")
    try:
        from pycarbon import _native
    except ImportError:
        now = {"monotonic_ns": time.monotonic_ns(), "realtime_ns": time.time_ns(), "uncertainty_ns": 1_000_000}
        return {**now, "wall_error_ns": None}
    *times_ns, wall_error_ns = _native.clock_anchor()
    return {**dict(zip(names, times_ns, strict=True)), "wall_error_ns": None if wall_error_ns < 0 else wall_error_ns}
