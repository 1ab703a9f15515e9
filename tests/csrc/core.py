"""Builds the C core for tests and shows it as `ffi` and `lib`; the headers of csrc/ are what is declared.

Two environment variables choose what is built, so that a sanitizer's run is this suite in a subprocess:

- PYCARBON_TEST_FLAVOUR: plain (as when unset), asan or tsan;
- PYCARBON_TEST_CSRC: another folder than csrc/, such as a copy with a defect that a sanitizer must find.
"""

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import cffi

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
CSRC = Path(os.environ.get("PYCARBON_TEST_CSRC", REPOSITORY / "csrc"))
FLAVOUR = os.environ.get("PYCARBON_TEST_FLAVOUR", "plain")
CACHE = REPOSITORY / ".cache" / "tests"

# Declared before use.  A header that is missing here is built, but its functions cannot be called from tests.
HEADERS = (
    "edge.h",
    "clock.h",
    "ring.h",
    "counter.h",
    "source.h",
    "nvml.h",
    "nvml_power.h",
    "nvml_processes.h",
    "needs.h",
    "phase.h",
    "channel.h",
    "watch.h",
    "budget.h",
    "place.h",
    "turns.h",
    "sampler.h",
    "ticks.h",
    "marks.h",
    "labels.h",
    "quiet.h",
    "roster.h",
    "vitals.h",
    "reducer.h",
    "columns.h",
)
OUR_HEADERS = ("threads.h", "simulated.h")
TYPES = "typedef int... pid_t; typedef int... off_t; typedef struct { ...; } sigset_t;"

STANDARD = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-pthread", "-fPIC")
STRICT = ("-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-Wpedantic")
LENIENT = ("-D_GNU_SOURCE", "-g", "-pthread", "-fPIC")  # for what cffi writes: Python.h keeps no such rules
LIBRARIES = ("-lm", "-ldl")
SANITIZE = {
    "plain": (),
    "asan": ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"),
    # Thread-local memory of a library opened at run time is freed by the C library, which TSan takes for a race.
    "tsan": ("-fsanitize=thread", "-fno-omit-frame-pointer", "-ftls-model=initial-exec"),
}


def declarations(header: str) -> str:
    """What cffi can parse of a header; struct layouts and the values of constants are left to the compiler."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    text = re.sub(r"^static inline .*?^}\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^__extension__.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^#define[ ]+(\w+)[ ]+\d+u?$", r"enum { \1 = ... };", text, flags=re.MULTILINE)
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"_Static_assert\(.*?\);", "", text, flags=re.DOTALL)
    text = re.sub(r"\[PATH_MAX\b.*?\]", "[...]", text)
    text = re.sub(r"_Alignas\(\w+\)|\b_Atomic\b", "", text)
    return re.sub(r"(struct \w+ \{[^}]*)\}", r"\1 ...; }", text)


def state(sources: Iterable[Path], csrc: Path, *flags: str) -> str:
    """What a build depends on, in 16 characters: the sources, all headers, the flags, and what builds it."""
    digest = hashlib.sha256(repr((flags, sys.version, cffi.__version__)).encode())
    for path in (*sources, *sorted(csrc.glob("*.h")), *sorted(HERE.glob("*.h")), HERE / "core.py"):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def gcc(*arguments: str | Path) -> None:
    """Run the compiler, without the sanitizer's library that is preloaded into this Python."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(["gcc", *map(str, arguments)], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"gcc fails:\n{done.stderr}")


def compile_c(source: Path, csrc: Path, *flags: str) -> Path:
    """The object file of this source, compiled once per state: a copy of csrc/ with a defect differs in one."""
    target = CACHE / "objects" / f"{source.stem}-{state([source], csrc, *flags)}.o"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        includes = [f"-I{path}" for path in (csrc, HERE, *map(sysconfig.get_path, ("include", "platinclude")))]
        # In a folder of its own first: several test processes may build at once.
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            unfinished = Path(scratch) / target.name
            # Reports say csrc/, whichever copy of it was compiled.
            gcc(*flags, f"-ffile-prefix-map={csrc}=csrc", *includes, "-c", source, "-o", unfinished)
            unfinished.replace(target)
    return target


def objects(sources: Iterable[Path], csrc: Path, flavour: str) -> list[Path]:
    """Our files compiled, every warning an error, as many at once as there are CPUs."""
    flags = (*STANDARD, *STRICT, *SANITIZE[flavour])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda source: compile_c(source, csrc, *flags), sources))


def build() -> Path:
    """Link the module once per state."""
    headers = [CSRC / name for name in HEADERS] + [HERE / name for name in OUR_HEADERS]
    sources = [*sorted(CSRC.glob("*.c")), *(HERE / name.replace(".h", ".c") for name in OUR_HEADERS)]
    flags = (*LENIENT, *SANITIZE[FLAVOUR])
    name = "pycarbon_core_for_tests"
    folder = CACHE / state(sources, CSRC, *STANDARD, *STRICT, *flags)
    module = folder / (name + sysconfig.get_config_var("EXT_SUFFIX"))
    if module.exists():
        return module

    ffi = cffi.FFI()
    ffi.cdef(TYPES)
    for path in headers:
        ffi.cdef(declarations(path.read_text()))
    ffi.set_source(name, "\n".join(f'#include "{path.name}"' for path in headers))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        glue, unfinished = Path(scratch) / "glue.c", Path(scratch) / module.name
        ffi.emit_c_code(str(glue))
        parts = [compile_c(glue, CSRC, *flags), *objects(sources, CSRC, FLAVOUR)]
        gcc("-shared", *flags, *parts, "-o", unfinished, *LIBRARIES)
        unfinished.replace(module)
    return module


def _load(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.name.split(".")[0], path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


_module = _load(build())
ffi, lib = _module.ffi, _module.lib
