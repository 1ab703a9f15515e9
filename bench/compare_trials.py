"""How often comparisons are right: python bench/compare_trials.py [--trials N]

Machines are simulated with a seed for each trial (tests/unit/trial_world.py); the experiment, its order, its stopping
and its verdict are the product's own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from ratios import table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))

from trial_world import NOISES, MakeNoise, compared, one_after_the_other, rarely, white

COLUMNS = ["noise", "variants", "rounds", "interval holds", "says none", "finds it", "one after the other claims"]


def row(name: str, effects: list[float], trials: int, others: MakeNoise | None = None, said: str = "") -> list[str]:
    holds, none, found, rounds = 0, 0, 0, []
    for seed in range(trials):
        experiment, contrasts = compared(effects, NOISES[name], seed, others=others)
        truth = [effect / effects[0] for effect in effects[1:]]
        holds += all(c.ratio.low <= t <= c.ratio.high for c, t in zip(contrasts, truth, strict=True))
        none += all(c.verdict == "none" for c in contrasts)
        wanted = ["more" if t > 1 else "less" for t in truth]
        found += [c.verdict for c in contrasts] == wanted
        rounds.append(len(experiment.rounds))
    equal = all(effect == effects[0] for effect in effects)
    fooled = sum(one_after_the_other(NOISES[name], seed, 15) for seed in range(trials)) if equal else 0
    return [
        said or name,
        ", ".join(f"{effect:g}" for effect in effects),
        f"{np.median(rounds):.0f} (to {max(rounds)})",
        f"{holds / trials:.1%}",
        f"{none / trials:.1%}" if equal else "",
        "" if equal else f"{found / trials:.1%}",
        f"{fooled / trials:.1%}" if equal else "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400, help="seeds for each line (default: 400)")
    options = parser.parse_args()
    rows = [row(name, effects, options.trials) for name in NOISES for effects in ([1.0, 1.0], [1.0, 0.98])]
    rows += [row("white, 2 %", [1.0] * 4, options.trials), row("white, 2 %", [1.0, 1.02, 0.96, 1.1], options.trials)]
    rows += [
        row("constant", [1.0, 1.0], options.trials, others, f"constant; B alone {said}")
        for said, others in (
            ("white, 5 %", white(0.05)),
            ("10 % dearer in 1 of 10", rarely(0.1, 0.1)),
            ("10 % dearer in 1 of 50", rarely(0.02, 0.1)),
        )
    ]
    print("\n".join(table(COLUMNS, rows)))


if __name__ == "__main__":
    main()
