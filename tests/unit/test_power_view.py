"""A run's power for pages: what is embedded is what run.power says, in few bytes; parts of it are the same, finer."""

from __future__ import annotations

import base64
import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import example, long_run
from test_reports import cut_off, measured, modelled, no_energy, zero_energy

from pycarbon.analysis import Run
from pycarbon.reports import power_view
from pycarbon.reports.power_view import MOST_DOMAINS, MOST_POINTS, TOP_STEPS, embedded, encoded, power
from pycarbon.run import Flag


def decoded(domain: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do what static/power.js does."""
    octets = iter(base64.b64decode(domain["data"]))
    numbers = []
    for octet in octets:
        numbers.append(octet if octet < 128 else (octet & 127) | (next(octets) << 7))
    step, above, below = np.array(numbers, dtype=np.int64).reshape(-1, 3).T
    mean = np.cumsum((step >> 1) ^ -(step & 1))
    unit = domain["top_w"] / TOP_STEPS
    return (mean - below) * unit, mean * unit, (mean + above) * unit


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), max_size=50))
def test_what_is_encoded_is_known_to_half_a_step_and_in_order(windows):
    low, mean, high = np.sort(np.array(windows, dtype=float).reshape(-1, 3), axis=1).T
    found = decoded({"data": encoded(low, mean, high), "top_w": 1.0})
    for values, expected in zip(found, (low, mean, high), strict=True):
        assert np.abs(values - expected).max(initial=0) <= 0.5 / TOP_STEPS + 1e-12
    assert (found[0] <= found[1]).all() and (found[1] <= found[2]).all()


def test_the_embedded_windows_are_those_of_the_run():
    # GIVEN a run of two counters WHEN its power is embedded THEN it is what run.power says, coarser where asked
    run = Run(example())
    for domain in embedded(run)["domains"]:
        expected = run.power(domain["domain"], most=12_000)
        low, mean, high = decoded(domain)
        assert len(mean) == domain["windows"] == len(expected)
        assert mean == pytest.approx(expected["power_w"], abs=domain["top_w"] / TOP_STEPS)
        assert high.max() == pytest.approx(expected["max_w"].max(), abs=domain["top_w"] / TOP_STEPS)
        assert low.min() == pytest.approx(expected["min_w"].min(), abs=domain["top_w"] / TOP_STEPS)
        assert max(domain["coarse"]["max_w"]) == pytest.approx(expected["max_w"].max())
        assert len(domain["coarse"]["t_s"]) == power_view.COARSE


def test_a_window_takes_a_few_bytes_and_a_peak_in_it_is_kept():
    found = embedded(Run(long_run(300_000)))["domains"][0]
    assert found["windows"] == 6_000 and len(found["data"]) < 6 * 6_000
    assert max(found["coarse"]["max_w"]) == pytest.approx(240, rel=0.05)  # of 0.2 s in five minutes


def test_a_part_is_finer_and_what_the_run_says_of_it():
    run = Run(long_run(200_000))
    whole, part = power(run, 0, run.duration_s, 100), power(run, 139.5, 141.0, 100)
    assert whole["domains"][0]["window_s"] == pytest.approx(2.0)
    found = part["domains"][0]
    assert found["window_s"] < 0.06 and found["t_s"][0] == 139.5
    assert found["t_s"][-1] + found["window_s"] == pytest.approx(141.0)
    used_j = sum(found["mean_w"]) * found["window_s"]
    edges = run.edges("package-0", 139.5, 141.0)
    assert used_j == pytest.approx(edges["energy_j"][-1], rel=0.01)
    assert max(found["mean_w"]) == pytest.approx(240, rel=0.05)


@pytest.mark.parametrize("make", [measured, modelled, cut_off, zero_energy, no_energy])
@settings(max_examples=20)
@given(
    first=st.one_of(st.floats(-2, 80), st.sampled_from([float("nan"), float("inf")])),
    length=st.floats(-1, 80),
    points=st.integers(-5, 5000),
)
def test_whatever_is_asked_is_answered_within_bounds(make, first, length, points):
    run = _run(make)
    found = power(run, first, first + length, points)
    json.dumps(found, allow_nan=False)
    for domain in found["domains"]:
        times = domain["t_s"]
        assert len(times) <= MOST_POINTS
        assert len(times) == len(domain["min_w"]) == len(domain["mean_w"]) == len(domain["max_w"])
        assert all(0 <= time <= run.duration_s for time in times)
        assert all(0 <= a <= b + 1e-6 and b <= c + 1e-6 for a, b, c in _windows(domain))


_RUNS: dict = {}


def _run(make) -> Run:
    return _RUNS.setdefault(make, Run(make()))


def _windows(domain):
    return zip(domain["min_w"], domain["mean_w"], domain["max_w"], strict=True)


def test_gaps_are_said_once_and_the_longest_where_there_are_many():
    found = embedded(Run(example()))
    assert len(found["gaps"]) == 1 and found["gaps"][0][1] - found["gaps"][0][0] == pytest.approx(2)
    # GIVEN a thousand gaps of which some overlap
    data = long_run(20_000)
    gaps = data.edges[0][5:1005].copy()
    gaps["flags"] = Flag.GAP
    gaps["t_before_ns"] = gaps["t_seen_ns"] - np.where(np.arange(1000) % 2, 100_000, 1_200_000)
    edges = np.concatenate([data.edges[0], gaps])
    data.edges = {0: edges[np.argsort(edges["t_seen_ns"], kind="stable")]}
    found = embedded(Run(data))
    assert len(found["gaps"]) == 200 and found["gaps_left_out"] in (300, 301)
    assert found["gaps"] == sorted(found["gaps"])


def test_a_channel_that_was_lost_has_a_gap_of_its_own():
    run = Run(cut_off())
    found = {one["domain"]: one["gaps"] for one in embedded(run)["domains"]}
    assert found["dram-0"][-1][1] == pytest.approx(run.duration_s) and found["package-0"] == []


def test_of_many_domains_some_are_drawn():
    data = measured()
    first = data.channels[0]
    data.channels = [type(first)(**_members(first, id=i, domain=f"package-{i}")) for i in range(40)]
    data.edges = dict.fromkeys(range(40), data.edges[first.id])
    found = embedded(Run(data))
    assert len(found["domains"]) == MOST_DOMAINS and found["left_out"] == 40 - MOST_DOMAINS


def _members(channel, **changed):
    return {name: copy.copy(getattr(channel, name)) for name in channel.__slots__} | changed
