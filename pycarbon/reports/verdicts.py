"""What a comparison found, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pycarbon.comparison import Comparison
from pycarbon.contrast import Contrast, Estimate
from pycarbon.reports import carbon, figures

NAMES = {"energy_j": "energy", "cpu_s": "CPU time", "time_s": "time", "power_w": "mean power"}
_VERBS = {"energy_j": "uses", "cpu_s": "uses", "time_s": "takes", "power_w": "draws"}
MANY_TIMES = 2.0
"""From twice as much on a ratio is said as one."""


def percent(share: float, half_width: float) -> str:
    """Write a part in percent with as many digits as its uncertainty leaves."""
    return f"{share * 100:.{_decimals(half_width * 100)}f}"


def plus_minus(estimate: Estimate) -> str:
    """Write how far a figure may be off, in percent of it."""
    if not math.isfinite(estimate.half_width):
        return ""
    return f"±{estimate.half_width * 100:.2g} %"


def verdicts(found: Comparison) -> Iterator[str]:
    """Give a sentence for every variant but the first."""
    first = found.variants[0].name
    for number, variant in enumerate(found.variants[1:]):
        yield sentence(found, number, variant.name, first)


def sentence(found: Comparison, number: int, name: str, first: str) -> str:
    """Say how the variant after the first `number` further ones compares with it."""
    contrast = found.contrast[number]
    what = NAMES[found.basis]
    if contrast is None:
        return f"{name} and {first} cannot be compared: one of them used no {what} that could be seen."
    shown = contrast.would_have_shown
    if contrast.verdict == "unresolved":
        reach = "any difference" if shown >= 1 else f"a difference of {percent(shown, shown / 10)} %"
        return f"{name} and {first} cannot be told apart: trials vary so much that {reach} may hide in it."
    other = found.contrasts["time_s"][number]
    if contrast.verdict == "none":
        nothing = f"{name}: no difference to {first} in {what} seen; one over {_bound(shown)} would have shown"
        if other is None or other.verdict not in ("less", "more"):
            return f"{nothing}."
        return f"{nothing}. It takes {amount(other, 'time')} ({interval(other)})."
    head = f"{name} {_VERBS[found.basis]} {amount(contrast, what, first)} ({interval(contrast)})"
    if other is None or other.verdict == "unresolved":
        return f"{head}."
    if other.verdict == "none":
        return f"{head}; its time is the same to {_bound(other.would_have_shown)}."
    return f"{head} and takes {amount(other, 'time')} ({interval(other)})."


def amount(contrast: Contrast, what: str, first: str = "") -> str:
    """Write a difference: "12 % less energy than A", "3.2 times as much time"."""
    ratio = contrast.ratio
    if ratio.best >= MANY_TIMES:
        many = f"{ratio.best:.{_decimals((ratio.high - ratio.low) / 2)}f}"
        return f"{many} times as much {what}{first and f' as {first}'}"
    share = percent(abs(ratio.best - 1), (ratio.high - ratio.low) / 2)
    return f"{share} % {contrast.verdict} {what}{first and f' than {first}'}"


def interval(contrast: Contrast) -> str:
    """Write the ends of a difference as its amount is written."""
    ratio = contrast.ratio
    width = (ratio.high - ratio.low) / 2
    if ratio.best >= MANY_TIMES:
        decimals = _decimals(width)
        return f"95 %: {ratio.low:.{decimals}f} to {ratio.high:.{decimals}f}"
    ends = sorted((abs(ratio.low - 1), abs(ratio.high - 1)))
    return f"95 %: {percent(ends[0], width)} to {percent(ends[1], width)}"


def noise(found: Comparison) -> str:
    """Say what the first variant shows against itself; empty where nothing does."""
    control, name = found.control, found.variants[0].name
    if control is None:
        return ""
    apart = abs(control.best - 1)
    reach = max(apart, 1 - control.low, control.high - 1)
    text = (
        f"{name} against itself: {percent(apart, reach / 2)} % apart, up to {_bound(reach)} at 95 %: the noise here."
    )
    if control.low > 1 or control.high < 1:
        seldom = 20 * max(len(found.contrast), 1)  # its interval has the confidence of each of several
        text += f" That is more than chance, once in {seldom} comparisons: smaller differences count as none."
    return text


def circumstances(found: Comparison) -> Iterator[str]:
    """Say how it was found out: rounds, what was read, and the grid's factor."""
    rounds = f"{found.rounds} rounds in random order (seed {found.seed}), {figures.duration(found.elapsed_s)}"
    if found.basis == "energy_j":
        yield f"{rounds}; {' + '.join(found.domains)}, measured."
    elif any(trial.energy_j is not None for trial in found.trials):
        yield f"{rounds}; counters did not tell the energy of all trials: CPU time is compared, and energy modelled."
    else:
        yield (
            f"{rounds}; no counter tells energy here: CPU time is compared, and energy is modelled from it "
            "(pycarbon doctor says what would make it measured)."
        )
    yield f"CO2e at {carbon.factor(found.rating, found.variants[0].co2e_per_call)}."


def _bound(share: float) -> str:
    """Write a part that is a bound in percent, to one digit or two and never less than it is."""
    if not math.isfinite(share):
        return f"{share} %"
    decimals = _decimals(share * 50)
    grain = 10**-decimals
    return f"{math.ceil(share * 100 / grain - 1e-9) * grain:.{decimals}f} %"


def _decimals(uncertainty: float) -> int:
    """Count the decimals at which a figure becomes uncertain, at most 3."""
    if not 0 < uncertainty < math.inf:
        return 3 if uncertainty == 0 else 0
    return min(max(-math.floor(math.log10(uncertainty)), 0), 3)
