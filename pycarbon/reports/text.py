"""A run as people read it in a terminal."""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from pycarbon.analysis import Run
from pycarbon.emissions import JOULES_PER_KWH, Emissions
from pycarbon.energy import ChannelEnergy
from pycarbon.equivalents import one_line
from pycarbon.interval import Range
from pycarbon.reports import carbon, figures
from pycarbon.settings import DEFAULT
from pycarbon.totals import Energy, Region

if TYPE_CHECKING:
    from pycarbon.footprint import Sci
    from pycarbon.job import SummedEmissions
    from pycarbon.regions import TreeNode

LABEL_WIDTH = 18
SPARKLINE_WIDTH = 24
LEAST_KWH = 0.001
"""Below that joules alone say more."""

_ASCII = str.maketrans(
    {"µ": "u", "±": "+-", "·": "-", "…": "...", **{bar: "_.-=+*#@"[i] for i, bar in enumerate("▁▂▃▄▅▆▇█")}}
)


@dataclass(frozen=True, slots=True)
class Style:
    """What a terminal can show."""

    width: int = 100
    colour: bool = False
    unicode: bool = True

    def bold(self, text: str) -> str:
        """Make text stand out, where that is possible."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def dim(self, text: str) -> str:
        """Make text recede, where that is possible."""
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def red(self, text: str) -> str:
        """Show that a figure grew, where that is possible."""
        return f"\x1b[31m{text}\x1b[0m" if self.colour else text

    def green(self, text: str) -> str:
        """Show that a figure shrank, where that is possible."""
        return f"\x1b[32m{text}\x1b[0m" if self.colour else text

    def fit(self, text: str) -> str:
        """Replace what the terminal's encoding may lack."""
        return text if self.unicode else text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def style_for(stream: TextIO | None) -> Style:
    """Look at a stream: colour on a terminal only and never with NO_COLOR, bars where its encoding has them."""
    if stream is None:  # standard output was closed
        return Style()
    terminal = stream.isatty()
    width = 100
    if terminal:
        with contextlib.suppress(OSError, ValueError):
            width = os.get_terminal_size(stream.fileno()).columns
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(max(width, 60), colour, "utf" in (stream.encoding or "").lower())


class Rows:
    """Labelled figures, one below the other, as wide as the terminal."""

    def __init__(self, style: Style | None = None) -> None:
        """Write for a terminal of the given style; plain text without one."""
        self._style = style or Style()

    def _figure(
        self, label: str, value: float, low: float, high: float, kind: str, rest: str, bold: bool = False
    ) -> list[str]:
        factor, prefix = figures.prefix_for(value or high)
        amount, bounds = figures.with_interval(value, low, high, factor)
        return self._row(label, f"{amount} {prefix}J", bounds, kind, rest, bold)

    def _grams(self, emissions: Emissions | SummedEmissions, label: str = "CO2e") -> list[str]:
        factor, unit = figures.mass_prefix_for(emissions.co2e_g or emissions.high_g)
        grams, bounds = figures.with_interval(emissions.co2e_g, emissions.low_g, emissions.high_g, factor)
        return self._row(label, f"{grams} {unit}", bounds, emissions.kind, "", bold=True)

    def _row(self, label: str, amount: str, bounds: str, kind: str, rest: str, bold: bool) -> list[str]:
        """Write a figure on a line; what the terminal is too narrow for goes below it."""
        padded = f"{amount:>10}"
        head = f" {label:<{LABEL_WIDTH}}"
        tail = f"  {bounds:<18} {kind:<11}"
        line = f"{head}{self._style.bold(padded) if bold else padded}{tail}"
        if len(head) + len(padded) + len(tail) + len(rest) <= self._style.width:
            return [f"{line}{figures.printable(rest)}".rstrip()]
        return [line.rstrip(), *(self._wrapped("", rest) if rest else [])]

    def _wrapped(self, label: str, text: str) -> list[str]:
        indent = " " * (LABEL_WIDTH + 1)
        room = self._style.width - len(indent)
        lines = textwrap.wrap(figures.printable(text), room, break_long_words=False, break_on_hyphens=False)
        first = f" {label:<{LABEL_WIDTH}}{lines[0] if lines else ''}".rstrip()
        return [first, *(indent + line for line in lines[1:])]

    def _tree(self, roots: Sequence[TreeNode], outside: Region) -> Iterator[str]:
        from pycarbon.reports.tree import lines

        style = self._style
        yield ""
        for line in lines(roots, outside, style.width, "…" if style.unicode else "..."):
            yield style.dim(line.text) if line.dim else line.text


