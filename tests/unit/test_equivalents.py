"""What energy and carbon are compared with."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.equivalents import equivalents, one_line

amounts = st.floats(min_value=0, max_value=1e18)
sensible = st.floats(min_value=1e-3, max_value=1e13)
SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1}
for name, size in (("minute", 60), ("hour", 3600), ("day", 86400), ("year", 365 * 86400)):
    SECONDS |= {name: size, f"{name}s": size}


def by_id(energy_j, co2e_g):
    return {found.id: found for found in equivalents(energy_j, co2e_g)}


def test_the_line_reads_like_a_sentence():
    assert one_line(5100, 0.9) == ("like driving 3.7 m in a US passenger car, or a television of 100 W on for 51 s")


def test_a_kilowatt_hour_is_ten_hours_of_television():
    found = by_id(3.6e6, 0)
    assert found["television"].text == "a television of 100 W on for 10 hours"
    assert found["phone_charge"].value == pytest.approx(1 / 0.019)
    assert set(found) == {"television", "phone_charge"}


def test_car_and_flight_follow_from_carbon_alone():
    found = by_id(0, 393)
    assert found["car"].value == pytest.approx(1609.344, rel=1e-5)
    assert found["flight"].value == pytest.approx(393 / 0.171)
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
        (3.6e5, "1 hour"),
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
    ],
)
def test_distance_is_spelled_in_the_unit_that_suits(metres, text):
    assert by_id(0, metres * 0.244199)["car"].text == f"driving {text} in a US passenger car"


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


@given(sensible)
def test_the_spelled_time_is_within_rounding_of_the_value(energy_j):
    # GIVEN any energy from a millijoule to petajoules
    found = by_id(energy_j, 0)["television"]
    # WHEN its text is read back
    number, unit = re.fullmatch(r".* on for ([\d.,]+) (\S+)", found.text).groups()
    digits = number.replace(",", "")
    # THEN it is the value to two significant digits
    assert math.isclose(float(digits) * SECONDS[unit], found.value, rel_tol=0.051)
    assert len(digits.replace(".", "").strip("0")) <= 2


def test_nothing_used_is_said_plainly():
    assert equivalents(0, 0) == []
    assert one_line(0, 0) == "no energy, so nothing to compare it with"


def test_each_comparison_names_its_source():
    found = by_id(1e6, 1e3)
    assert list(found) == ["television", "phone_charge", "car", "flight"]
    assert "by definition" in found["television"].source
    assert found["television"].standing == "definition"
    assert "EPA" in found["phone_charge"].source
    assert "EPA" in found["car"].source
    assert "UK government" in found["flight"].source


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_amounts_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="energy"):
        equivalents(bad, 0)
    with pytest.raises(ValueError, match="carbon"):
        one_line(0, bad)
