"""Builds the compiled core; everything else about the package stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

CORE = [
    "budget.c",
    "channel.c",
    "clock.c",
    "counter.c",
    "needs.c",
    "phase.c",
    "place.c",
    "ring.c",
    "sampler.c",
    "source_msr.c",
    "source_perf.c",
    "source_powercap.c",
    "source_proc.c",
    "source_replay.c",
    "turns.c",
    "watch.c",
]


def extensions() -> list[Extension]:
    """Give the core where its counters exist: elsewhere pycarbon runs on the model alone."""
    if not sys.platform.startswith("linux"):
        return []
    from Cython.Build import cythonize

    native = Extension(
        "pycarbon._native",
        ["pycarbon/_native.pyx", *(f"csrc/{name}" for name in CORE)],
        include_dirs=["csrc"],
        depends=["pycarbon/_native.pxd"],
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=["-std=c11", "-pthread"],
        extra_link_args=["-pthread", "-lm"],
    )
    return list(cythonize([native]))


setup(ext_modules=extensions())
