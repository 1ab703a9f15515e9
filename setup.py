"""Builds the compiled core; everything else about the package stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

CORE = [
    "clock.c",
    "counter.c",
    "ring.c",
    "sampler.c",
    "source_powercap.c",
    "source_proc.c",
    "source_replay.c",
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
        extra_link_args=["-pthread"],
    )
    return list(cythonize([native]))


setup(ext_modules=extensions())
