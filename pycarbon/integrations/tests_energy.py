"""The energy of a session's tests: their spans, limits and figures, gathered from all workers.

    this process, or each worker of pytest-xdist        the process with the terminal
    hooks around a test's phases --figures of spans-->  Meter (counters, grid)
    figures --report of the teardown-->                 rows --> table, JSON

A worker reads no counter: it asks through a socket, before it sends the report. So limits, reruns, -x and JUnit XML
see in workers what they see without them.

Whatever goes wrong here becomes one note, and the tests go on.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pycarbon.integrations import energy_limit
from pycarbon.integrations.figure import Figure, from_json, unknown
from pycarbon.integrations.row import Row
from pycarbon.integrations.span import Span, Stopwatch
from pycarbon.integrations.spending import Energy
from pycarbon.quiet import signals_elsewhere

if TYPE_CHECKING:
    from pycarbon.integrations.benchmarks import Benchmarks
    from pycarbon.integrations.exchange import Answering, Asking
    from pycarbon.integrations.meter import Meter

SHORTEST_S = 1e-3
"""What is shorter than a counter's update is not asked for: nothing could be told."""

SLACK_NS = 10_000_000_000
"""News of a worker may be late: what its tests may ask for is kept so much longer."""


class TestsEnergy:
    """A plugin of pytest, registered when energy is first asked for."""

    __test__ = False

    def __init__(self, config: pytest.Config) -> None:
        """Nothing is read before somebody asks, or --energy or --energy-json says that it will be."""
        self._config = config
        self._everything = bool(config.getoption("energy") or config.getoption("energy_json"))
        self._workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
        workers = 1 if self._workerinput is None else int(self._workerinput.get("workercount", 1))
        self._shared = workers > 1
        self._energy = Energy(self._figure, self._shared)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._meter: Meter | None = None
        self._broken: str | None = None
        self._asking: Asking | None = None
        self._answering: Answering | None = None
        self._benchmarks: Benchmarks | None = None
        self._limits_j: dict[str, float] = {}
        self._no_good: dict[str, str] = {}
        self._spans: dict[str, Span] = {}
        self._figures_of: dict[str, Figure] = {}
        self._verdict: energy_limit.Verdict | None = None
        self._running: dict[str, int] = {}
        self._outcomes: dict[str, str] = {}
        self._session: Figure | None = None
        self.rows: list[Row] = []
        self.notes: dict[str, None] = {}
        if self._everything:
            self._begin()

    # What others ask for

    def address(self) -> str | None:
        """Say where workers can ask; None where they cannot."""
        with self._goes_on():
            from pycarbon.integrations.exchange import Answering

            if self._answering is None:
                with signals_elsewhere():
                    self._answering = Answering(lambda spans: self.meter().figures(spans))
        return None if self._answering is None else self._answering.address

    def meter(self) -> Meter:
        """Give the meter, which starts with the first call."""
        with self._lock:
            with signals_elsewhere():  # numpy may start threads as well
                from pycarbon.integrations.meter import Meter

            if self._broken is not None:
                raise RuntimeError(self._broken)
            if self._meter is None:
                try:
                    with signals_elsewhere():
                        self._meter = Meter(self._config.getoption("energy_root"))
                except Exception as error:  # it would fail for each test again
                    self._broken = str(error) or repr(error)
                    raise
            return self._meter

    @property
    def energy(self) -> Energy:
        """What the fixture gives."""
        self._begin()
        return self._energy

    def _begin(self) -> None:
        """Have the counters watched from now on, here or where they are read."""
        with self._goes_on():
            if self._workerinput is None:
                self.meter()
            else:
                self._ask([])

    def take_limits(self, items: Sequence[pytest.Item]) -> None:
        """Read the markers of limits; UsageError, in one line, for one that is no good.

        In a worker such a test is an error instead: pytest-xdist cannot pass a usage error on.
        """
        for item in items:
            marker = item.get_closest_marker("energy_limit")
            if marker is None:
                continue
            given = [*marker.args, *marker.kwargs.values()]
            try:
                if len(given) != 1 or not marker.kwargs.keys() <= {"limit"}:
                    raise ValueError(f"energy_limit takes one text, such as {energy_limit.EXAMPLES}")
                self._limits_j[item.nodeid] = energy_limit.parse(given[0])
            except ValueError as error:
                if self._workerinput is None:
                    raise pytest.UsageError(f"{item.nodeid}: {error}") from None
                self._no_good[item.nodeid] = str(error)
        if self._limits_j:
            self._begin()

    def note(self, text: str) -> None:
        """Remember something to be said once, at the end."""
        self.notes.setdefault(text)

    @contextlib.contextmanager
    def _goes_on(self) -> Iterator[None]:
        """Turn what goes wrong into a note."""
        try:
            yield
        except Exception as error:
            self.note(f"some figures are missing: {str(error) or repr(error)}")

    # The phases of a test, in the process that runs it

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take the time of the fixtures before a test."""
        self._spans, self._figures_of, self._verdict = {}, {}, None
        result = yield from self._timed("setup")
        if item.nodeid in self._no_good:
            pytest.fail(self._no_good[item.nodeid], pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take the time of the test itself, and fail it where it used too much."""
        result = yield from self._timed("call")
        limit_j = self._limits_j.get(item.nodeid)
        if limit_j is not None:
            figure = self._figures_of["call"] = self._figure(self._spans["call"])
            with self._goes_on():
                self._verdict = energy_limit.judge(figure, limit_j)
            if self._verdict is not None and self._verdict.outcome == energy_limit.EXCEEDED:
                pytest.fail(self._verdict.text, pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take the time of the fixtures after it."""
        return (yield from self._timed("teardown"))

    def _timed(self, phase: str) -> Generator[None, object, object]:
        watch = Stopwatch(self._shared)
        try:
            return (yield)
        finally:
            self._spans[phase] = watch.span()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the figures into a test's last report, which also crosses from a worker."""
        report = yield
        if call.when == "call" and self._benchmarks is not None:
            with self._goes_on():
                self._benchmarks.finish(item.nodeid, self._spans.get("call"))
        if call.when == "teardown":
            with self._goes_on():
                self._attach(report)
        return report

    def _attach(self, report: pytest.TestReport) -> None:
        wanted = [
            phase
            for phase, span in self._spans.items()
            if self._everything and phase not in self._figures_of and span.time_s >= SHORTEST_S
        ]
        found = self._figures([self._spans[phase] for phase in wanted])
        self._figures_of.update(zip(wanted, found, strict=True))
        carried: dict[str, Any] = {
            "times_s": {phase: span.time_s for phase, span in self._spans.items()},
            "figures": {phase: figure.to_json() for phase, figure in self._figures_of.items()},
        }
        if self._verdict is not None:
            carried["limit"] = {"limit_j": self._verdict.limit_j, "outcome": self._verdict.outcome}
            if self._verdict.outcome == energy_limit.OPEN:
                carried["limit"]["note"] = self._verdict.text
        if self._workerinput is not None and self.notes:
            carried["notes"] = list(self.notes)
        report.pycarbon = carried  # type: ignore[attr-defined]
        called = self._figures_of.get("call")
        if called is not None and called.known:
            figures = called.to_json()
            names = ("energy_j", "low_j", "high_j", "kind", "co2e_g", "co2e_low_g", "co2e_high_g")
            written = {"low_j": "energy_low_j", "high_j": "energy_high_j", "kind": "energy_kind"}
            report.user_properties += [(written.get(name, name), figures[name]) for name in names]

    def _figure(self, span: Span) -> Figure:
        return self._figures([span])[0]

    def _figures(self, spans: Sequence[Span]) -> list[Figure]:
        """Say what spans cost, here or by asking; never raises."""
        if not spans:
            return []
        try:
            if self._workerinput is not None:
                return self._ask(spans)
            if os.getpid() != self._pid:
                raise RuntimeError("a process that was forked by a test does not read the counters")
            return self.meter().figures(spans)
        except Exception as error:
            why = str(error) or repr(error)
            self.note(f"some figures are missing: {why}")
            return [unknown(span.time_s, why) for span in spans]

    def _ask(self, spans: Sequence[Span]) -> list[Figure]:
        from pycarbon.integrations.exchange import Asking

        address = None if self._workerinput is None else self._workerinput.get("pycarbon")
        if address is None:
            raise RuntimeError("workers cannot ask the process that reads the counters")
        with self._lock:
            if self._asking is None:
                self._asking = Asking(address)
        return self._asking.figures(spans)

    # The session, in the process with the terminal

    def pytest_report_header(self) -> list[str]:
        """Say what the figures will be."""
        if not self._everything or self._meter is None:
            return []
        remedy = self._meter.remedy()
        return [f"energy: {self._meter.about()}", *([f"energy: {remedy}"] if remedy else [])]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Follow benchmarks, where there are any to come and all of this is asked for."""
        if not self._everything or self._workerinput is not None or session.config.option.collectonly:
            return
        found = session.config.pluginmanager.get_plugin("pytest-benchmark")
        if found is not None and not getattr(found, "disabled", True) and self._meter is not None:
            with self._goes_on():
                from pycarbon.integrations.benchmarks import Benchmarks

                self._benchmarks = Benchmarks(found, self._meter)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Remember since when a test runs: what it may ask for is kept."""
        self._running.setdefault(nodeid, time.monotonic_ns() - SLACK_NS)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Forget it."""
        self._running.pop(nodeid, None)
        if self._meter is not None:
            with self._goes_on():
                self._meter.advance(min(self._running.values(), default=time.monotonic_ns()))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what reports carry."""
        if self._workerinput is not None:
            return
        if report.failed or self._outcomes.get(report.nodeid, "passed") == "passed":
            self._outcomes[report.nodeid] = report.outcome
        carried = getattr(report, "pycarbon", None)
        if carried is not None:
            with self._goes_on():
                self._take(report, carried)

    def _take(self, report: pytest.TestReport, carried: dict[str, Any]) -> None:
        figures = {phase: from_json(values) for phase, values in carried["figures"].items()}
        outcome = self._outcomes.pop(report.nodeid)
        self.rows.append(Row(report.nodeid, outcome, carried["times_s"], figures, carried.get("limit")))
        for text in carried.get("notes", ()):
            self.note(text)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Sum up, and write the JSON."""
        if self._workerinput is not None or self._meter is None:
            return
        with self._goes_on():
            self._session = self._meter.session()
            for text in (*self._meter.notes, *self._meter.metering.notes):
                self.note(text)
        path: Path | None = self._config.getoption("energy_json")
        if path is not None:
            with self._goes_on():
                from pycarbon.integrations import tests_json

                text = tests_json.render(self.rows, self._session, self._meter, list(self.notes))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show it."""
        if self._config.option.collectonly:
            return
        top: int | None = self._config.getoption("energy_top") if self._config.getoption("energy") else None
        with self._goes_on():
            from pycarbon.integrations import tests_text

            place = self._meter.place() if self._meter is not None else ""
            tests_text.show(terminalreporter, self.rows, self._session, place, top, list(self.notes))

    def pytest_unconfigure(self) -> None:
        """Stop everything."""
        if os.getpid() != self._pid:
            return
        for ends in (self._asking, self._answering, self._meter):
            if ends is not None:
                with contextlib.suppress(Exception):
                    ends.close()
