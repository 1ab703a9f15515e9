"""kernels(): which kernel ran when on this process's GPUs, collected through CUPTI while a block of code runs.

    with pycarbon.kernels():  --records--> kernels-... in the live run's home --> the run file --> `pycarbon kernels`

CUPTI's functions are called as `cupti-python` binds them (the module cupti.cupti). One tracer at a time: CUPTI takes
one subscriber in a process.

Hazard: CUPTI calls for buffers and hands them over on threads of its own, and waits for Python's lock meanwhile. What
is called from there touches nothing but Records, and no call into CUPTI or CUDA is made from it.
"""

from __future__ import annotations

import functools
import inspect
import os
import platform
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pycarbon import cuda, home, kernel_files
from pycarbon.kernel_records import (
    CONCURRENT_KERNEL_RECORD,
    COPY_RECORD,
    DEVICE_RECORD,
    PEER_COPY_RECORD,
    SET_RECORD,
    ClockMap,
    Records,
    moment,
)
from pycarbon.kernel_timeline import KernelTimeline
from pycarbon.notices import notice

Function = TypeVar("Function", bound=Callable[..., Any])

BUFFER_BYTES = 1 << 22
"""Some 20,000 records, so that a buffer comes every second or so of a busy GPU."""

FORCED = 1
"""CUPTI_ACTIVITY_FLAG_FLUSH_FORCED: also the buffers that are not full."""

REMEDIES = {
    15: "this CUPTI does not go with the driver; for one of CUDA 12 type: pip install 'cupti-python<13'",
    35: "the driver lets only administrators trace; as root type: echo options nvidia "
    "NVreg_RestrictProfilingToAdminUsers=0 > /etc/modprobe.d/pycarbon.conf and start the machine anew",
    39: "torch.profiler, Nsight or another tracer is or was active in this process; give its trace to "
    "`pycarbon kernels RUN --trace FILE` instead",
    40: "the hypervisor does not let a virtual GPU be traced; ask who runs it",
}
"""What to do about errors of CUPTI, by the number that its ABI has for them (CUptiResult)."""

_lock = threading.Lock()
_tracing: _Tracing | None = None
_said: set[str] = set()


def kernels() -> Kernels:
    """Collect the kernels that this process runs on its GPUs within a block, or each call of a function.

        with pycarbon.record("train"), pycarbon.kernels():
            train()

    Within a recording, also by `pycarbon run`, they are kept in the run, and `pycarbon kernels RUN` says what each
    cost. Otherwise the object's `timeline` is all there is of them. Collecting ends after the current device was
    waited for. Where kernels cannot be collected one warning says why and what to do, and the block runs as ever.
    """
    return Kernels()


