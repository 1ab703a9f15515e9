"""What kernels cost, as programs read it: the stable JSON of docs/kernels.md."""

from __future__ import annotations

import json
from typing import Any

from pycarbon.analysis import Run
from pycarbon.interval import Range
from pycarbon.kernel_figures import GpuFigures, Kernel, KernelFigures
from pycarbon.reports.as_json import SCHEMA, described, without_nan


def kernels_as_dict(found: KernelFigures, run: Run) -> dict[str, Any]:
    """Give the figures as plain values; NaN, which JSON lacks, becomes None."""
    alignment, start_ns = found.alignment, run.data.start_ns
    values = {
        "schema": SCHEMA,
        "run": described(run),
        "trace": {
            "origin": found.origin,
            "clock": "monotonic" if alignment.clock is None else "wall",
            "error_s": alignment.error_ns / 1e9,
            "aligned": alignment.how,
            "first_s": (alignment.first_ns - start_ns) / 1e9,
            "last_s": (alignment.last_ns - start_ns) / 1e9,
        },
        "start_s": (alignment.start_ns - start_ns) / 1e9,
        "end_s": (alignment.end_ns - start_ns) / 1e9,
        "duration_s": (alignment.end_ns - alignment.start_ns) / 1e9,
        "gpus": [_gpu(gpu) for gpu in found.gpus],
        "kernels": [_kernel(kernel) for kernel in found.kernels],
        "notes": list(found.notes),
    }
    cleaned: dict[str, Any] = without_nan(values)
    return cleaned


def _gpu(gpu: GpuFigures) -> dict[str, Any]:
    used, idle = gpu.used, gpu.idle
    rest_s = idle.time_s if idle.time_s > 0 else None
    return {
        "device": gpu.gpu.domain,
        "name": gpu.gpu.name,
        "uuid": gpu.gpu.uuid,
        "energy_j": used.energy_j,
        "low_j": used.low_j,
        "high_j": used.high_j,
        "kind": used.kind,
        "mean_power_w": used.mean_power_w,
        "counter_lag_s": gpu.lag.lag_ns / 1e9,
        "counter_lag_error_s": gpu.lag.error_ns / 1e9,
        "idle": {
            "time_s": idle.time_s,
            "energy_j": idle.energy_j,
            "low_j": idle.low_j,
            "high_j": idle.high_j,
            "power_w": None if rest_s is None or idle.energy_j is None else idle.energy_j / rest_s,
            "low_power_w": None if rest_s is None else idle.low_j / rest_s,
            "high_power_w": None if rest_s is None else idle.high_j / rest_s,
            "share": idle.share,
            "kind": idle.kind,
            "method": idle.method,
            "resolved": idle.resolved,
            "remedy": idle.remedy,
            "co2e_g": idle.co2e_g,
        },
        **_ends("static_power_w", gpu.static_w),
        "static_power_reason": gpu.no_static,
    }


def _kernel(kernel: Kernel) -> dict[str, Any]:
    above = kernel.above_idle_j
    each = None if above is None or not kernel.launches else above.times(1 / kernel.launches)
    return {
        "label": kernel.label,
        "device": kernel.device,
        "launches": kernel.launches,
        "time_s": kernel.time_s,
        "energy_j": kernel.energy_j,
        "low_j": kernel.low_j,
        "high_j": kernel.high_j,
        "energy_per_launch_j": kernel.per_launch(kernel.energy_j),
        "low_per_launch_j": kernel.per_launch(kernel.low_j),
        "high_per_launch_j": kernel.per_launch(kernel.high_j),
        "power_w": kernel.power_w(kernel.energy_j),
        "low_power_w": kernel.power_w(kernel.low_j),
        "high_power_w": kernel.power_w(kernel.high_j),
        **_ends("above_idle_j", above),
        **_ends("above_idle_per_launch_j", each),
        "share": kernel.share,
        "kind": kernel.kind,
        "method": kernel.method,
        "resolved": kernel.resolved,
        "remedy": kernel.remedy,
        "co2e_g": kernel.co2e_g,
    }


def _ends(name: str, value: Range | None) -> dict[str, float | None]:
    ends = (None, None, None) if value is None else (value.best, value.low, value.high)
    return dict(zip((name, f"low_{name}", f"high_{name}"), ends, strict=True))


class KernelsJson:
    """The report for programs."""

    def render(self, found: KernelFigures, run: Run) -> str:
        """Give the figures as indented JSON, in ASCII: any stream can take it, whatever a kernel's name."""
        return json.dumps(kernels_as_dict(found, run), indent=1, allow_nan=False)
