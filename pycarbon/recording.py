"""record(): record a block of Python, and what `pycarbon run` shares with it: the plan of a recording."""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pycarbon import portable, settings, siting
from pycarbon._version import __version__
from pycarbon.analysis import Run
from pycarbon.closing import Outcome
from pycarbon.errors import PyCarbonError
from pycarbon.feeds import Sampling
from pycarbon.notices import notice
from pycarbon.rating import Rating
from pycarbon.recorder import Recorder
from pycarbon.run import RunData
from pycarbon.sources import Roots, discover
from pycarbon.store.paths import new_path

Function = TypeVar("Function", bound=Callable[..., Any])

INSIDE = "PYCARBON_RUN"
"""The environment variable that tells a recorded program's descendants which run they are part of."""

_inside: ContextVar[str | None] = ContextVar("pycarbon_inside", default=None)
"""The innermost run that the code of this thread or task is in."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked to have recorded. None: as the settings say."""

    name: str
    command: list[str]
    project: str | None = None
    path: Path | None = None
    zone: str | None = None
    rate_hz: float | None = None
    tags: Mapping[str, str] | None = None
    root: Path | None = None
    cpu_budget_percent: float | None = None
    priority: str | None = None
    keep_marks: int | None = None
    sync_s: float | None = None
    scope: str | None = None
    service: str | None = None
    factors: Path | None = None
    pue: str | None = None
    organisation: str | None = None
    experiment: str | None = None


_SET_BY_REQUEST = [
    "organisation",
    "project",
    "experiment",
    "zone",
    "rate_hz",
    "cpu_budget_percent",
    "priority",
    "keep_marks",
    "sync_s",
    "scope",
    "service",
    "factors",
    "pue",
]


def plan(request: Request, inside: str | None) -> tuple[Recorder, list[str]]:
    """Make the recorder for a request, and the lines its user should see now.

    PyCarbonError where an argument is no good.
    """
    chosen, complaints = _settings({name: getattr(request, name) for name in _SET_BY_REQUEST})
    discovery = discover(Roots() if request.root is None else Roots.under(request.root))
    rating, lines = siting.site(chosen, root=request.root or Path("/"), boot=discovery.machine.boot)
    complaints += lines
    started = datetime.now().astimezone()
    run_id = os.urandom(8).hex()
    target = request.path or new_path(
        chosen.data_dir, chosen.organisation, chosen.project, str(request.name), started, run_id
    )
    with contextlib.suppress(OSError):  # the working directory may be gone
        target = target.absolute()
    meta = {
        "id": run_id,
        "organisation": chosen.organisation,
        "project": chosen.project,
        **({} if chosen.experiment is None else {"experiment": chosen.experiment}),
        "name": str(request.name),
        "command": request.command,
        "started_at": started.isoformat(timespec="milliseconds"),
        "tags": {str(key): str(value) for key, value in (request.tags or {}).items()},
        **rating.to_meta(),
        "settings_from": dict(chosen.layers),
        "inside": inside,
        "pycarbon": __version__,
        "python": sys.version.split()[0],
    }
    sampling = Sampling(chosen.rate_hz, chosen.cpu_budget_percent, chosen.priority, chosen.keep_marks, chosen.sync_s)
    recorder = Recorder(discovery, meta, target, sampling, _ask_at_end(rating, chosen.service, started))
    recorder.notes.extend(complaints)
    if request.path is None:
        recorder.store = chosen.data_dir
    if chosen.server is not None:
        from pycarbon.pushing import at_end

        recorder.sending = at_end.planned(chosen, inside is not None)
    return recorder, complaints


def keep(recorder: Recorder, outcome: Outcome) -> None:
    """Take a run that has ended into the index of the run store, where it went there; never raises.

    The file says everything itself: what the index does not take now it finds at its next look. So that a program
    never waits long for its index, that is one of the recorder's notes, and no error.
    """
    store, path = recorder.store, outcome.path
    if store is None or path is None:
        return
    try:
        if path.is_relative_to(store.absolute()):
            from pycarbon.store import arrivals

            arrivals.add(store, path, outcome.shown)
    except Exception as error:
        recorder.notes.append(f"the run is not in the index yet, the next `pycarbon ls` finds it: {_why(error)}")


def queued(recorder: Recorder, path: Path | None) -> list[str]:
    """Have a run that has ended wait for its team's server; give what its user should know. See pushing/at_end.py."""
    if recorder.sending is None:
        return []
    from pycarbon.pushing import at_end

    return at_end.ended(recorder.sending, recorder.run_id, path)


def sent(recorder: Recorder, *, at_once: bool) -> list[str]:
    """Leave what waits to a process that sends it, as the very last thing; as `queued`."""
    if recorder.sending is None:
        return []
    from pycarbon.pushing import at_end

    return at_end.leave(recorder.sending, at_once=at_once)


def _ask_at_end(rating: Rating, service: str | None, started: datetime) -> Callable[[list[str]], dict[str, Any]]:
    """Ask a grid service for the run's hours when it has ended, where somebody wants that."""
    if service is None:
        return lambda notes: {}

    def ask(notes: list[str]) -> dict[str, Any]:
        from pycarbon import asking

        return asking.footer(rating, service, started, datetime.now().astimezone(), notes)

    return ask


