"""Builds the compiled core; everything else about the package stands in pyproject.toml."""

import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CORE = [
    "borders.c",
    "budget.c",
    "channel.c",
    "clock.c",
    "counter.c",
    "fold.c",
    "inbox.c",
    "labels.c",
    "ledger.c",
    "needs.c",
    "nvml.c",
    "nvml_power.c",
    "nvml_processes.c",
    "outbox.c",
    "phase.c",
    "place.c",
    "reducer.c",
    "ring.c",
    "sampler.c",
    "source_msr.c",
    "source_nvml.c",
    "source_perf.c",
    "source_powercap.c",
    "source_proc.c",
    "source_replay.c",
    "ticks.c",
    "tree.c",
    "turns.c",
    "vitals.c",
    "watch.c",
]

MARKS = ["clock.c", "labels.c", "marks.c", "quiet.c", "roster.c", "stream.c", "ticks.c"]
"""The library that the programs being measured share: Python's regions, and native code through pycarbon.h."""

LIBRARY = "pycarbon.libpycarbon"


class Build(build_ext):
    """Names the library as native programs look for it: it is no module of Python's."""

    def get_ext_filename(self, fullname: str) -> str:
        """Give the file of an extension."""
        if fullname.endswith(LIBRARY.rpartition(".")[2]):
            return fullname.replace(".", "/") + ".so.1"
        return super().get_ext_filename(fullname)


def extensions() -> list[Extension]:
    """Give the core where its counters exist: elsewhere pycarbon runs on the model alone."""
    from Cython.Build import cythonize

    linux = sys.platform.startswith("linux")
    edges = Extension(
        "pycarbon._edges",
        ["pycarbon/_edges.pyx", "csrc/columns.c"],
        include_dirs=["csrc"],
        optional=not linux,  # run files are read by numpy then
    )
    if not linux:
        return list(cythonize([edges]))
    native = Extension(
        "pycarbon._native",
        ["pycarbon/_native.pyx", *(f"csrc/{name}" for name in CORE)],
        include_dirs=["csrc"],
        depends=["pycarbon/_native.pxd"],
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=["-std=c11", "-pthread"],
        extra_link_args=["-pthread", "-lm", "-ldl"],
    )
    library = Extension(
        LIBRARY,
        [f"csrc/{name}" for name in MARKS],
        include_dirs=["csrc"],
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=["-std=c11", "-pthread", "-fvisibility=hidden"],
        extra_link_args=["-pthread", "-Wl,-soname,libpycarbon.so.1", "-Wl,-z,nodelete"],
    )
    marks = Extension("pycarbon._marks", ["pycarbon/_marks.pyx"], include_dirs=["pycarbon/include"], libraries=["dl"])
    return [*cythonize([native, marks, edges]), library]


setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
