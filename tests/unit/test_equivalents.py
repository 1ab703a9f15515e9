"""What energy and carbon are compared with."""

import csv
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import shipped
from pycarbon.equivalents import TABLE, equivalents, one_line
from pycarbon.interval import Range

amounts = st.just(0.0) | st.floats(min_value=1e-12, max_value=1e18)
twenty_decades = st.floats(min_value=-5, max_value=15).map(lambda exponent: 10**exponent)
J_PER_KWH, YEAR_S = 3.6e6, 365 * 86400
SIZES = {"km": 1e3, "m": 1, "mm": 1e-3, "µm": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1}
SIZES |= {"mile": 1, "foot": 1 / 5280, "feet": 1 / 5280, "inch": 1 / 63360, "inches": 1 / 63360, "miles": 1}
SIZES |= {"thousandth": 1 / 63360e3, "thousandths": 1 / 63360e3, "% of": 0.01, "phone": 1, "flight": 1, "flights": 1}
for name, size in (("minute", 60), ("hour", 3600), ("day", 86400), ("year", YEAR_S)):
    SIZES |= {name: size, f"{name}s": size}
GREAT = {"": 1, " million": 1e6, " billion": 1e9, " trillion": 1e12}
UNIT = r"(% of|US households|EU households|[^\W\d]+)"
QUANTITY = re.compile(r"(less than )?([\d.,]+)( million| billion| trillion|) " + UNIT)
ORDER = ["television", "phone_charge", "us_household", "eu_household"]
ORDER += ["car", "car_miles", "car_eu", "flight", "flight_paris_london", "tree_years"]


def by_id(energy_j, co2e_g):
    return {found.id: found for found in equivalents(energy_j, co2e_g)}


def read_back(found):
    """The digits of a text, its quantity in the comparison's unit, and whether it only says "less than"."""
    less, digits, great, unit = QUANTITY.search(found.text.replace("100 W", "")).groups()
    sizes = SIZES | {"US households": YEAR_S, "EU households": YEAR_S, "trees": YEAR_S}
    # Trees are counted in years, and spelled in all units of time.
    size = sizes[unit] / (YEAR_S if found.unit == "tree-years" else 1)
    return digits, float(digits.replace(",", "")) * GREAT[great] * size, bool(less)


def test_the_line_reads_like_a_sentence():
    assert one_line(5100, 0.9) == ("like driving 3.7 m in a US passenger car, or a television of 100 W on for 51 s")


@pytest.mark.parametrize(
    ("energy_kwh", "named"),
    [
        (1e-9, ["car", "television"]),
        (29, ["car", "television"]),
        (30, ["car", "television", "household"]),
        (10_700, ["car", "television", "household"]),
        (10_800, ["car", "household"]),
        (1e9, ["car", "households"]),
    ],
)
def test_the_line_compares_with_what_suits_the_amount(energy_kwh, named):
    line = one_line(energy_kwh * J_PER_KWH, energy_kwh * 400)
    assert re.findall(r"car|television|households?", line) == named
    assert line.count(", or ") == 1 and "\n" not in line


def test_a_cluster_for_a_year_is_so_many_households():
    # 1 MW for a year is 8.76 GWh
    assert one_line(1e6 * YEAR_S, 0) == "like the electricity of 810 US households for a year"


def test_a_kilowatt_hour_is_ten_hours_of_television():
    found = by_id(3.6e6, 0)
    assert found["television"].text == "a television of 100 W on for 10 hours"
    assert found["phone_charge"].value == pytest.approx(1 / 0.019)
    assert list(found) == ["television", "phone_charge", "us_household", "eu_household"]


def test_a_household_uses_its_yearly_electricity_in_a_year():
    american, european = by_id(10_791 * J_PER_KWH, 0)["us_household"], by_id(3600 * J_PER_KWH, 0)["eu_household"]
    assert (american.value, european.value) == (pytest.approx(YEAR_S, rel=1e-5), pytest.approx(YEAR_S, rel=1e-5))
    assert american.text == "the electricity of a US household for 1 year"
    assert european.text == "the electricity of an EU household for 1 year"


