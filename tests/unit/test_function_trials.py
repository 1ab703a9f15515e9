"""How many calls make a trial of a function."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from pycarbon.feeds import Sampling
from pycarbon.function_trials import FunctionTrials
from pycarbon.metering import Metering
from pycarbon.sources import Roots, discover


def test_a_slow_first_call_does_not_say_how_long_a_call_takes(tmp_path: Path) -> None:
    # GIVEN a function that fills a cache when it is called for the first time, for as long as half a trial
    @cache
    def function() -> None:
        until_s = time.perf_counter() + 0.05
        while time.perf_counter() < until_s:
            pass

    with Metering(discover(Roots(sys=tmp_path, dev=tmp_path)), Sampling()) as metering:
        trials = FunctionTrials([function], metering, lambda: None)
        # WHEN its calls are counted out
        trials.warm_up(0)
    # THEN as many make a trial as the later ones need, which take far less than a microsecond
    assert trials.counts[0] > 1000
