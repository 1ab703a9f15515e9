"""What holds of all services: good readings that cover what was asked for, or one clear line without a key."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from datetime import datetime
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_world import KEY, Time, at, is_one_clear_line
from werkzeug import Response

from pycarbon.errors import IntensityError
from pycarbon.services import NAMES, readings

ENVIRON = {"ELECTRICITYMAPS_TOKEN": KEY, "WATTTIME_USER": "freddo", "WATTTIME_PASSWORD": KEY}

UK = {
    "data": [
        {
            "from": f"{at(hour):%Y-%m-%dT%H:%MZ}",
            "to": f"{at(hour + 0.5):%Y-%m-%dT%H:%MZ}",
            "intensity": {"forecast": 266, "actual": 263, "index": "moderate"},
        }
        for hour in (9, 9.5)
    ]
}
ELECTRICITY_MAPS = {
    "zone": "FR",
    "history": [
        {"zone": "FR", "carbonIntensity": 50, "datetime": at(hour).isoformat(), "updatedAt": at(hour).isoformat()}
        | {"emissionFactorType": "lifecycle", "isEstimated": False, "estimationMethod": None}
        for hour in (9, 10)
    ],
}
WATTTIME = {
    "token": "abcdef0123456789",
    "data": [{"point_time": at(9).isoformat(), "value": 870}, {"point_time": at(9.5).isoformat(), "value": 860}],
    "meta": {
        "data_point_period_seconds": 1800,
        "region": "CAISO_NORTH",
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
    },
}
ASKED = [
    ("uk", "GBR", "average", UK),
    ("electricitymaps", "FRA", "average", ELECTRICITY_MAPS),
    ("watttime", "watttime:CAISO_NORTH", "marginal", WATTTIME),
]
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        [KEY, KEY * 5, "sandbox", "2026-03-10T09:00Z", "9999-12-31T23:59Z", 1e308, 10**400, "\ud800", "\0\n"]
    ),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["zone", "data", KEY]), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value, path=()):
    """Every place in a JSON value, as the way there."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in inner:
        yield from places(member, (*path, name))


def changed(value, path, into):
    """A JSON value with another one in a place."""
    if not path:
        return into
    value = copy.copy(value)
    value[path[0]] = changed(value[path[0]], path[1:], into)
    return value


def ask(httpserver, service, zone, kind, **how):
    how = {"environ": ENVIRON, "endpoint": httpserver.url_for(""), "timeout_s": 5, **Time().handed, **how}
    return readings(service, zone, at(9), at(10), type=kind, **how)


@pytest.mark.parametrize(("service", "zone", "kind", "answer"), ASKED, ids=[asked[0] for asked in ASKED])
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_is_answered_it_is_readings_or_one_line(httpserver, service, zone, kind, answer, data):
    """GIVEN a good answer with anything in any place, THEN good readings come of it, or one line without the key."""
    path = data.draw(st.sampled_from(list(places(answer))))
    text = json.dumps(changed(answer, path, data.draw(ODD)))
    httpserver.clear()
    for address in (
        "/login",
        "/v3/historical",
        "/carbon-intensity/history",
        "/intensity/2026-03-10T09:00Z/2026-03-10T10:00Z",
    ):
        httpserver.expect_request(address).respond_with_response(Response(text, content_type="application/json"))
    try:
        found = ask(httpserver, service, zone, kind)
    except IntensityError as error:
        # A key that was never sent is a word as any other.
        assert is_one_clear_line(str(error)) and (KEY not in str(error) or service == "uk"), str(error)
        return
    assert found[0].start <= at(9) and found[-1].end >= at(10)
    assert {reading.type for reading in found} == {kind}
    assert all(0 <= reading.g_per_kwh <= 3000 and reading.source for reading in found)


@pytest.mark.parametrize(("service", "zone", "kind", "answer"), ASKED, ids=[asked[0] for asked in ASKED])
def test_the_good_answer_is_one(httpserver, service, zone, kind, answer):
    for address in (
        "/login",
        "/v3/historical",
        "/carbon-intensity/history",
        "/intensity/2026-03-10T09:00Z/2026-03-10T10:00Z",
    ):
        httpserver.expect_request(address).respond_with_json(answer)
    assert ask(httpserver, service, zone, kind)


@pytest.mark.parametrize(
    ("service", "zone", "start", "end", "says"),
    [
        ("grid", "FRA", at(9), at(10), "unknown service 'grid': one of electricitymaps, uk"),
        ("uk", "GBR", datetime(2026, 3, 10), at(10), "asked for times with their offset"),
        ("uk", "GBR", at(10), at(10), "the first before the second"),
        ("uk", "electricitymaps:GB", at(9), at(10), "does not cover electricitymaps:GB"),
        ("uk", "uk:", at(9), at(10), "does not cover uk:"),
        ("uk", SimpleNamespace(zone="GB-SCT", within=("GBR",)), at(9), at(10), "it covers GBR, in which it lies"),
    ],
)
def test_questions_that_are_none(service, zone, start, end, says):
    with pytest.raises(IntensityError, match=says):
        readings(service, zone, start, end)


def test_a_zone_of_ours_is_asked_for_by_its_id(httpserver):
    httpserver.expect_request("/intensity/2026-03-10T09:00Z/2026-03-10T10:00Z").respond_with_json(UK)
    assert len(ask(httpserver, "uk", SimpleNamespace(zone="GBR", within=()), "average")) == 2


def test_names_need_nothing_that_is_optional():
    code = "import sys, pycarbon.services as s; print(*s.NAMES); assert 'httpx' not in sys.modules"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert tuple(told.stdout.split()) == NAMES
