"""Several runs as people read them in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from pycarbon.equivalents import one_line
from pycarbon.job import EPOCH, MergedMachine, MergedRun
from pycarbon.merging import Merged
from pycarbon.regions import TreeNode
from pycarbon.reports import figures
from pycarbon.reports.text import LABEL_WIDTH, SPARKLINE_WIDTH, Rows
from pycarbon.totals import Energy

MOST_LINES = 20
"""So many machines, and so many runs, have a line of their own."""

BARS, BESIDE_BARS = 64, 33
"""How wide a picture of power may be, and how much room its words take."""


class MergedText(Rows):
    """The report for people."""

    def render(self, merged: Merged) -> str:
        """Give the whole report."""
        return self._style.fit("\n".join(["", *self._head(merged), "", *self._body(merged), ""]))

    def _head(self, merged: Merged) -> Iterator[str]:
        style, span = self._style, merged.span
        names = {run.run.name for run in merged.runs}
        name = f"{figures.printable(names.pop())} · " if len(names) == 1 else ""
        count = f"{_count(len(merged.runs), 'run')} on {_count(len(merged.machines), 'machine')}"
        cut = sum(not run.run.complete for run in merged.runs)
        state = f" · {cut} cut off" if cut else ""
        yield f" {style.bold(name + count)} · {figures.duration(span.duration_s)}{state}"
        first, last = _moment(span.start_ns), _moment(span.end_ns)
        yield style.dim(f" {first} to {last.removeprefix(first[:11])} UTC")
        clocks, off_s = "the machines' clocks may be off", span.uncertainty_s
        yield style.dim(f" how far {clocks} is not known" if off_s is None else f" {clocks} by {_seconds(off_s)}")

    def _body(self, merged: Merged) -> Iterator[str]:
        energy = merged.energy
        if math.isnan(energy.total_j):
            yield from self._wrapped("Energy", "not known: neither a counter nor a model was there")
        else:
            yield from self._energies(merged, energy)
            yield from self._emitted(merged)
            yield from self._wrapped("That is", one_line(energy.total_j, merged.emissions.co2e_g))
            yield from self._power(merged)
        yield ""
        yield from self._runs(merged)
        if merged.outside is not None:
            yield from self._tree([TreeNode(region) for region in merged.regions], merged.outside)
        if merged.notes:
            yield ""
        for note in merged.notes:
            yield from self._wrapped("Note", note)

    def _energies(self, merged: Merged, energy: Energy) -> Iterator[str]:
        machines = sorted(merged.machines, key=lambda machine: (_rank(machine.energy), machine.label))
        yield from self._figure(
            "Energy", energy.total_j, energy.low_j, energy.high_j, energy.kind, _domains(energy), True
        )
        for machine in machines[:MOST_LINES]:
            yield from self._machine(machine)
        if len(machines) > MOST_LINES:
            yield f"   and {len(machines) - MOST_LINES} more"
        yield from self._wrapped("By domain", "")
        for channel in sorted(energy.channels, key=lambda channel: not channel.in_total):
            label = f"  {channel.domain}" if channel.in_total else f" ({channel.domain})"
            power = f"mean {figures.quantity(channel.mean_power_w, 'W')}"
            yield from self._figure(
                self._cut(label), channel.energy_j, channel.low_j, channel.high_j, channel.kind, power
            )
        if energy.process_j is not None and energy.process_low_j is not None and energy.process_high_j is not None:
            share = (
                f"{figures.percent(energy.process_j / energy.total_j)} of it, by {energy.shared_by}"
                if energy.total_j > 0
                else ""
            )
            yield from self._figure(
                "These processes", energy.process_j, energy.process_low_j, energy.process_high_j, "attributed", share
            )

    def _machine(self, machine: MergedMachine) -> list[str]:
        energy = machine.energy
        label = self._cut(f"  {machine.label}")
        if math.isnan(energy.total_j):
            return self._wrapped(label, "not known, and in no sum")
        mean_w = energy.total_j / machine.duration_s if machine.duration_s > 0 else 0.0
        runs = f", {len(machine.runs)} runs" if len(machine.runs) > 1 else ""
        power = f"mean {figures.quantity(mean_w, 'W')}{runs}"
        return self._figure(label, energy.total_j, energy.low_j, energy.high_j, energy.kind, power)

    def _emitted(self, merged: Merged) -> Iterator[str]:
        emissions = merged.emissions
        yield from self._grams(emissions)
        for factor in emissions.factors:
            where = factor.zone if factor.place_known else "an unknown place (--zone says where)"
            of_it = "" if len(emissions.factors) == 1 else f"{figures.mass(factor.co2e_g)} of it "
            yield from self._wrapped(
                "",
                f"{of_it}at {figures.digits(factor.intensity_g_per_kwh)} g/kWh: {where}, {factor.year}, "
                f"{factor.method}, PUE {factor.pue:g}; {factor.source}",
            )

    def _power(self, merged: Merged) -> Iterator[str]:
        room = min(self._style.width - LABEL_WIDTH - BESIDE_BARS, BARS)
        power_w = merged.power(room)["power_w"].tolist()
        bars = figures.sparkline(power_w, room)
        if room >= SPARKLINE_WIDTH // 3 and bars:
            over = figures.duration(merged.span.duration_s / len(power_w))
            label = f" {'Power':<{LABEL_WIDTH}}"
            yield f"{label}{bars}  up to {figures.quantity(max(power_w), 'W')} over {over}"

    def _runs(self, merged: Merged) -> Iterator[str]:
        span = merged.span
        together = f"all at once for {figures.duration(span.all_s)}" if span.all_s > 0 else "never all at once"
        nobody_s = span.duration_s - span.any_s
        idle = f", none for {figures.duration(nobody_s)}" if nobody_s > 5e-7 else ""
        if len(merged.runs) > 1:
            yield from self._wrapped("Runs", f"{together}{idle}")
        for run in merged.runs[:MOST_LINES]:
            yield from self._line(run, span.start_ns)
        if len(merged.runs) > MOST_LINES:
            yield f"   and {len(merged.runs) - MOST_LINES} more"

    def _line(self, run: MergedRun, first_ns: int) -> list[str]:
        after_s = (run.start_ns - first_ns) / 1e9
        sure = "" if run.start_uncertainty_s is None else f" ±{_seconds(run.start_uncertainty_s)}"
        state = "" if run.run.complete else ", cut off"
        if run.run.exit_status is not None and run.run.exit_status != 0:
            status = run.run.exit_status
            state += f", exit {status}" if status > 0 else f", signal {-status}"
        if run.inside is not None:
            state += ", in another"
        told = f"from {figures.duration(after_s)}{sure} for {figures.duration(run.run.duration_s)}{state}"
        return self._wrapped(self._cut(f"  {run.label}"), told)

    def _cut(self, label: str) -> str:
        label = f"{label[: len(label) - len(label.lstrip())]}{figures.printable(label)}"
        more = "…" if self._style.unicode else "..."
        return label if len(label) < LABEL_WIDTH else label[: LABEL_WIDTH - 1 - len(more)] + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return figures.quantity(seconds, "s")


def _domains(energy: Energy) -> str:
    return " + ".join(dict.fromkeys(channel.domain for channel in energy.channels if channel.in_total))


def _rank(energy: Energy) -> float:
    return math.inf if math.isnan(energy.total_j) else -energy.total_j


def _moment(time_ns: int) -> str:
    """Write a time of day to the millisecond."""
    return f"{EPOCH + timedelta(microseconds=time_ns // 1000):%Y-%m-%d %H:%M:%S.%f}"[:-3]
