"""What a run's page says beside its figures: the factor and why, the machine, its GPUs, and how it was recorded."""

from __future__ import annotations

from collections.abc import Mapping

from pycarbon._version import __version__
from pycarbon.analysis import Run
from pycarbon.reports import carbon, figures
from pycarbon.reports.words import MOST_LISTED, Row, text

MOST_OTHERS = 20

Facts = list[list[str | None]]
"""Pairs of a name and a text; None is what is not known."""


def intensity(run: Run) -> Row:
    """Say which factor was taken and why, and which were not."""
    emissions, rating, grid = run.emissions, run.rating, run.intensity
    others = [
        {
            "zone": text(one.zone, 40),
            "name": text(one.name, 80),
            "factor": figures.digits(one.intensity_g_per_kwh),
            "between": f"{figures.digits(one.low_g_per_kwh)} to {figures.digits(one.high_g_per_kwh)}",
            "year": one.year,
            "method": text(one.method, 80),
            "source": text(one.source),
        }
        for one in rating.others[:MOST_OTHERS]
    ]
    hourly = {"typical": "typical values for its hours", "actual": "the values of its hours"}
    factor, between = figures.with_interval(
        emissions.intensity_g_per_kwh, emissions.low_g_per_kwh, emissions.high_g_per_kwh, 1.0
    )
    return {
        "facts": [
            ["Factor", f"{factor} g CO2e per kWh ({between})"],
            ["Place", text(carbon.where(grid))],
            ["Zone", text(grid.zone) if grid.place_known else None],
            ["Chosen", _why(run)],
            ["Year", str(emissions.year)],
            ["Method", text(emissions.method)],
            ["Hours", hourly.get(emissions.hourly or "", "one value for all of them")],
            ["Source", text(emissions.source)],
            ["PUE", f"{carbon.pue(rating.pue).removeprefix('PUE ')}: {text(rating.pue_source)}"],
            *([["Remark", text(grid.note)]] if grid.note else []),
        ],
        "others": others,
        "others_left_out": max(len(rating.others) - MOST_OTHERS, 0),
    }


def _why(run: Run) -> str:
    """Say what told the place."""
    if not run.intensity.place_known:
        return "nobody named a place, so it is the world's mean, with the range of its countries; --zone says where"
    place = run.rating.place
    settings = run.data.meta.get("settings_from")
    origin = settings.get("zone") if isinstance(settings, Mapping) else None
    if place.get("how"):
        return text(f"by {place['how']}: {place.get('zone', '')}")
    named = {
        "argument": "named on the command line or in the program",
        "default": "found out, as nobody named one",
    }
    return named.get(str(origin), f"as set: {text(origin, 80)}" if origin else "as counted for this report")


def machine(run: Run) -> Facts:
    """Say on which machine it was recorded."""
    found = run.machine
    cores = [(found.n_packages, "package"), (found.n_cores, "core"), (found.n_threads, "thread")]
    counted = ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in cores if count is not None)
    memory = found.memory_bytes
    inside = [
        name for known, name in ((found.hypervisor, "a virtual machine"), (found.container, "a container")) if known
    ]
    return [
        ["Processor", _or_none(found.brand or found.microarchitecture)],
        ["Microarchitecture", _or_none(found.microarchitecture)],
        ["Processors", text(counted) or None],
        ["Memory", f"{memory / 2**30:.3g} GiB" if isinstance(memory, int | float) else None],
        ["System", text(" ".join(str(one) for one in (found.os, found.kernel, found.arch) if one)) or None],
        ["Host", _or_none(found.hostname)],
        [
            "Seen from",
            " in ".join(inside) if inside else None if found.hypervisor is None else "the machine itself",
        ],
    ]


def _or_none(value: object) -> str | None:
    return text(value) if value else None


def gpus(run: Run) -> list[Row]:
    """Say which GPUs it saw."""
    return [
        {
            "domain": text(gpu.domain, 80),
            "name": _or_none(gpu.name),
            "driver": _or_none(gpu.driver),
            "architecture": _or_none(gpu.architecture),
            "memory": f"{gpu.memory_bytes / 2**30:.3g} GiB" if isinstance(gpu.memory_bytes, int | float) else None,
        }
        for gpu in run.gpus[:MOST_LISTED]
    ]


def recorded(run: Run) -> Facts:
    """Say with what and how it was recorded."""
    meta = run.data.meta
    sampling = meta.get("sampling")
    way: str | None = None
    if isinstance(sampling, Mapping):
        rate, budget = sampling.get("rate_hz"), sampling.get("cpu_budget_percent")
        if isinstance(rate, int | float):
            way = f"{rate:g} looks a second at each counter"
        elif isinstance(budget, int | float):
            way = f"at the edges of its counters, within {budget:g} % of a core"
    choice = meta.get("choice")
    reasons = list(choice.items())[:MOST_LISTED] if isinstance(choice, Mapping) else []
    curves = meta.get("curves", [])[:MOST_LISTED]
    used = run.data.footer.get("sampler_cpu_s")
    facts: Facts = [
        ["Recorded with", text(f"pycarbon {meta['pycarbon']}") if meta.get("pycarbon") else None],
        ["Python", _or_none(meta.get("python"))],
        ["Looked", way],
        ["Cost of looking", f"{figures.duration(used)} of CPU time" if isinstance(used, int | float) else None],
    ]
    facts += [[f"Source of {text(domain, 80)}", text(reason)] for domain, reason in reasons]
    facts += [[f"Model of {text(curve['domain'], 80)}", text(curve["basis"])] for curve in curves]
    return [*facts, ["This report by", f"pycarbon {__version__}"]]
