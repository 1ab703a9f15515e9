"""Which thread reads which counter, from where, and what it was granted."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest

from pycarbon._native import Ring
from pycarbon.counters import Counter, PowercapFile, Roots
from pycarbon.feeds import Feed, Sampling, counter_feeds
from pycarbon.machine import identify
from pycarbon.run import Channel
from pycarbon.sources import Discovery

HERE = min(os.sched_getaffinity(0))
ABSENT = 4095


def counters(folder: Path, *described: tuple[str, int | None, frozenset[int], bool]) -> Discovery:
    """A machine whose counters stand still: (domain, package, near, closely)."""
    found = []
    for domain, package, near, closely in described:
        file = folder / domain
        file.write_text("5\n")
        found.append(
            Counter("powercap", domain, PowercapFile(file), Fraction(1, 10**6), 0, True, near, package, closely)
        )
    return Discovery(Roots(), identify(), tuple(found), (), (), False)


def feeds_of(discovery: Discovery, sampling: Sampling | None = None) -> list[Feed]:
    feeds, obstacles = counter_feeds(
        discovery, discovery.channels(), sampling or Sampling(), lambda name, slots: Ring.create(None, slots)
    )
    assert obstacles == []
    return feeds


def test_each_package_has_a_thread_near_it(tmp_path):
    near = [frozenset({HERE}), frozenset({HERE, ABSENT})]
    discovery = counters(
        tmp_path,
        ("package-0", 0, near[0], True),
        ("package-1", 1, near[1], True),
        ("dram-1", 1, near[1], True),
        ("psys", None, frozenset(), True),
    )
    feeds = feeds_of(discovery)
    # THEN what belongs to no package goes with the first, and each ring has a name of its own
    assert [(feed.name, feed.channels, feed.cpus) for feed in feeds] == [
        ("counters-0.ring", [0, 3], (HERE,)),
        ("counters-1.ring", [1, 2], (HERE, ABSENT)),
    ]


def test_one_package_has_the_ring_it_always_had(tmp_path):
    (feed,) = feeds_of(counters(tmp_path, ("package-0", None, frozenset(), True)))
    assert (feed.name, feed.channels, feed.cpus) == ("counters.ring", [0], ())


def test_no_counters_need_no_thread(tmp_path):
    assert feeds_of(counters(tmp_path)) == []


def test_what_is_read_now_and_then_does_not_say_where_the_thread_runs(tmp_path):
    discovery = counters(
        tmp_path, ("package-0", 0, frozenset({HERE}), True), ("core-cpu-7", 0, frozenset({ABSENT}), False)
    )
    (feed,) = feeds_of(discovery)
    assert feed.cpus == (HERE,)


def test_a_thread_says_where_it_runs_and_what_it_was_refused(tmp_path):
    here = counters(tmp_path, ("package-0", 0, frozenset({HERE}), True))
    nowhere = counters(tmp_path, ("package-0", 0, frozenset({ABSENT}), True))
    for discovery, cpus in ((here, [HERE]), (nowhere, [])):
        (feed,) = feeds_of(discovery)
        feed.start()
        feed.sampler.stop()
        # THEN one that may not go where it should still runs
        assert feed.place == {"feed": "counters.ring", "channels": [0], "cpus": cpus}
        assert feed.ring.waiting >= 1


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(rate_hz=100.0), Sampling(cpu_budget_percent=0.0)])
def test_rings_hold_a_minute_of_what_can_come(tmp_path, sampling):
    discovery = counters(tmp_path, ("package-0", 0, frozenset(), True), ("dram-0", 0, frozenset(), True))
    (feed,) = feeds_of(discovery, sampling)
    per_s = sampling.rate_hz or 1200
    assert feed.ring.capacity >= 60 * per_s * 2


def test_channels_of_two_sources_are_told_apart(tmp_path):
    discovery = counters(tmp_path, ("package-0", 0, frozenset(), True))
    channels = [
        Channel(7, "package-0", "model", "modelled", "energy", Fraction(1), 0, False),
        Channel(9, "package-0", "powercap", "measured", "energy", Fraction(1, 10**6), 0, True),
    ]
    (feed,), _ = counter_feeds(discovery, channels, Sampling(), lambda name, slots: Ring.create(None, slots))
    assert feed.channels == [9]
