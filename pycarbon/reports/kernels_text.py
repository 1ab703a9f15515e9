"""What kernels cost, as people read it in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from pycarbon.analysis import Run
from pycarbon.energy import ChannelEnergy
from pycarbon.kernel_figures import GpuFigures, Kernel, KernelFigures
from pycarbon.reports import cells, figures
from pycarbon.reports.text import Rows, Style
from pycarbon.totals import Region

MOST_LINES = 25
LAUNCHES, TIME, ENERGY, EACH, BOUNDS, POWER, SHARE, ABOVE, GRAMS = 9, 11, 9, 9, 18, 9, 7, 12, 10
WITH_TIME, WITH_POWER, WITH_BOUNDS, WITH_ABOVE, WITH_GRAMS = 70, 78, 98, 116, 128
"""From so many columns on a line also says how long a kernel ran, its mean power, between which bounds a launch lies,
what a launch used above the idle GPU, and what was emitted."""

MARKS = {"measured": "", "attributed": "*", "modelled": "~"}
TOGETHER = "* attributed: ran at once with others, and shares by time"


class KernelsText(Rows):
    """The report for people."""

    def __init__(self, style: Style | None = None, everything: bool = False) -> None:
        """Write for a terminal of the given style; with `everything` all kernels, however little they used."""
        super().__init__(style)
        self._everything = everything

    def render(self, found: KernelFigures, run: Run) -> str:
        """Give the whole report."""
        return self._style.fit("\n".join(["", *self._lines(found, run), ""]))

    def _lines(self, found: KernelFigures, run: Run) -> Iterator[str]:
        style, alignment = self._style, found.alignment
        name, origin = figures.printable(run.name), figures.printable(found.origin)
        traced = figures.duration((alignment.end_ns - alignment.start_ns) / 1e9)
        yield f" {style.bold(name or 'run')} · kernels in {traced} of its {figures.duration(run.duration_s)}"
        yield from self._wrapped("Trace", f"{origin}, {alignment.how}")
        for gpu in found.gpus:
            yield ""
            yield from self._gpu(gpu)
            yield ""
            yield from self._table_of(gpu)
        if found.notes:
            yield ""
        for note in found.notes:
            yield from self._wrapped("Note", note)

    def _gpu(self, gpu: GpuFigures) -> Iterator[str]:
        used = gpu.used
        about = ", ".join(filter(None, (gpu.gpu.name, f"mean {figures.quantity(used.mean_power_w, 'W')}")))
        yield from self._figure(used.domain, used.energy_j, used.low_j, used.high_j, used.kind, about, True)
        yield from self._static(gpu, used)

    def _static(self, gpu: GpuFigures, used: ChannelEnergy) -> Iterator[str]:
        if gpu.static_w is None:
            yield from self._wrapped("  static power", f"not known: {gpu.no_static}")
            return
        watts = gpu.static_w
        factor, prefix = figures.prefix_for(watts.best or watts.high)
        amount, bounds = figures.with_interval(watts.best, watts.low, watts.high, factor)
        whole_j = watts.best * used.energy_j / used.mean_power_w if used.mean_power_w > 0 else 0.0
        part = f"; {figures.percent(min(whole_j / used.energy_j, 1.0))} of all energy" if used.energy_j > 0 else ""
        rest = f"from {figures.duration(gpu.idle.time_s)} without a kernel{part}"
        yield from self._row("  static power", f"{amount} {prefix}W", bounds, gpu.idle.kind, rest, False)

    def _table_of(self, gpu: GpuFigures) -> Iterator[str]:
        style = self._style
        shown = gpu.kernels if self._everything else gpu.kernels[:MOST_LINES]
        kinds = {kernel.kind for kernel in shown}
        table = _Table(style.width, "…" if style.unicode else "...", len(kinds) > 1)
        yield style.dim(table.header("" if len(kinds) > 1 else next(iter(kinds), gpu.used.kind)))
        told: set[str] = set()
        for kernel in shown:
            yield from table.row(kernel, told)
        yield from map(style.dim, self._left_out(gpu, len(shown)))
        yield from map(style.dim, table.idle(gpu.idle, told))
        if "attributed" in kinds:
            yield style.dim(f" {TOGETHER if len(kinds) > 1 else TOGETHER[2:]}")

    def _left_out(self, gpu: GpuFigures, shown: int) -> Iterator[str]:
        others = gpu.kernels[shown:]
        if others:
            most_j = sum(one.high_j if one.energy_j is None else one.energy_j for one in others)
            share = (
                f", {cells.percent(min(most_j / gpu.used.energy_j, 1.0))} at most" if gpu.used.energy_j > 0 else ""
            )
            yield f" … and {len(others)} more{share} (--all shows them)"


@dataclass(slots=True)
class _Table:
    """Columns of figures to the right of names, as many as the width has room for."""

    width: int
    more: str
    marked: bool

    @property
    def _label(self) -> int:
        right = LAUNCHES + ENERGY + self.marked + EACH + SHARE + TIME * (self.width >= WITH_TIME)
        right += POWER * (self.width >= WITH_POWER) + BOUNDS * (self.width >= WITH_BOUNDS)
        right += ABOVE * (self.width >= WITH_ABOVE) + GRAMS * (self.width >= WITH_GRAMS)
        return self.width - 1 - right

    def header(self, kind: str) -> str:
        """Name the columns, and the kind of all figures where they are of one."""
        title = f"Kernels · {kind}" if kind and len(kind) + 10 <= self._label else "Kernels"
        text = f" {cells.fitted(title, self._label, self.more)}{'launches':>{LAUNCHES}}"
        text += f"{'time':>{TIME}}" if self.width >= WITH_TIME else ""
        text += f"{'energy':>{ENERGY}}" + " " * self.marked + f"{'a launch':>{EACH}}"
        return text + self._columns("", "power", "share", "above idle", "CO2e")

    def row(self, kernel: Kernel, told: set[str]) -> Iterator[str]:
        """Write a kernel; one that is not resolved says what would help, unless that was told before."""
        label = figures.printable(kernel.label) or "(no name)"
        head = self._head(label, cells.count(kernel.launches), kernel.time_s)
        if kernel.energy_j is None:
            yield from self._unresolved(head, kernel.remedy, told)
            return
        text = head + f"{cells.joules(kernel.energy_j):>{ENERGY}}"
        text += f"{MARKS[kernel.kind]:<1}" if self.marked else ""
        amount = bounds = above = ""
        if kernel.launches:
            each = (
                kernel.energy_j / kernel.launches,
                kernel.low_j / kernel.launches,
                kernel.high_j / kernel.launches,
            )
            amount, bounds = cells.with_bounds(*each, width=EACH, bounds_width=BOUNDS - 2)
            if kernel.above_idle_j is not None:
                above = cells.joules(kernel.above_idle_j.best / kernel.launches)
        power_w = kernel.power_w(kernel.energy_j)
        power = "" if power_w is None else figures.quantity(power_w, "W")
        share = "" if kernel.share is None else cells.percent(kernel.share)
        mass = "" if kernel.co2e_g is None else cells.grams(kernel.co2e_g)
        yield (text + f"{amount:>{EACH}}" + self._columns(bounds, power, share, above, mass)).rstrip()

    def idle(self, idle: Region, told: set[str]) -> Iterator[str]:
        """Write what no kernel ran in."""
        head = self._head("(idle)", "", idle.time_s)
        if idle.energy_j is None:
            yield from self._unresolved(head, idle.remedy, told)
            return
        power = "" if idle.time_s <= 0 else figures.quantity(idle.energy_j / idle.time_s, "W")
        share = "" if idle.share is None else cells.percent(idle.share)
        mass = "" if idle.co2e_g is None else cells.grams(idle.co2e_g)
        text = head + f"{cells.joules(idle.energy_j):>{ENERGY}}" + " " * self.marked + " " * EACH
        yield (text + self._columns("", power, share, "", mass)).rstrip()

    def _head(self, label: str, launches: str, time_s: float) -> str:
        label = label if len(label) <= self._label else brief(label)
        text = f" {cells.shortened(label, self._label, self.more)}{launches:>{LAUNCHES}}"
        return text + (f"{cells.time(time_s, TIME):>{TIME}}" if self.width >= WITH_TIME else "")

    def _columns(self, bounds: str, power: str, share: str, above: str, mass: str) -> str:
        text = f"  {bounds:<{BOUNDS - 2}}" if self.width >= WITH_BOUNDS else ""
        text += f"{above:>{ABOVE}}" if self.width >= WITH_ABOVE else ""
        text += f"{power:>{POWER}}" if self.width >= WITH_POWER else ""
        return text + f"{share:>{SHARE}}" + (f"{mass:>{GRAMS}}" if self.width >= WITH_GRAMS else "")

    def _unresolved(self, head: str, remedy: str, told: set[str]) -> Iterator[str]:
        if remedy in told:
            yield f"{head}  not resolved, as above"
            return
        told.add(remedy)
        text = figures.printable(f"not resolved: {remedy}" if remedy else "not resolved")
        used = 1 + self._label + LAUNCHES + TIME * (self.width >= WITH_TIME) + 2
        first, *others = textwrap.wrap(text, max(self.width - used, 20), break_on_hyphens=False)
        yield f"{head}  {first}"
        yield from (" " * used + other for other in others)


def brief(name: str) -> str:
    """Leave out of a C++ name what it returns and takes: that is long, and rarely tells two kernels apart."""
    name = name.removeprefix("void ")
    depth = 0
    for at in range(len(name) - 1, 0, -1):
        depth += (name[at] == ")") - (name[at] == "(")
        if depth == 0:
            return name[:at] if name[at] == "(" else name
    return name