def test_cars_flights_and_trees_follow_from_carbon_alone():
    found = by_id(0, 393)
    assert found["car"].value == pytest.approx(1609.344, rel=1e-5)
    assert found["car_miles"].value == pytest.approx(1)
    assert found["car_miles"].text == "driving 1 mile in a US passenger car"
    assert found["car_eu"].value == pytest.approx(393 / 0.175)
    assert found["flight"].value == pytest.approx(393 / 0.171)
    assert found["flight_paris_london"].text == "0.79 % of a flight from Paris to London"
    assert found["tree_years"].text == "what a tree takes up in 13 days"
    assert {one.basis for one in found.values()} == {"carbon"}


@pytest.mark.parametrize(
    ("energy_j", "text"),
    [
        (1e-3, "10 µs"),
        (1, "10 ms"),
        (100, "1 s"),
        (5_900, "59 s"),
        (6_000, "1 minute"),
        (12_000, "2 minutes"),
        (5_960, "1 minute"),
        (3.6e5, "1 hour"),
        (8.6e6, "1 day"),
        (8.64e6, "1 day"),
        (8.64e7, "10 days"),
        (3.1536e9, "1 year"),
        (3.1536e13, "10,000 years"),
    ],
)
def test_time_is_spelled_in_the_unit_that_suits(energy_j, text):
    assert by_id(energy_j, 0)["television"].text == f"a television of 100 W on for {text}"


@pytest.mark.parametrize(
    ("metres", "text"),
    [
        (4e-6, "4 µm"),
        (2.5e-3, "2.5 mm"),
        (0.12, "120 mm"),
        (0.9996, "1 m"),
        (37.2, "37 m"),
        (999.9, "1 km"),
        (4_140_000, "4,100 km"),
        (4.14e9, "4.1 million km"),
    ],
)
def test_distance_is_spelled_in_the_unit_that_suits(metres, text):
    assert by_id(0, metres * 0.244199)["car"].text == f"driving {text} in a US passenger car"


@pytest.mark.parametrize(
    ("miles", "text"),
    [
        (1e-10, "less than 1 thousandth of an inch"),
        (1.6e-5, "1 inch"),
        (3e-5, "1.9 inches"),
        (1e-3, "5.3 feet"),
        (0.5, "2,600 feet"),
        (0.9999, "1 mile"),
        (31_416, "31,000 miles"),
    ],
)
def test_miles_are_spelled_in_the_unit_that_suits(miles, text):
    assert by_id(0, miles * 393)["car_miles"].text == f"driving {text} in a US passenger car"


@pytest.mark.parametrize(
    ("charges", "text"),
    [
        (1e-9, "less than 0.001 % of a phone charge"),
        (0.00034, "0.034 % of a phone charge"),
        (0.5, "50 % of a phone charge"),
        (1, "1 phone charge"),
        (53_123, "53,000 phone charges"),
    ],
)
def test_phone_charges_below_one_are_a_share(charges, text):
    assert by_id(charges * 68_400, 0)["phone_charge"].text == text


@given(amounts, amounts)
def test_no_amount_is_spelled_as_zero_or_with_an_exponent(energy_j, co2e_g):
    for found in equivalents(energy_j, co2e_g):
        assert found.value > 0
        assert not re.search(r"(?<![\d.,])0(\.0*)? ", found.text), found.text
        assert not re.search(r"\de[+-]?\d", found.text), found.text


@given(twenty_decades)
def test_the_spelled_amount_is_within_rounding_of_the_value(amount):
    for found in equivalents(amount, amount):
        digits, spelled, less = read_back(found)
        if less:
            assert found.value < spelled
        else:
            # Rounding to two digits moves 1.05 by a twentieth at most; a year has 365 days.
            assert math.isclose(spelled, found.value, rel_tol=0.051), found
        assert len(digits.replace(",", "").replace(".", "").strip("0")) <= 2


