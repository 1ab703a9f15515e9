"""How exact the fitted energies of regions are, and how often their intervals hold: python bench/region_trials.py

Programs, powers and counters are simulated with a seed for each trial, so the truth is known to rounding. A counter
is updated every 0.976 ms with 20 us of jitter; the sampler sees some of its updates closely, as at its usual budget.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ratios import table

from pycarbon.division import Intervals, divide

PERIOD_S, JITTER_S, GRAIN_J = 0.976e-3, 20e-6, 2.0**-14
Chance = np.random.Generator
Curve = Callable[[np.ndarray], np.ndarray]
"""Energy up to a time, of what draws power beside the labels."""


@dataclass
class Thread:
    """What one thread did: from border j to j + 1 it ran `label[j]`, or -1: nothing that has a name."""

    border_s: np.ndarray
    label: np.ndarray

    def ran_s(self, time_s: np.ndarray, labels: int) -> np.ndarray:
        """How long each label ran up to each time, shape (labels, times)."""
        length_s = np.diff(self.border_s)
        found = []
        for label in range(labels):
            ran = np.concatenate([[0.0], np.cumsum(np.where(self.label == label, length_s, 0.0))])
            found.append(np.interp(time_s, self.border_s, ran))
        return np.array(found)

    def entered(self, time_s: np.ndarray, labels: int) -> np.ndarray:
        """How often each label began between each time and the next, shape (times - 1, labels)."""
        named = self.label >= 0
        where = np.searchsorted(time_s, self.border_s[:-1][named], side="right") - 1
        inside = (where >= 0) & (where < len(time_s) - 1)
        key = where[inside] * labels + self.label[named][inside]
        return np.bincount(key, minlength=(len(time_s) - 1) * labels).reshape(-1, labels)


@dataclass
class Trial:
    """One simulated run: its threads, the power of each label and of none, and what else draws power."""

    threads: list[Thread]
    power_w: np.ndarray
    idle_w: float
    beside: Curve
    seen: float = 0.35
    bracket_s: float = 1e-6
    gaps: float = 0.0
    late_s: float = 0.0
    """How far off the stamps are though nothing says so, as a standard deviation."""


def blocks(rng: Chance, for_s: float, labels: int, draw: Callable[[Chance], float], pause_s: float = 0.0) -> Thread:
    """Labels in random order, each for a length drawn anew, with pauses between."""
    lengths, names, at = [], [], 0.0
    while at < for_s:
        lengths.append(draw(rng))
        names.append(int(rng.integers(labels)))
        at += lengths[-1]
        if pause_s:
            lengths.append(rng.exponential(pause_s))
            names.append(-1)
            at += lengths[-1]
    return Thread(np.concatenate([[0.0], np.cumsum(lengths)]), np.array(names))


def alternating(for_s: float, each_s: float) -> Thread:
    count = int(for_s / each_s)
    return Thread(np.arange(count + 1) * each_s, np.arange(count) % 2)


def short_calls(rng: Chance, for_s: float, call_s: float, block_s: float, gap_s: float = 0.0) -> Thread:
    """Calls so short that hundreds make a block of one label, and blocks in random order; gaps between calls."""
    each = int(block_s / (call_s + gap_s))
    names = np.repeat(rng.integers(0, 2, int(for_s / block_s)), each)
    if not gap_s:
        return Thread(np.arange(len(names) + 1) * call_s, names)
    lengths_s = np.tile([call_s, gap_s], len(names))
    return Thread(np.append(0.0, np.cumsum(lengths_s)), np.stack([names, np.full(len(names), -1)], axis=1).ravel())


def nothing(_: Chance) -> Curve:
    return lambda time_s: np.zeros_like(time_s)


def square(low_w: float, high_w: float, period_s: float) -> Callable[[Chance], Curve]:
    def curve(rng: Chance) -> Curve:
        phase_s = rng.uniform(0, period_s)

        def energy_j(time_s: np.ndarray) -> np.ndarray:
            whole, rest_s = np.divmod(time_s + phase_s, period_s)
            half_s = period_s / 2
            low_s = whole * half_s + np.minimum(rest_s, half_s)
            return low_w * low_s + high_w * (time_s + phase_s - low_s)

        return energy_j

    return curve


def walk(step_w: float, every_s: float = 1e-3) -> Callable[[Chance], Curve]:
    """A random walk of power, held within bounds by pulling it back."""

    def curve(rng: Chance) -> Curve:
        grid_s = np.arange(0, 40, every_s)
        power, at = [], 0.0
        for step in rng.normal(0, step_w, len(grid_s)):
            at = at * (1 - 1e-3) + step
            power.append(at)
        energy = np.concatenate([[0.0], np.cumsum(np.maximum(np.array(power), -30) * every_s)])
        return lambda time_s: np.interp(time_s, np.append(grid_s, 40.0), energy)

    return curve


def edges(rng: Chance, trial: Trial, for_s: float) -> tuple[np.ndarray, np.ndarray]:
    """True times of the updates that are seen closely, and the times that the sampler takes them for."""
    count = int(for_s / PERIOD_S) - 1
    true_s = (np.arange(1, count + 1) + rng.uniform()) * PERIOD_S + rng.normal(0, JITTER_S, count).clip(-1e-4, 1e-4)
    kept = rng.uniform(size=count) < trial.seen
    if trial.gaps:
        at = 0.0
        while at < for_s:  # nobody looks for up to a tenth of a second
            at += rng.exponential(trial.gaps)
            kept &= (true_s < at) | (true_s > at + rng.uniform(0.01, 0.1))
    true_s = true_s[kept & (true_s < for_s)]
    stamped_s = true_s + rng.uniform(-0.5, 0.5, len(true_s)) * trial.bracket_s
    stamped_s += rng.normal(0, 1, len(true_s)) * trial.late_s
    return true_s, np.maximum.accumulate(stamped_s)


def observed(rng: Chance, trial: Trial, for_s: float) -> tuple[Intervals, np.ndarray]:
    """What is recorded of a trial, and the true energy of each label within its intervals."""
    labels = len(trial.power_w)
    true_s, stamped_s = edges(rng, trial, for_s)
    ran_s = np.array([thread.ran_s(stamped_s, labels) for thread in trial.threads])
    true_ran_s = np.array([thread.ran_s(true_s, labels) for thread in trial.threads])
    energy_j = trial.beside(true_s) + trial.idle_w * true_s + np.tensordot(trial.power_w, true_ran_s.sum(axis=0), 1)
    shown_j = np.floor(energy_j / GRAIN_J) * GRAIN_J
    time_s = np.diff(ran_s.sum(axis=0), axis=1)
    number, node = np.nonzero(time_s.T > 0)
    sd_ns = np.full(len(true_s) - 1, trial.bracket_s * 1e9 / math.sqrt(12))
    entered = sum(thread.entered(stamped_s, labels) for thread in trial.threads)
    found = Intervals(
        stamped_s[:-1] * 1e9,
        stamped_s[1:] * 1e9,
        np.diff(shown_j),
        sd_ns,
        sd_ns,
        GRAIN_J,
        (np.diff(ran_s.sum(axis=1), axis=1) > 0).sum(axis=0),
        number,
        node,
        time_s.T[number, node],
        time_s.T[number, node],
        entered[number, node],
    )
    return found, _truth(trial, true_s)


def _truth(trial: Trial, border_s: np.ndarray) -> np.ndarray:
    """Each label's own power, and what else was drawn: by whoever ran, or in an interval of several by CPU time."""
    cuts = np.unique(np.concatenate([border_s, *(thread.border_s for thread in trial.threads)]))
    cuts = cuts[(cuts >= border_s[0]) & (cuts <= border_s[-1])]
    length_s, middle_s = np.diff(cuts), (cuts[:-1] + cuts[1:]) / 2
    common_j = np.diff(trial.beside(cuts)) + trial.idle_w * length_s
    interval = np.searchsorted(border_s, middle_s, side="right") - 1
    count = len(border_s) - 1
    ran_s = np.zeros((count, len(trial.power_w)))
    truth = np.zeros(len(trial.power_w))
    for thread in trial.threads:
        at = np.searchsorted(thread.border_s, middle_s, side="right") - 1
        label = np.where((at >= 0) & (at < len(thread.label)), thread.label[at.clip(0, len(thread.label) - 1)], -1)
        for name in range(len(truth)):
            mine = label == name
            ran_s[:, name] += np.bincount(interval[mine], length_s[mine], count)
            truth[name] += trial.power_w[name] * float(length_s[mine].sum())
            if len(trial.threads) == 1:
                truth[name] += float(common_j[mine].sum())
    if len(trial.threads) > 1:
        busy_s = np.maximum(ran_s.sum(axis=1), np.diff(border_s))
        truth += (ran_s / busy_s[:, None] * np.bincount(interval, common_j, count)[:, None]).sum(axis=0)
    return truth


