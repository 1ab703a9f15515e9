"""pycarbon: what code costs in energy and carbon, with error bars that hold.

    with pycarbon.record("train", project="digits") as run:
        ...
    print(run.energy.total_j, run.energy.low_j, run.energy.high_j, run.energy.kind)

Importing this module loads nothing else; each name below brings what it needs when it is first used.
"""

from typing import TYPE_CHECKING, Any

from pycarbon._version import __version__

if TYPE_CHECKING:
    from pycarbon.analysis import Run, load
    from pycarbon.comparing import Compared, compare
    from pycarbon.errors import IntensityError, PyCarbonError, RunFileError, SourceError, TraceError
    from pycarbon.kernel_cost import KernelEnergy
    from pycarbon.kernel_repeats import kernel_energy
    from pycarbon.kernel_tracing import kernels
    from pycarbon.marking import Region, get_include, region
    from pycarbon.merging import Merged, merge
    from pycarbon.recording import record

_HOMES = {
    "Compared": "comparing",
    "IntensityError": "errors",
    "KernelEnergy": "kernel_cost",
    "Merged": "merging",
    "PyCarbonError": "errors",
    "Region": "marking",
    "Run": "analysis",
    "RunFileError": "errors",
    "SourceError": "errors",
    "TraceError": "errors",
    "compare": "comparing",
    "get_include": "marking",
    "kernel_energy": "kernel_repeats",
    "kernels": "kernel_tracing",
    "load": "analysis",
    "merge": "merging",
    "record": "recording",
    "region": "marking",
}

__all__ = [
    "Compared",
    "IntensityError",
    "KernelEnergy",
    "Merged",
    "PyCarbonError",
    "Region",
    "Run",
    "RunFileError",
    "SourceError",
    "TraceError",
    "__version__",
    "compare",
    "get_include",
    "kernel_energy",
    "kernels",
    "load",
    "merge",
    "record",
    "region",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pycarbon' has no attribute {name!r}")
    import signal
    from importlib import import_module

    # numpy may start threads; they must not take signals that the program holds in all of its own.
    can_hold = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()) if can_hold else ()
    try:
        value = getattr(import_module(f"pycarbon.{_HOMES[name]}"), name)
    finally:
        if can_hold:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