class Kernels:
    """A block whose kernels are collected; made by kernels(). `timeline` is there once it has ended, if any is."""

    def __init__(self, load: Callable[[], Any] = lambda: import_module("cupti.cupti")) -> None:
        """Collect nothing yet; `load` gives the binding of CUPTI."""
        self.timeline: KernelTimeline | None = None
        self._load = load
        self._entered: list[_Tracing | None] = []

    def __enter__(self) -> Kernels:
        """Begin to collect; never raises."""
        tracing = None
        try:
            tracing = _begin(self._load)
        except Exception as error:
            _say_once(f"kernels are not collected: {_why(error)}")
        self._entered.append(tracing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it and keep what was collected; an exception of the block passes through, and none comes from here."""
        tracing = self._entered.pop() if self._entered else None
        if tracing is None or not tracing.is_ours():
            return
        try:
            cuda.synchronise()
            self.timeline = tracing.end()
        except Exception as failed:
            _say_once(f"the kernels of a block are lost: {_why(failed)}")
        else:
            _keep(self.timeline, tracing.homes)
        finally:
            tracing.let_go()

    def __call__(self, function: Function) -> Function:
        """Collect the kernels of every call of a function, coroutine function or generator function."""
        load = self._load
        wrapped: Any
        if inspect.iscoroutinefunction(function):

            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                with Kernels(load):
                    return await function(*args, **kwargs)

        elif inspect.isgeneratorfunction(function):

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                with Kernels(load):
                    return (yield from function(*args, **kwargs))

        else:

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                with Kernels(load):
                    return function(*args, **kwargs)

        return functools.wraps(function)(wrapped)  # type: ignore[return-value]


class _Tracing:
    """CUPTI at work, from subscribing to letting go of it."""

    def __init__(self, cupti: Any) -> None:
        """Begin; raises whatever CUPTI raises, and then has let go of it."""
        self.records = Records()
        self.homes = _homes()
        self._pid = os.getpid()
        self._cupti = cupti
        subscriber = cupti.subscribe(_ignore, None)  # an error where somebody else traces
        self._undo: list[Callable[[], Any]] = [lambda: cupti.unsubscribe(subscriber)]
        try:
            cupti.activity_register_callbacks(_room, _taken)
            self._begun = moment(cupti.get_timestamp)
            with suppress(Exception):  # devices have numbers all the same
                self._enable(DEVICE_RECORD, cupti.activity_enable_and_dump)
            for kind in (CONCURRENT_KERNEL_RECORD, COPY_RECORD, PEER_COPY_RECORD, SET_RECORD):
                self._enable(kind, cupti.activity_enable)
        except BaseException:
            self.let_go()
            raise

    def _enable(self, number: int, enable: Callable[[Any], Any]) -> None:
        kind = self._cupti.ActivityKind(number)
        enable(kind)
        self._undo.append(lambda: self._cupti.activity_disable(kind))

    def is_ours(self) -> bool:
        """Whether this process began it; CUPTI does not live on in a forked child."""
        return os.getpid() == self._pid

    def end(self) -> KernelTimeline:
        """Give what CUPTI told, and let go of it; raises whatever CUPTI or reading its records raised."""
        self._cupti.activity_flush_all(FORCED)
        ended = moment(self._cupti.get_timestamp)
        self.let_go()
        if self.records.failed is not None:
            raise self.records.failed
        origin = f"CUPTI in process {self._pid}"
        return self.records.timeline(ClockMap(self._begun, ended), origin, platform.node() or None)

    def let_go(self) -> None:
        """Leave CUPTI to others; nothing the second time."""
        global _tracing
        for undo in self._undo[::-1]:
            with suppress(Exception):
                undo()
        self._undo.clear()
        if _tracing is self:
            _tracing = None


def _begin(load: Callable[[], Any]) -> _Tracing | None:
    """Begin to trace; None where this process does already."""
    global _tracing
    with _lock:
        if _tracing is not None and _tracing.is_ours():
            _say_once("kernels are being collected already: the block around this one, or beside it, gets them all")
            return None
        _tracing = tracing = _Tracing(load())
    if not tracing.homes:
        _say_once("kernels are collected outside a recording and not kept: use kernels() within record() or a run")
    return tracing


def _room() -> tuple[int, int]:
    """Give CUPTI the size of a buffer, and how many records may be in it: any number."""
    return BUFFER_BYTES, 0


def _taken(records: Any) -> None:
    """Take a buffer; what comes after the end belongs to nobody."""
    tracing = _tracing
    if tracing is not None:
        tracing.records.take(records)


def _ignore(*_: Any) -> None:
    """Be the subscriber that asks for no callback."""


def _homes() -> list[Path]:
    """Give the homes of the live runs that this process is part of."""
    try:
        from pycarbon.reducing import LIVE
    except ImportError:  # no compiled core here
        return []
    folders = [Path(line).parent for line in os.environ.get(LIVE, "").split("\n") if line]
    return [folder for folder in folders if (folder / home.RUN_FILE).exists()]


def _keep(timeline: KernelTimeline, homes: list[Path]) -> None:
    """Leave a timeline in the homes of the runs that it was collected in; never raises."""
    if not len(timeline.spans):
        _say_once("kernels() saw nothing run on a GPU")
        return
    for folder in homes:
        try:
            kernel_files.write(timeline, folder)
        except Exception as error:
            _say_once(
                f"the kernels of a block are not in the run {home.target_of(folder)}: {_why(error)}"
                if folder.exists()
                else f"the recording {home.target_of(folder)} ended before its kernels(): write record() around it"
            )


def _why(error: Exception) -> str:
    """Say in one line what went wrong, and what to type."""
    number = getattr(error, "status", None)
    if type(number) is int and number in REMEDIES:
        return REMEDIES[number]
    said = " ".join(str(error).split())[:200]
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "cupti":
        return "cupti-python is missing; type: pip install 'pycarbon-energy[cupti]'"
    if isinstance(error, ImportError):
        return f"cupti-python does not work here ({said}); type: pip install -U 'pycarbon-energy[cupti]'"
    if "libcuda" in said:
        return "there is no NVIDIA driver (libcuda.so.1) here; type: pycarbon doctor"
    return said or type(error).__name__


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        notice(text)