def mixed_length(rng: Chance) -> float:
    """From 20 us to 20 ms, all scales alike."""
    return float(np.exp(rng.uniform(math.log(20e-6), math.log(20e-3))))


def part_of_ms(rng: Chance) -> float:
    return float(rng.uniform(50e-6, 1e-3))


def some_ms(rng: Chance) -> float:
    return float(rng.uniform(2e-3, 15e-3))


def one_thread(
    for_s: float,
    powers: list[float],
    beside: Callable[[Chance], Curve],
    draw: Callable[[Chance], float] = mixed_length,
    pause_s: float = 1e-3,
    idle_w: float = 20.0,
    **more: float,
) -> Callable[[Chance], tuple[Trial, float]]:
    def make(rng: Chance) -> tuple[Trial, float]:
        thread = blocks(rng, for_s, len(powers), draw, pause_s)
        return Trial([thread], np.array(powers), idle_w, beside(rng), **more), for_s

    return make


def strictly(for_s: float, **more: float) -> Callable[[Chance], tuple[Trial, float]]:
    def make(rng: Chance) -> tuple[Trial, float]:
        thread = alternating(for_s, 28e-6)
        return Trial([thread], np.array([100.0, 40.0]), 20.0, nothing(rng), **more), for_s

    return make


def in_blocks(for_s: float) -> Callable[[Chance], tuple[Trial, float]]:
    def make(rng: Chance) -> tuple[Trial, float]:
        thread = short_calls(rng, for_s, 20e-6, 5e-3)
        return Trial([thread], np.array([100.0, 40.0]), 20.0, nothing(rng)), for_s

    return make


