"""What a comparison found, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pycarbon.comparison import Comparison
from pycarbon.contrast import Contrast, Estimate, floor
from pycarbon.reports import carbon, figures

NAMES = {"energy_j": "energy", "cpu_s": "CPU time", "time_s": "time", "power_w": "mean power"}
_VERBS = {"energy_j": "uses", "cpu_s": "uses", "time_s": "takes", "power_w": "draws"}
MANY_TIMES, HUNDREDTH, SAME_TO = 2.0, 0.01, 0.05
"""From twice as much on a ratio is said as one, below a hundredth also; a time known to less is no news."""


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
        ratio = contrast.ratio
        many = f"from {ratio.low:.2g} to {ratio.high:.2g} times" if ratio.high < math.inf else "any number of times"
        return f"{name} and {first} cannot be told apart: trials vary so much that it may be {many} as much."
    other = found.contrasts["time_s"][number]
    if contrast.verdict == "none":
        nothing = f"{name}: no difference to {first} in {what} seen; one over {_bound(shown)} would have shown"
        if other is None or other.verdict not in ("less", "more"):
            return f"{nothing}."
        return f"{nothing}. It takes {amount(other, 'time')} ({interval(other)})."
    head = f"{name} {_VERBS[found.basis]} {amount(contrast, what, first)} ({interval(contrast)})"
    if (
        other is None
        or other.verdict == "unresolved"
        or (other.verdict == "none" and other.would_have_shown > SAME_TO)
    ):
        return f"{head}."
    if other.verdict == "none":
        return f"{head}; its time is the same to {_bound(other.would_have_shown)}."
    return f"{head} and takes {amount(other, 'time')} ({interval(other)})."


def amount(contrast: Contrast, what: str, first: str = "") -> str:
    """Write a difference: "12 % less energy than A", "3.2 times as much time"."""
    ratio = contrast.ratio
    if ratio.best <= HUNDREDTH:
        return f"one {1 / ratio.best:,.0f}th of the {what}{first and f' of {first}'}"
    if ratio.best >= MANY_TIMES:
        return f"{ratio.best:.{_digits(ratio)}f} times as much {what}{first and f' as {first}'}"
    share = f"{abs(ratio.best - 1) * 100:.{_digits(ratio)}f}"
    return f"{share} % {contrast.verdict} {what}{first and f' than {first}'}"


def interval(contrast: Contrast) -> str:
    """Write the ends of a difference as its amount is written."""
    ratio, digits = contrast.ratio, _digits(contrast.ratio)
    if ratio.best <= HUNDREDTH:
        return f"95 %: one {1 / ratio.high:,.0f}th to {1 / ratio.low:,.0f}th"
    if ratio.best >= MANY_TIMES:
        return f"95 %: {ratio.low:.{digits}f} to {ratio.high:.{digits}f}"
    ends = sorted((abs(ratio.low - 1) * 100, abs(ratio.high - 1) * 100))
    return f"95 %: {ends[0]:.{digits}f} to {ends[1]:.{digits}f}"


def _digits(ratio: Estimate) -> int:
    """Count the decimals of a difference that its uncertainty leaves, and that tell its nearer end from none."""
    scale = 1 if ratio.best >= MANY_TIMES else 100
    nearer = min(abs(ratio.low - 1), abs(ratio.high - 1))
    return _decimals(min((ratio.high - ratio.low) / 2, nearer) * scale)


def noise(found: Comparison) -> str:
    """Say what the first variant shows against itself; empty where nothing does."""
    control, name = found.control, found.variants[0].name
    if control is None:
        return ""
    apart, least = abs(control.best - 1), floor(control)
    text = f"{name} against itself: {percent(apart, least / 2)} % apart; what is below {_bound(least)} is noise here."
    if control.low > 1 or control.high < 1:
        seldom = 20 * max(len(found.contrast), 1)  # its interval has the confidence of each of several
        text += f" It is apart by more than chance, which happens once in {seldom} comparisons."
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