@given(twenty_decades, st.floats(min_value=1, max_value=1.2))
def test_more_is_never_spelled_as_less(amount, times):
    for less, more in zip(equivalents(amount, amount), equivalents(amount * times, amount * times), strict=True):
        assert less.id == more.id and less.value <= more.value
        # "less than 1 µs" and "1 µs" read back the same; what does not count is rounding in floats.
        assert read_back(less)[1] <= read_back(more)[1] * (1 + 1e-12), (less.text, more.text)


@given(st.tuples(amounts, amounts, amounts).map(sorted))
def test_the_range_holds_whatever_the_amount_and_the_factor_are(ends):
    # GIVEN an amount that is known between two ends
    low, best, high = ends
    interval = Range(low, best, high)
    surely = {name: by_id(each, each) for name, each in (("low", low), ("high", high)) if each > 0}
    for found in equivalents(interval, interval):
        # THEN the range holds the value, and the values of both ends, and is never a single point of the factor
        assert 0 <= found.low <= found.value <= found.high < math.inf
        assert found.low < found.high
        for ends in surely.values():
            if found.id in ends:
                assert found.low <= ends[found.id].value <= found.high


@given(st.floats(min_value=1e-6, max_value=1e15))
def test_a_number_is_an_interval_without_width(amount):
    assert equivalents(amount, amount) == equivalents(Range(amount, amount, amount), Range(amount, amount, amount))


def test_the_range_is_the_tables_from_the_least_at_the_highest_factor_to_the_most_at_the_lowest():
    with (shipped.TABLES / TABLE).open(encoding="utf-8", newline="") as file:
        ends = {row["id"]: (float(row["low_factor"]), float(row["high_factor"])) for row in csv.DictReader(file)}
    amount = Range(1e6, 2e6, 4e6)
    for found in equivalents(amount, amount):
        low_factor, high_factor = ends.pop(found.id)
        assert (found.low, found.high) == pytest.approx((1e6 / high_factor, 4e6 / low_factor))
    assert not ends


def test_nothing_used_is_said_plainly():
    assert equivalents(0, 0) == []
    assert one_line(0, 0) == "no energy, so nothing to compare it with"


def test_the_largest_float_is_compared_with_what_can_be_written():
    found = by_id(1.7e308, 1.7e308)
    assert "car" not in found and found["tree_years"].text.endswith("trillion trees take up in a year")


def test_each_comparison_names_its_source_and_year():
    found = by_id(1e6, 1e3)
    assert list(found) == ORDER
    assert "by definition" in found["television"].source
    assert found["television"].standing == "definition"
    sources = {"phone_charge": "EPA", "us_household": "EIA", "eu_household": "Odyssee", "car": "EPA"}
    sources |= {"car_miles": "EPA", "car_eu": "UK government", "flight": "UK government", "tree_years": "Akbari"}
    for name, publisher in sources.items():
        assert publisher in found[name].source
    assert all(2000 < each.year < 2100 for each in found.values())


def test_every_row_of_the_table_explains_its_range():
    with (shipped.TABLES / TABLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ORDER
    for row in rows:
        assert 0 < float(row["low_factor"]) <= float(row["factor"]) <= float(row["high_factor"])
        assert row["source"] and row["range_source"] and row["year"].isdigit() and row["licence_class"] in ("A", "C")


def test_the_car_in_miles_is_the_car_in_metres():
    found = by_id(0, 1e6)
    for end in ("low", "value", "high"):
        assert getattr(found["car"], end) == pytest.approx(getattr(found["car_miles"], end) * 1609.344, rel=1e-5)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_amounts_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="energy"):
        equivalents(bad, 0)
    with pytest.raises(ValueError, match="carbon"):
        one_line(0, bad)