def drawn(border_s: np.ndarray, power_w: np.ndarray) -> Curve:
    """What draws these powers between these borders."""
    level_j = np.append(0.0, np.cumsum(np.diff(border_s) * power_w))
    return lambda time_s: np.interp(time_s, border_s, level_j)


def in_loops(for_s: float, gap_s: float) -> Callable[[Chance], tuple[Trial, float]]:
    """Blocks of short calls with something between them, which draws what the block does."""

    def make(rng: Chance) -> tuple[Trial, float]:
        thread = short_calls(rng, for_s, 20e-6, 5e-3, gap_s)
        power_w = np.where(np.repeat(thread.label[::2], 2) == 0, 100.0, 40.0)
        return Trial([thread], np.zeros(2), 20.0, drawn(thread.border_s, power_w), seen=1.0), for_s

    return make


def cold(for_s: float) -> Callable[[Chance], tuple[Trial, float]]:
    """Calls of a ms or more that draw 40 W less during their first 0.3 ms."""

    def make(rng: Chance) -> tuple[Trial, float]:
        thread = blocks(rng, for_s, 2, lambda rng: float(rng.uniform(1e-3, 4e-3)), 1e-3)
        begins = thread.border_s[:-1][thread.label >= 0]
        border_s = np.sort(np.concatenate([[0.0], begins, begins + 0.3e-3, thread.border_s[-1:]]))
        beside = drawn(border_s, np.where(np.arange(len(border_s) - 1) % 2, -40.0, 0.0))
        return Trial([thread], np.array([100.0, 60.0]), 20.0, beside), for_s

    return make


def two_threads(for_s: float) -> Callable[[Chance], tuple[Trial, float]]:
    def make(rng: Chance) -> tuple[Trial, float]:
        first, second = (blocks(rng, for_s, 2, some_ms, 4e-3) for _ in range(2))
        second.label = np.where(second.label >= 0, second.label + 2, -1)
        return Trial([first, second], np.array([60.0, 30.0, 45.0, 30.0]), 20.0, nothing(rng)), for_s

    return make


