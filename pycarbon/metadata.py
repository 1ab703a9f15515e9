"""What the JSON of a run file may say: each member a reader relies on, and what values it may have."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pycarbon.frame import LATEST_NS
from pycarbon.hours import HOURS_OF_A_YEAR, LATEST_HOUR, MOST_HOURS
from pycarbon.run import KINDS, MAX_CHANNELS
from pycarbon.totals import ARITHMETIC

Check = Callable[[Any], bool]

LARGEST_INDEX = (1 << 31) - 1
LONGEST_NAME = 1 << 16


def _is(*kinds: type) -> Check:
    return lambda value: type(value) in kinds


def _number(low: float, high: float) -> Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _each(check: Check) -> Check:
    return lambda value: type(value) is list and all(map(check, value))


def _map_of(check: Check) -> Check:
    return lambda value: type(value) is dict and all(map(check, value.values()))


def _record(**members: Check) -> Check:
    pairs = tuple(members.items())

    def is_record(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, check in pairs:  # noqa: SIM110  a generator takes longer, and files and their figures are many
            if name not in value or not check(value[name]):
                return False
        return True

    return is_record


def _range(largest: float) -> Check:
    number = _number(0, largest)
    return lambda value: (
        type(value) is dict
        and value.keys() == {"low", "best", "high"}
        and all(map(number, value.values()))
        and value["low"] <= value["best"] <= value["high"]
    )


_TEXT, _TEXTS, _TIME = _is(str), _each(_is(str)), _whole(0, LATEST_NS)
_PLAIN = _is(str, int, float, bool, type(None))
COUNT = _maybe(_whole(0, 1 << 62))
_GRAMS = _number(0, 1e6)
_WATTS = _range(1e7)

_FINITE = _number(-1e300, 1e300)
_SHARE = _maybe(_FINITE)


def _ordered(low: str, best: str, high: str) -> Check:
    """Check that a figure is not below 0 and lies between its ends, as far as they are known."""

    def check(values: dict[str, Any]) -> bool:
        least = 0
        for name in (low, best, high):
            value = values[name]
            if value is not None:
                if value < least:
                    return False
                least = value
        return True

    return check


def _both_or_none(low: str, high: str) -> Check:
    """Check that the ends of an interval are both known, or neither."""
    return lambda values: (values[low] is None) == (values[high] is None)


def _all(*checks: Check) -> Check:
    return lambda value: all(check(value) for check in checks)


_KIND: Check = lambda value: type(value) is str and value in KINDS  # noqa: E731
_CHANNEL_ENERGY = _all(
    _record(
        **dict.fromkeys(("domain", "source"), _TEXT),
        kind=_KIND,
        **dict.fromkeys(("energy_j", "mean_power_w", "gap_s"), _FINITE),
        **dict.fromkeys(("low_j", "high_j", "peak_power_w"), _SHARE),
        edges=_whole(0, 1 << 62),
        **dict.fromkeys(("in_total", "is_ambiguous"), _is(bool)),
    ),
    _both_or_none("low_j", "high_j"),
    _ordered("low_j", "energy_j", "high_j"),
)
_REGION = _all(
    _record(
        **dict.fromkeys(("label", "method", "remedy"), _TEXT),
        kind=_KIND,
        calls=_whole(0, 1 << 62),
        **dict.fromkeys(("time_s", "low_j", "high_j", "self_time_s"), _FINITE),
        **dict.fromkeys(("energy_j", "energy_per_call_j", "low_per_call_j", "high_per_call_j", "co2e_g"), _SHARE),
        **dict.fromkeys(("self_energy_j", "share"), _SHARE),
        resolved=_is(bool),
    ),
    _ordered("low_j", "energy_j", "high_j"),
    _ordered("low_per_call_j", "energy_per_call_j", "high_per_call_j"),
)
_ENERGY = _all(
    _record(
        total_j=_FINITE,
        kind=_KIND,
        **dict.fromkeys(("low_j", "high_j", "process_j", "process_low_j", "process_high_j"), _SHARE),
        channels=_each(_CHANNEL_ENERGY),
    ),
    _both_or_none("low_j", "high_j"),
    _ordered("low_j", "total_j", "high_j"),
    _ordered("process_low_j", "process_j", "process_high_j"),
)


_BY_HOUR = _record(
    first_hour=_whole(0, LATEST_HOUR),
    energy_j=_all(_each(_number(0, 1e300)), lambda value: 0 < len(value) <= MOST_HOURS),
)


def _is_totals(value: Any) -> bool:
    if type(value) is not dict or type(value.get("arithmetic", 0)) is not int:
        return False  # True and 1.0 would pass for 1
    if value.get("arithmetic") != ARITHMETIC:
        return True
    if "regions" in value and not _record(regions=_each(_REGION), outside=_maybe(_REGION))(value):
        return False
    if "by_hour" in value and not _BY_HOUR(value["by_hour"]):
        return False
    return _record(energy=_ENERGY, remarks=_TEXTS)(value)


def _is_hours(value: Any) -> bool:
    """Check hourly values: as many lows and highs as means, each mean between its own."""
    if not _record(kind=_TEXT, first_hour=_whole(0, LATEST_HOUR), **dict.fromkeys(_HOURLY, _each(_GRAMS)))(value):
        return False
    low, mean, high = (value[name] for name in _HOURLY)
    whole = len(low) == len(mean) == len(high) > 0 and all(a <= b <= c for a, b, c in zip(low, mean, high))  # noqa: B905
    return whole and (value["kind"] == "actual" or (value["kind"] == "typical" and len(mean) == HOURS_OF_A_YEAR))


_HOURLY = ("low_g_per_kwh", "mean_g_per_kwh", "high_g_per_kwh")
_INTENSITY: Check = lambda value: (  # noqa: E731
    _record(
        **dict.fromkeys(("zone", "name", "method", "source"), _TEXT),
        intensity_g_per_kwh=_GRAMS,
        **dict.fromkeys(("low_g_per_kwh", "high_g_per_kwh"), _maybe(_GRAMS)),
        year=_is(int),
    )(value)
    and _both_or_none("low_g_per_kwh", "high_g_per_kwh")(value)
    and _ordered("low_g_per_kwh", "intensity_g_per_kwh", "high_g_per_kwh")(value)
    and type(value.get("place_known", True)) is bool
    and all(type(value.get(name, "")) is str for name in ("scope", "flow", "gas", "type", "note"))
    and type(value.get("asked", "")) in (str, type(None))
    and (value.get("hours") is None or _is_hours(value["hours"]))
)

META_MEMBERS: dict[str, Check] = {
    "start_ns": _TIME,
    "id": _PLAIN,
    "organisation": _PLAIN,
    "project": _PLAIN,
    "experiment": _PLAIN,
    "name": _PLAIN,
    "command": _each(_PLAIN),
    "started_at": _PLAIN,
    "tags": _map_of(_PLAIN),
    "notes": _TEXTS,
    "pue": _number(1, 1000),
    "rings": _all(
        _map_of(_each(_whole(0, MAX_CHANNELS - 1))),
        lambda rings: not any("/" in name or "\\" in name or "\0" in name for name in rings),  # files of one folder
    ),
    "obstacles": _each(_record(source=_TEXT, what=_TEXT, remedy=_TEXT)),
    "told": _map_of(_number(0, 1e300)),
    "curves": _each(
        lambda value: (
            _record(domain=_TEXT, basis=_TEXT, idle_w=_WATTS, full_w=_WATTS, exponent=_range(100))(value)
            and all(value["idle_w"][end] <= value["full_w"][end] for end in ("low", "best", "high"))
        )
    ),
    "machine": _map_of(_PLAIN),
    "intensity": _INTENSITY,
    "intensity_alternatives": _each(_INTENSITY),
    "pue_range": _all(_each(_number(1, 1000)), lambda value: len(value) == 2),
    "pue_source": _TEXT,
    "device": _maybe(
        _all(
            lambda value: type(value) is dict and value.keys() == {"embodied_kg", "lifetime_years", "resource_share"},
            _record(embodied_kg=_range(1e9), lifetime_years=_range(1e3), resource_share=_range(1)),
            lambda value: value["lifetime_years"]["low"] > 0 and value["resource_share"]["low"] > 0,
        )
    ),
    "wue_l_per_kwh": _maybe(_range(1e6)),
    "device_source": _TEXT,
    "wue_source": _TEXT,
    "place": _map_of(_PLAIN),
    "gpus": _each(
        _all(
            _map_of(lambda value: _PLAIN(value) or _TEXTS(value)),
            lambda value: type(value.get("domain")) is str and type(value.get("slices", [])) in (list, type(None)),
        )
    ),
}
FOOTER_MEMBERS: dict[str, Check] = {
    "start_ns": _TIME,
    "end_ns": _TIME,
    "process_cpu_s": _maybe(_number(0, 1e15)),
    "exit_status": _maybe(_whole(-(1 << 31), 1 << 31)),
    "notes": _TEXTS,
    "regions": _map_of(_whole(-(1 << 63), (1 << 64) - 1)),
    "complete": _is(bool),
    "run": _all(
        _map_of(lambda value: _PLAIN(value) or _map_of(_PLAIN)(value)),
        lambda run: type(run.get("tags", {})) is dict,
    ),
    "intensity": _INTENSITY,
    "intensity_alternatives": _each(_INTENSITY),
    "totals": _is_totals,
}
EVENT_MEMBERS: dict[str, Check] = {"monotonic_ns": _TIME, "clock_step_ns": _whole(-LATEST_NS, LATEST_NS)}
NAMES_MEMBERS: dict[str, Check] = {
    "first_label": _whole(0, LARGEST_INDEX),
    "labels": _TEXTS,
    "first_node": _whole(0, LARGEST_INDEX),
    "nodes": _each(
        lambda node: (
            type(node) is list
            and len(node) == 2
            and _whole(-1, LARGEST_INDEX)(node[0])
            and _whole(0, LARGEST_INDEX)(node[1])
        )
    ),
}
KERNELS_MEMBERS: dict[str, Check] = {
    "first_name": _whole(0, LARGEST_INDEX),
    "names": _each(lambda name: type(name) is str and len(name) <= LONGEST_NAME),
    "devices": _all(
        _each(_all(_record(number=_whole(0, (1 << 16) - 1)), _map_of(_is(str, int, type(None))))),
        lambda devices: len({device["number"] for device in devices}) == len(devices),
    ),
    "error_ns": _TIME,
    "origin": _TEXT,
    "hostname": _maybe(_TEXT),
}
"""What a reader relies on. A member may be missing; what is not named here is for later versions, or for people."""


def read(payload: bytes, members: Mapping[str, Check]) -> dict[str, Any]:
    """Read a frame of metadata; ValueError where it is not what `members` says."""
    try:
        values = json.loads(str(payload, "utf-8"))  # json.loads itself would also take UTF-16
        if type(values) is not dict:
            raise ValueError("it is no object")
        for name, check in members.items():
            if name in values and not check(values[name]):
                raise ValueError(f"{name} cannot be {str(values[name])[:80]!r}")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return values
