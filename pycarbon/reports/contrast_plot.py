"""A comparison of variants as a picture: every trial by its time, and each variant's mean with its interval."""

from __future__ import annotations

from pathlib import Path

from pycarbon.comparison import Comparison
from pycarbon.errors import PyCarbonError
from pycarbon.reports import figures
from pycarbon.reports.verdicts import verdicts

SUFFIXES = (".svg", ".png", ".pdf")
MOST_WORDS, ROOM_FOR_NAMES = 3, 16
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")  # Okabe and Ito's


def check(path: Path) -> None:
    """Refuse, before anything is measured, what cannot be drawn."""
    if path.suffix not in SUFFIXES:
        raise PyCarbonError(f"--plot {path}: name a file that ends in {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise PyCarbonError(f"--plot {path}: there is no folder {path.parent}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise PyCarbonError("a plot needs matplotlib: pip install 'pycarbon-energy[plot]'") from None


def draw(found: Comparison, path: Path) -> None:
    """Draw it into a file; PyCarbonError where that cannot be written."""
    from matplotlib.figure import Figure

    measured = found.basis == "energy_j"
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    over_time, means = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    every = [trial.energy_j.best if trial.energy_j is not None else trial.cpu_s for trial in found.trials]
    factor, prefix = figures.prefix_for(max(every, default=1.0))
    begun_ns = found.trials[0].start_ns if found.trials else 0
    for number, variant in enumerate(found.variants):
        colour = _COLOURS[number % len(_COLOURS)]
        own = [(trial, value) for trial, value in zip(found.trials, every, strict=True) if trial.variant == number]
        at_s = [(trial.start_ns - begun_ns) / 1e9 for trial, _ in own]
        over_time.plot(at_s, [value / factor for _, value in own], "o", ms=3.5, alpha=0.7, color=colour, mew=0)
        estimate = (variant.energy_per_call_j if measured else variant.cpu_per_call_s).times(1 / factor)
        means.errorbar(
            [number],
            [estimate.best],
            [[estimate.best - estimate.low], [estimate.high - estimate.best]],
            fmt="o",
            color=colour,
            capsize=6,
        )
    over_time.set_xlabel("time in s")
    what = f"energy in {prefix}J" if measured else f"CPU time in {prefix}s"
    over_time.set_ylabel(f"{what} a {found.unit}")
    names = [figures.printable(variant.name).replace("$", r"\$") for variant in found.variants]
    wide = sum(map(len, names)) > ROOM_FOR_NAMES
    means.set_xticks(range(len(names)), names, rotation=90 if wide else 0)
    means.set_xlim(-0.6, len(names) - 0.4)
    means.set_title("mean, 95 %", fontsize="medium")
    words = [figures.printable(text).replace("$", r"\$") for text in verdicts(found)][:MOST_WORDS]
    figure.suptitle("\n".join(words), fontsize="small", wrap=True)
    for axes in (over_time, means):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be written: {error.strerror}") from None