class TextReport(Rows):
    """The report for people."""

    def render(self, run: Run, score: Sci | None = None) -> str:
        """Give the whole report."""
        text = "\n".join(["", *self._head(run), "", *self._body(run, score), ""])
        return self._style.fit(text)

    def _head(self, run: Run) -> Iterator[str]:
        style = self._style
        state = "" if run.complete else " · cut off"
        if run.exit_status is not None:
            state += f" · exit {run.exit_status}" if run.exit_status >= 0 else f" · signal {-run.exit_status}"
        name = figures.printable(run.name)
        yield f" {style.bold(name)} · {figures.duration(run.duration_s)}{state} · {_belongs_to(run)}"
        command = figures.printable(shlex.join(run.command))
        if command:
            yield style.dim(" " + _cut(command, style.width - 2))

    def _body(self, run: Run, score: Sci | None) -> Iterator[str]:
        energy = run.energy
        if math.isnan(energy.total_j):
            yield from self._wrapped("Energy", "not known: neither a counter nor a model was there")
        else:
            yield from self._energy(run, energy)
            yield from self._emissions(run)
            yield from self._left_behind(run, score)
            equivalent = one_line(energy.total_j, run.emissions.co2e_g)
            yield from self._wrapped("That is", equivalent)
        yield from self._remedy(run, energy)
        yield from self._regions(run)
        if run.outside is not None and (run.notes or run.path):
            yield ""
        for note in run.notes:
            yield from self._wrapped("Note", note)
        if run.path is not None:
            yield from self._wrapped("Run file", str(run.path))

    def _energy(self, run: Run, energy: Energy) -> Iterator[str]:
        parts = " + ".join(channel.domain for channel in energy.channels if channel.in_total)
        if energy.total_j >= LEAST_KWH * JOULES_PER_KWH:
            parts = f"{figures.digits(energy.total_j / JOULES_PER_KWH)} kWh, {parts}"
        yield from self._figure("Energy", energy.total_j, energy.low_j, energy.high_j, energy.kind, parts, True)
        for channel in sorted(energy.channels, key=lambda channel: not channel.in_total):
            yield from self._channel(run, channel)
        for gpu in run.gpus:
            known = filter(None, (gpu.name, gpu.driver and f"driver {gpu.driver}"))
            yield from self._wrapped("", f"{gpu.domain}: {', '.join(known) or 'of unknown name'}")
        if energy.process_j is not None and energy.process_low_j is not None and energy.process_high_j is not None:
            part = (
                f"{figures.percent(energy.process_j / energy.total_j)} of it, by {energy.shared_by}"
                if energy.total_j > 0
                else ""
            )
            yield from self._figure(
                "This process", energy.process_j, energy.process_low_j, energy.process_high_j, "attributed", part
            )

    def _channel(self, run: Run, channel: ChannelEnergy) -> list[str]:
        """Write one domain; in parentheses where the total does not add it."""
        domain = figures.printable(channel.domain)
        label = f"  {domain}" if channel.in_total else f" ({domain})"
        peak = "" if channel.peak_power_w is None else f", peak {figures.quantity(channel.peak_power_w, 'W')}"
        power = f"mean {figures.quantity(channel.mean_power_w, 'W')}{peak}"
        lines = self._figure(label, channel.energy_j, channel.low_j, channel.high_j, channel.kind, power)
        room = min(self._style.width - len(lines[-1]) - 2, SPARKLINE_WIDTH)
        bars = figures.sparkline(run.power(channel.domain)["power_w"].tolist(), room)
        if room >= SPARKLINE_WIDTH // 3 and bars:
            lines[-1] += f"  {bars}"
        return lines

    def _emissions(self, run: Run) -> Iterator[str]:
        emissions = run.emissions
        yield from self._grams(emissions)
        yield from self._wrapped("", f"at {carbon.factor(run.rating, emissions)}")
        if run.marginal is not None:
            yield from self._grams(run.marginal, "CO2e, marginal")
            yield from self._wrapped(
                "", f"what a kWh more or less changes, beside the average; {run.marginal.source}"
            )

    def _left_behind(self, run: Run, score: Sci | None) -> Iterator[str]:
        """Write the device's part, water and the score: what somebody said what it follows from."""
        found, rating = run.footprint, run.rating
        if found is None:
            return
        if found.embodied_g is not None and rating.device is not None:
            device, share = rating.device, rating.device.resource_share.best
            part = "" if share == 1 else f", {figures.percent(share)} of it"
            made = f"{figures.digits(device.embodied_kg.best)} kg over {device.lifetime_years.best:g} years{part}"
            of_it = "" if rating.device_source in ("", "as set") else f": {rating.device_source}"
            yield from self._mass("Embodied", found.embodied_g, made + of_it)
            yield from self._mass("Total CO2e", found.total_g, "", bold=True)
        if found.water_l is not None:
            factor, prefix = figures.prefix_for(found.water_l.best or found.water_l.high)
            water = found.water_l
            amount, bounds = figures.with_interval(water.best, water.low, water.high, factor)
            yield from self._row(
                "Water", f"{amount} {prefix}L", bounds, "modelled", f"WUE: {rating.wue_source}", False
            )
        if score is not None:
            value = Range(score.low_g_per_unit, score.score_g_per_unit, score.high_g_per_unit)
            yield from self._mass("SCI" if score.embodied_known else "SCI without M", value, "", bold=True)
            said = filter(None, (f"per {score.functional_unit}, of {score.count:g}", score.boundary, score.note))
            yield from self._wrapped("", "; ".join(said))

    def _mass(self, label: str, grams: Range, rest: str, bold: bool = False) -> list[str]:
        factor, unit = figures.mass_prefix_for(grams.best or grams.high)
        amount, bounds = figures.with_interval(grams.best, grams.low, grams.high, factor)
        return self._row(label, f"{amount} {unit}", bounds, "modelled", rest, bold)

    def _remedy(self, run: Run, energy: Energy) -> Iterator[str]:
        if energy.kind == "measured":
            return
        obstacles = run.data.meta.get("obstacles", [])
        chosen = next((o for o in obstacles if o["remedy"]), obstacles[0] if obstacles else None)
        if chosen is not None:
            advice = f"; to measure: {chosen['remedy']}" if chosen["remedy"] else ""
            yield from self._wrapped("An estimate", f"{chosen['what']}{advice}")

    def _regions(self, run: Run) -> Iterator[str]:
        if run.outside is not None:
            yield from self._tree(run.tree(), run.outside)


def _belongs_to(run: Run) -> str:
    parts = [f"project {run.project or '-'}"]
    if run.experiment:
        parts.append(f"experiment {run.experiment}")
    if run.organisation not in ("", DEFAULT):
        parts.append(f"organisation {run.organisation}")
    return figures.printable(" · ".join(parts))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + " …"
