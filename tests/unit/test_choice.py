"""Which source each domain is read through, and that nothing is counted twice."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon import domains
from pycarbon.counters import EVERY, Counter, Obstacle, PerfEvent, PowercapFile
from pycarbon.sources import PREFERENCE, choose


def counter(source, domain):
    address = PerfEvent(1, 0, 0, "power/x/") if source == "perf" else PowercapFile(Path(f"/{source}/{domain}"))
    return Counter(source, domain, address, Fraction(1, 1000), 0, domains.is_part_of_total(domain))


@pytest.mark.parametrize(
    "found, chosen",
    [
        ("perf:package-0 powercap:package-0 msr:package-0", "perf:package-0"),
        ("powercap:package-0 msr:package-0", "powercap:package-0"),
        ("perf:package-0 powercap:dram-0", "perf:package-0 powercap:dram-0"),
        ("perf:package-0 powercap:package-0-die-0 powercap:package-0-die-1", "perf:package-0"),
        ("perf:package-0-die-0 perf:package-0-die-1 powercap:package-0", "perf:package-0-die-0 perf:package-0-die-1"),
        ("perf:package-0 powercap:package-0-mmio", "perf:package-0 powercap:package-0-mmio"),
    ],
)
def test_the_preferred_source_of_each_domain(found, chosen):
    counters = [counter(*name.split(":")) for name in found.split()]
    taken, others = choose(counters, [])
    assert [f"{c.source}:{c.domain}" for c in taken] == chosen.split()
    assert len(taken) + len(others) == len(counters)


def test_dies_of_which_one_cannot_be_read_give_way_to_the_whole():
    lost = Obstacle("perf", "cpu 1 is offline", domains=("package-0-die-1",))
    taken, _ = choose([counter("perf", "package-0-die-0"), counter("powercap", "package-0")], [lost])
    assert [c.domain for c in taken] == ["package-0"]


def test_the_reason_names_what_is_in_the_way():
    shut = Obstacle("perf", "perf's PMU power is not readable (kernel.perf_event_paranoid is 2)", domains=(EVERY,))
    assert choose([counter("perf", "package-0")], [])[0][0].reason == "perf: 64 bits wide, no wraps"
    (taken,), _ = choose([counter("powercap", "package-0")], [shut])
    assert taken.reason == f"powercap: {shut.what}"


names = st.sampled_from(
    ["package-0", "package-0-die-0", "package-0-die-1", "package-1", "dram-0", "dram-0-die-0", "psys"]
)


@settings(deadline=None)
@given(st.sets(st.tuples(st.sampled_from(PREFERENCE), names)))
def test_nothing_is_chosen_twice_and_nothing_is_lost(found):
    counters = [counter(source, domain) for source, domain in sorted(found)]
    taken, others = choose(counters, [])
    assert len({c.domain for c in taken}) == len(taken)
    wholes = {c.domain for c in taken if "-die-" not in c.domain}
    assert not any("-die-" in c.domain and domains.whole(c.domain) in wholes for c in taken)
    assert {domains.whole(c.domain) for c in counters} == {domains.whole(c.domain) for c in taken}
    assert len(taken) + len(others) == len(counters)
