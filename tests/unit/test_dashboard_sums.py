"""Sums as pages divide them: by place, hints on them, and what is to be known of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pycarbon.dashboard.hints import hints
from pycarbon.dashboard.notes import notes
from pycarbon.dashboard.places import by_continent, name_of, where
from pycarbon.store.rollup import Group, RollUp, summed

sums = st.builds(
    RollUp,
    runs=st.integers(1, 9),
    energy_j=st.floats(0, 1e9),
    co2e_g=st.floats(0, 1e6),
    measured_j=st.floats(0, 1e9),
    unknown=st.integers(0, 3),
)


@given(st.lists(sums, max_size=6), st.randoms())
def test_sums_are_the_same_in_any_order(parts, draw):
    turned = list(parts)
    draw.shuffle(turned)
    assert summed(turned) == summed(parts)
    assert summed([]) == RollUp()


def test_a_zone_lies_in_its_country_on_its_continent():
    assert where("FRA") == ("Europe", "FRA", "France")
    assert where("US-CISO") == ("North America", "USA", "United States")
    assert where("aws:us-east-1")[:2] == ("North America", "USA")
    assert where("NO-NO1")[:2] == ("Europe", "NOR")
    assert where("WORLD") == where("") == where("no such zone") == where("a,b\n") == ("", "", "")
    assert name_of("FRA") == "France" and name_of("no such zone") == ""


@given(st.lists(st.tuples(st.sampled_from(["FRA", "DEU", "IND", "US-CISO", "", "home"]), sums), max_size=8))
def test_nothing_is_lost_between_countries_and_continents(groups):
    found = by_continent(Group(zone, each) for zone, each in groups)

    assert sum(row["runs"] for row in found) == sum(each.runs for _, each in groups)
    for row in found:
        assert row["runs"] == sum(country["runs"] for country in row["countries"])
        assert row["energy_j"] <= sum(country["energy_j"] for country in row["countries"]) * (1 + 1e-9)
    assert "" not in [row["continent"] for row in found[:-1]]


def test_hints_name_the_largest_and_what_a_better_place_would_have_emitted():
    # GIVEN two projects, one in India and one in France, whose energy is modelled
    of = {"low_j": 9e6, "high_j": 11e6, "measured_j": 10e6}
    india = RollUp(runs=3, energy_j=10e6, co2e_g=2000.0, low_g=1500.0, high_g=2500.0, **of)
    france = RollUp(runs=2, energy_j=10e6, co2e_g=100.0, low_g=80.0, high_g=120.0, **(of | {"measured_j": 0.0}))
    found = {
        "totals": summed([india, france]).to_dict(),
        "by_project": [{"project": "a", **india.to_dict()}, {"project": "b", **france.to_dict()}],
        "by_continent": by_continent([Group("IND", india), Group("FRA", france)]),
    }

    # WHEN hints are asked for
    said = {hint["id"]: hint["text"] for hint in hints(found, "project")}

    # THEN they have the shares, the other place with its interval, and how to measure
    assert said["largest"] == "Most of the carbon, by project: a 95 %. Look there first."
    assert said["place"] == (
        "India has the most carbon: 2.00 kg, 95 % of all. The same energy in France, at the mean of the runs there,"
        " would have emitted 100 g (65.5 g to 147 g)."
    )
    assert said["modelled"].startswith("50 % of the energy is modelled.")
    assert "unknown-place" not in said


def test_hints_on_nothing_are_none():
    nothing = {"totals": RollUp().to_dict(), "by_project": [], "by_continent": []}
    assert hints(nothing, "project") == []


def test_notes_say_what_is_missing_and_what_is_there_twice():
    totals = RollUp(runs=9, unknown=1, without_interval=2, beside=3, beside_j=4e3).to_dict()

    found = notes(totals, [{"month": "", "runs": 2}, {"month": "2026-01", "runs": 7}])

    assert [note.split(":")[0] for note in found] == [
        "1 run without a known energy",
        "2 runs without an interval, such as imported ones",
        "3 runs recorded while another was on the same machine, with 4.00 kJ in all",
        "2 runs without a date",
    ]
    assert notes(RollUp(runs=3).to_dict(), []) == []