def _settings(arguments: Mapping[str, Any]) -> tuple[settings.Settings, list[str]]:
    try:
        return settings.resolve(arguments)
    except (OSError, RuntimeError) as error:
        # The working directory is gone, there is no home, or one of them may not be entered: no files, then.
        import tempfile

        environ = {"XDG_DATA_HOME": tempfile.gettempdir(), **os.environ, "XDG_CONFIG_HOME": os.devnull}
        chosen, complaints = settings.resolve(arguments, environ=environ, folder=Path(os.devnull))
        return chosen, [f"no settings file is read: {error}", *complaints]


class Recording(Run):
    """A run in the making: made by record(), its figures are there once it has ended."""

    def __init__(self, request: Request) -> None:
        """Plan nothing yet: a recording begins when it is entered."""
        self._request = request
        self._recorder: Recorder | None = None
        self._result: RunData | None = None
        self._outer: str | None = None
        self._cpu_before_s = 0.0
        self._nested = 0
        self.path = request.path

    @property
    def data(self) -> RunData:
        """What was recorded; PyCarbonError while the recording still runs."""
        if self._result is None:
            raise PyCarbonError("the run is still being recorded: its figures are there after the with block")
        return self._result

    def __enter__(self) -> Recording:
        """Begin to record; never raises."""
        if self._recorder is not None and self._recorder.is_ours():
            self._nested += 1
            notice("this recording runs already and goes on; for one inside it call record() again")
            return self
        for name in [
            name for name in vars(self) if isinstance(getattr(type(self), name, None), functools.cached_property)
        ]:
            delattr(self, name)  # figures of an earlier use of the same object
        self._result, self._recorder = None, None
        try:
            self._outer = _inside.get()
            recorder, complaints = plan(self._request, self._outer or os.environ.get(INSIDE))
            for line in complaints:
                notice(line)
            said = len(recorder.notes)
            self._cpu_before_s = portable.own_cpu_s()
            recorder.start(process=os.getpid())
            self._recorder = recorder
            for line in recorder.notes[said:]:
                notice(line)
            atexit.register(self._end_at_exit)
            _inside.set(recorder.run_id)
        except Exception as error:
            self._result = _nothing(self._request, _why(error))
            notice(self._result.meta["notes"][0])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the recording; an exception of the block passes through, and is named in the run."""
        if self._nested:
            self._nested -= 1
            return
        self._end(time.monotonic_ns(), {} if kind is None else {"raised": kind.__qualname__})

    def __call__(self, function: Function) -> Function:
        """Record every call of a function, coroutine function or generator function, each as a run of its own.

        A generator's run goes from its first step to its end, whatever its user does in between.
        """
        request = self._request
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def recorded_generator(*args: Any, **kwargs: Any) -> Any:
                with Recording(request):
                    return (yield from function(*args, **kwargs))

            return recorded_generator  # type: ignore[return-value]

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def recorded_coroutine(*args: Any, **kwargs: Any) -> Any:
                with Recording(request):
                    return await function(*args, **kwargs)

            return recorded_coroutine  # type: ignore[return-value]

        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            with Recording(request):
                return function(*args, **kwargs)

        return recorded  # type: ignore[return-value]

    def _end(self, end_ns: int, footer: dict[str, Any]) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        if _inside.get() == recorder.run_id:
            _inside.set(self._outer)
        if not recorder.is_ours():
            self._result = _nothing(self._request, "this process was forked by the one that records")
            return
        atexit.unregister(self._end_at_exit)
        said = len(recorder.notes)
        try:
            outcome = recorder.stop(end_ns, footer, portable.own_cpu_s() - self._cpu_before_s)
        except Exception as error:
            self._result = _nothing(self._request, _why(error))
            notice(self._result.meta["notes"][0])
            return
        self._result, self.path = outcome.run, outcome.path
        keep(recorder, outcome)
        for line in [*recorder.notes[said:], *queued(recorder, outcome.path), *sent(recorder, at_once=False)]:
            notice(line)
        if recorder.interrupted:
            raise KeyboardInterrupt

    def _end_at_exit(self) -> None:
        self._end(time.monotonic_ns(), {"ended_by": "interpreter exit: the program never ended the recording"})


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, PyCarbonError) else repr(error)


def _nothing(request: Request, why: str) -> RunData:
    """Give the run of a recording that could not be made: no channels, and the reason as a note."""
    now_ns = time.monotonic_ns()
    meta = {
        "name": str(request.name),
        "command": request.command,
        "start_ns": now_ns,
        "notes": [f"nothing was recorded: {why}"],
    }
    return RunData(meta, [], {}, {"end_ns": now_ns}, complete=True)


def record(
    name: str,
    *,
    organisation: str | None = None,
    project: str | None = None,
    experiment: str | None = None,
    path: str | os.PathLike[str] | None = None,
    zone: str | None = None,
    rate_hz: float | None = None,
    tags: Mapping[str, str] | None = None,
) -> Recording:
    """Record a block of code, or as a decorator each call of a function, as one run.

    The run belongs to an `experiment` of a `project` of an `organisation`, each as the settings say where it is not
    given. `path` is the run's file; without it the file goes to the run store. `zone` says where the machine stands.
    Counters are read when they change, or `rate_hz` times a second (0.1 to 20000). Nothing here makes the recorded
    code fail: what goes wrong becomes one warning and a note in the run.

        with pycarbon.record("train", project="digits") as run:
            train()
        print(run.energy.total_j, run.emissions.co2e_g)
    """
    if callable(name):
        raise TypeError('record() needs a name, also as a decorator: write @pycarbon.record("train")')
    file = None if path is None else Path(path)
    command = list(getattr(sys, "argv", []))
    return Recording(
        Request(name, command, project, file, zone, rate_hz, tags, organisation=organisation, experiment=experiment)
    )