WAVE, QUICK = square(-50, 50, 7.3e-3), square(-50, 50, 0.31e-3)
SCENARIOS: dict[str, Callable[[Chance], tuple[Trial, float]]] = {
    "constant": one_thread(4, [30.0, 30.0, 30.0], nothing),
    "three powers": one_thread(4, [100.0, 40.0, 70.0], nothing),
    "three powers, 0.3 s": one_thread(0.3, [100.0, 40.0, 70.0], nothing),
    "three powers, every edge": one_thread(4, [100.0, 40.0, 70.0], nothing, seen=1.0),
    "three powers, 1 kHz": one_thread(4, [100.0, 40.0, 70.0], nothing, seen=1.0, bracket_s=1e-3),
    "120/20 W every 7.3 ms": one_thread(4, [0.0, 0.0], WAVE, idle_w=70.0),
    "the same, and two powers": one_thread(4, [40.0, 10.0], WAVE, idle_w=70.0),
    "the same, 300 calls": one_thread(4.5, [0.0], WAVE, lambda _: 10e-3, 5e-3, idle_w=70.0),
    "120/20 W every 0.31 ms": one_thread(4, [0.0, 0.0], QUICK, idle_w=70.0),
    "120/20 W every 0.31 ms, every edge": one_thread(4, [0.0, 0.0], QUICK, idle_w=70.0, seen=1.0),
    "120/20 W every 2 ms, every edge": one_thread(4, [0.0, 0.0], square(-50, 50, 2e-3), idle_w=70.0, seen=1.0),
    "random walk": one_thread(4, [60.0, 30.0], walk(1.0), idle_w=40.0),
    "alternating every 28 us": strictly(4),
    "the same, edges to 100 us": strictly(4, seen=1.0, bracket_s=100e-6),
    "the same, 29 us off unknown": strictly(4, seen=1.0, late_s=29e-6),
    "20 us in blocks of 5 ms": in_blocks(4),
    "20 us, 0.3 us between": in_loops(4, 0.3e-6),
    "40 W less at first": cold(4),
    "300 labels": one_thread(20, np.linspace(40, 150, 300).tolist(), nothing, part_of_ms, 0.1e-3),
    "a minute, every edge": one_thread(60, [100.0, 40.0], nothing, part_of_ms, 0.2e-3, seen=1.0),
    "starved sampler": one_thread(4, [100.0, 40.0], nothing, gaps=0.15),
    "starved, random walk": one_thread(4, [60.0, 30.0], walk(1.0), idle_w=40.0, gaps=0.15),
    "two threads": two_threads(4),
}


def trials(name: str, count: int) -> list[str]:
    """Run a scenario with one seed after the other, and give its line of the table."""
    held, resolved, errors, widths, number = 0, 0, [], [], 0
    for seed in range(count):
        rng = np.random.default_rng([seed, sum(name.encode())])
        trial, for_s = SCENARIOS[name](rng)
        intervals, truth_j = observed(rng, trial, for_s)
        labels = np.arange(len(truth_j))
        shares, outside = divide(intervals, labels, [labels[i : i + 1] for i in labels])
        total_j = sum(share.guess_j for share in shares) + outside.guess_j
        assert math.isclose(total_j, float(intervals.energy_j.sum()), rel_tol=1e-9), "the total is not kept"
        for share, true_j in zip(shares, truth_j, strict=True):
            number += 1
            if not share.resolved:
                continue
            resolved += 1
            held += share.low_j <= true_j <= share.high_j
            errors.append(abs(share.energy_j / true_j - 1))
            widths.append((share.high_j - share.low_j) / 2 / true_j)
    if not resolved:
        return [name, str(number), "0 %", "", "", "", ""]
    return [
        name,
        str(number),
        f"{100 * resolved / number:.3g} %",
        f"{100 * float(np.median(errors)):.2g} %",
        f"{100 * float(np.quantile(errors, 0.95)):.2g} %",
        f"{100 * float(np.median(widths)):.2g} %",
        f"{100 * held / resolved:.1f} %",
    ]


HEAD = ["power", "labels", "resolved", "median error", "p95", "half width", "interval holds"]


def speed() -> None:
    """100 labels over an hour of 1 ms intervals, three of them in each."""
    count, labels, each = 3_600_000, 100, 3
    rng = np.random.default_rng(1)
    start_ns = np.arange(count) * 1e6
    node = (rng.integers(0, labels - each, count)[:, None] + np.arange(each)).ravel()
    time_s = rng.dirichlet(np.ones(each + 1), count)[:, :each].ravel() * 1e-3
    interval = np.repeat(np.arange(count), each)
    power_w = rng.uniform(20, 120, labels)
    energy_j = np.bincount(interval, power_w[node] * time_s) + 0.01
    sd_ns = np.full(count, 300.0)
    threads = np.ones(count, np.int64)
    end_ns, calls = start_ns + 1e6, threads[interval]
    intervals = Intervals(
        start_ns, end_ns, energy_j, sd_ns, sd_ns, GRAIN_J, threads, interval, node, time_s, time_s, calls
    )
    names = np.arange(labels)
    took = []
    for _ in range(3):
        begin = time.perf_counter()
        divide(intervals, names, [names[i : i + 1] for i in names])
        took.append(time.perf_counter() - begin)
    print(f"{labels} labels over {count} intervals: {sorted(took)[1]:.2f} s (median of 3)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="seeds of each scenario (200)")
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", help="only these")
    parser.add_argument("--speed", action="store_true", help="only how long a large fit takes")
    options = parser.parse_args()
    if options.speed:
        speed()
        return
    rows = []
    for name in options.scenario or SCENARIOS:
        rows.append(trials(name, options.trials))
        print(*rows[-1], sep=" | ", flush=True)
    print()
    print(*table(HEAD, rows), sep="\n")


if __name__ == "__main__":
    main()
