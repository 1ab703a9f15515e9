"""Lists of CPUs, and which of them share a package, a die or a core."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.cpus import Cpus, parse_cpu_list


@settings(deadline=None)
@given(st.sets(st.integers(0, 4000), min_size=1))
def test_a_list_names_its_cpus_whichever_way_it_is_written(cpus):
    assert parse_cpu_list(",".join(map(str, sorted(cpus))) + "\n") == cpus
    ranges = [f"{cpu}-{cpu}" for cpu in cpus]
    assert parse_cpu_list(",".join(ranges)) == cpus
    assert parse_cpu_list(f"0-{max(cpus)}") == set(range(max(cpus) + 1))


@settings(deadline=None)
@given(st.text(alphabet="0123456789-, x", max_size=12))
def test_any_text_is_a_list_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert parse_cpu_list(text)


@pytest.mark.parametrize("text", ["", "3-1", "1,,2", "a", "-1", "0-99999", "1-2-3"])
def test_what_is_no_list(text):
    with pytest.raises(ValueError):
        parse_cpu_list(text)


@pytest.mark.parametrize("lists", [True, False])
def test_packages_are_found_with_and_without_lists(tmp_path, lists):
    # GIVEN two packages of two CPUs, interleaved
    folder = tmp_path / "devices/system/cpu"
    for cpu in range(4):
        topology = folder / f"cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text(f"{cpu % 2}\n")
        if lists:
            (topology / "package_cpus_list").write_text(f"{cpu % 2},{cpu % 2 + 2}\n")
    (folder / "online").write_text("0-3\n")
    # WHEN they are asked for THEN each has its two
    cpus = Cpus(tmp_path)
    assert cpus.packages() == {0: {0, 2}, 1: {1, 3}}
    assert cpus.package(3) == {1, 3}
    assert cpus.dies(frozenset({0, 2})) == {0: {0, 2}}


def test_a_tree_that_tells_nothing(tmp_path):
    cpus = Cpus(tmp_path)
    assert cpus.online() is None and cpus.packages() == {} and cpus.core(5) == {5}
