"""One name for each domain, and what a total adds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.domains import from_powercap, is_part_of_total


@pytest.mark.parametrize(
    "name, parent, control, domain, in_total",
    [
        ("package-0", None, "intel-rapl", "package-0", True),
        ("package-1", None, "intel-rapl", "package-1", True),
        ("package-12", None, "intel-rapl", "package-12", True),
        ("package-1-die-0", None, "intel-rapl", "package-1-die-0", True),
        ("dram", "package-0", "intel-rapl", "dram-0", True),
        ("dram", "package-1", "intel-rapl", "dram-1", True),
        ("dram", "package-1-die-1", "intel-rapl", "dram-1-die-1", True),
        ("core", "package-0", "intel-rapl", "core", False),
        ("core", "package-1", "intel-rapl", "core-1", False),
        ("core", "package-0-die-1", "intel-rapl", "core-0-die-1", False),
        ("uncore", "package-0", "intel-rapl", "uncore", False),
        ("uncore", "package-1", "intel-rapl", "uncore-1", False),
        ("psys", None, "intel-rapl", "psys", False),
        ("package-0", None, "intel-rapl-mmio", "package-0-mmio", False),
        ("dram", "package-0", "intel-rapl-mmio", "dram-0-mmio", False),
    ],
)
def test_every_spelling_has_one_name(name, parent, control, domain, in_total):
    assert from_powercap(name, parent, control) == domain
    assert is_part_of_total(domain) is in_total


@pytest.mark.parametrize("domain, in_total", [("gpu-0", True), ("gpu-11", True), ("ram", True), ("rampage", False)])
def test_domains_of_other_sources(domain, in_total):
    assert is_part_of_total(domain) is in_total


packages = st.builds("package-{}{}".format, st.integers(0, 99), st.sampled_from(["", "-die-0", "-die-1"]))


@settings(deadline=None)
@given(packages, packages, st.sampled_from(["core", "uncore", "dram"]))
def test_parts_of_different_packages_never_share_a_name(one, other, part):
    same = from_powercap(part, one, "intel-rapl") == from_powercap(part, other, "intel-rapl")
    assert same == (one == other)


@settings(deadline=None)
@given(st.text(), st.none() | st.text(), st.sampled_from(["intel-rapl", "intel-rapl-mmio"]))
def test_any_name_is_a_domain_and_no_mirror_is_in_the_total(name, parent, control):
    domain = from_powercap(name, parent, control)
    if control.endswith("-mmio"):
        assert not is_part_of_total(domain)
