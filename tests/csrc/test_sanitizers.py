"""These tests hold under AddressSanitizer, UBSan, LeakSanitizer and ThreadSanitizer, and those do find defects.

Each sanitizer's run is this suite in a subprocess, on a core built with it and its runtime preloaded into Python.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from core import CSRC, HERE, LIBRARIES, REPOSITORY, SANITIZE, gcc, objects
from nvml_emulator import Gpu, NvmlEmulator, Process

RAM = Path("/dev/shm")
RUNTIMES = {"asan": ("libasan.so", "libubsan.so"), "tsan": ("libtsan.so",)}


def cannot(reason: str) -> None:
    """Skip for this reason; in CI, where it could be mended, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def runtime(library: str) -> Path | None:
    """Where gcc keeps a sanitizer's library, if it does."""
    said = subprocess.run(["gcc", f"-print-file-name={library}"], capture_output=True, text=True, check=True)
    path = Path(said.stdout.strip())
    return path if path.is_absolute() and path.exists() else None


@functools.cache
def fixed_addresses() -> tuple[str, ...] | None:
    """What to put before a command so that ThreadSanitizer finds its addresses free; None where nothing helps."""
    if shutil.which("setarch") and subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0:
        return ("setarch", "-R")
    try:
        random_bits = int(Path("/proc/sys/vm/mmap_rnd_bits").read_text())
    except OSError:
        return None
    return () if random_bits <= 28 else None


def needs(flavour: str) -> None:
    """Skip, or in CI fail, where this sanitizer cannot run."""
    for library in RUNTIMES[flavour]:
        if runtime(library) is None:
            cannot(f"gcc has no {library}; on Debian type: apt-get install libgcc-12-dev (or that of your gcc)")
    if flavour == "tsan" and fixed_addresses() is None:
        cannot(
            "ThreadSanitizer needs addresses that are not randomised: `setarch -R` (Debian package util-linux) is "
            "absent or forbidden here (docker run --security-opt seccomp=unconfined allows it), or type: "
            "sysctl vm.mmap_rnd_bits=28"
        )


def run_suite(flavour: str, tests: Sequence[str], csrc: Path = CSRC) -> tuple[int, str]:
    """Run tests of this folder under a sanitizer; returns the exit status, and all that was printed."""
    needs(flavour)
    environment = os.environ | {
        "PYCARBON_TEST_FLAVOUR": flavour,
        "PYCARBON_TEST_CSRC": str(csrc),
        "LD_PRELOAD": ":".join(str(runtime(library)) for library in RUNTIMES[flavour]),
        "PYTHONMALLOC": "malloc",  # one allocation, one red zone
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps what it has until the end: see leaks.c
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": "exitcode=66:history_size=4",
    }
    launcher = (fixed_addresses() or ()) if flavour == "tsan" else ()
    # A sanitizer writes its report to standard error, and may end the process there and then: nothing is captured.
    command = [*launcher, sys.executable, "-u", "-m", "pytest", "-x", "--capture=no", "-p", "no:cacheprovider"]
    command += [
        "-m",
        "not lengthy",
        "--hypothesis-profile=sanitizer",
        f"--ignore={__file__}",
        *(str(HERE / test) for test in tests),
    ]
    # What it leaves behind when it is ended is ours to remove.
    with tempfile.TemporaryDirectory(prefix="pycarbon-test-", dir=RAM if RAM.is_dir() else None) as folder:
        done = subprocess.run(
            [*command, f"--basetemp={folder}/tests"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    return done.returncode, done.stdout


def with_defect(folder: Path, name: str, sound: str, broken: str) -> Path:
    """A copy of csrc/ with one passage replaced."""
    copy = folder / "csrc"
    shutil.copytree(CSRC, copy)
    text = (copy / name).read_text()
    assert text.count(sound) == 1, f"{name} no longer holds this passage once: {sound}"
    (copy / name).write_text(text.replace(sound, broken))
    return copy


@pytest.mark.parametrize("flavour", ["asan", "tsan"])
def test_the_suite_holds_under(flavour):
    status, output = run_suite(flavour, [""])
    assert status == 0, output
    assert " passed" in output


DEFECTS = {
    "tsan finds a slot that is handed over without release": (
        "tsan",
        "ring.c",
        "atomic_store_explicit(&header->head, head + 1, memory_order_release);",
        "atomic_store_explicit(&header->head, head + 1, memory_order_relaxed);",
        "test_ring.py::test_two_threads_lose_repeat_and_reorder_nothing",
        "ThreadSanitizer: data race",
    ),
    "tsan finds a slot that is reused without acquire": (
        "tsan",
        "ring.c",
        "uint64_t tail = atomic_load_explicit(&header->tail, memory_order_acquire);",
        "uint64_t tail = atomic_load_explicit(&header->tail, memory_order_relaxed);",
        "test_ring.py::test_two_threads_lose_repeat_and_reorder_nothing",
        "ThreadSanitizer: data race",
    ),
    "tsan finds a field written outside its mutex": (
        "tsan",
        "sampler.c",
        "pthread_mutex_lock(&sampler->mutex);\n    sampler->stop = true;",
        "sampler->stop = true;\n    pthread_mutex_lock(&sampler->mutex);",
        "test_sampler_thread.py::test_the_thread_says_first_each_change_and_last",
        "ThreadSanitizer: data race",
    ),
    "asan finds a copy past the end": (
        "asan",
        "ring.c",
        "size_t count = waiting < max ? (size_t)waiting : max;",
        "size_t count = max > 0 ? (size_t)waiting : max;",
        "test_ring.py::test_peek_writes_no_more_than_was_asked_for",
        "AddressSanitizer: heap-buffer-overflow",
    ),
    "asan finds an array that grows too late": (
        "asan",
        "source_proc.c",
        "if (proc->member_count == proc->member_room) {",
        "if (proc->member_count == proc->member_room + 1 || proc->member_room == 0) {",
        "test_source_proc.py::test_a_list_of_children_may_be_longer_than_a_read",
        "AddressSanitizer: heap-buffer-overflow",
    ),
    "asan finds a column that is read past its end": (
        "asan",
        "columns.c",
        "if (coded->length - offset < column->wide_count * column->width)",
        "if (coded->length < offset)",
        "test_columns.py::test_a_frame_that_is_cut_or_goes_on_is_refused",
        "AddressSanitizer: heap-buffer-overflow",
    ),
    "ubsan finds a sum that overflows": (
        "asan",
        "counter.c",
        "*difference = rise;",
        "*difference = (uint64_t)((int64_t)rise + INT64_MAX);",
        "test_counter.py::test_range_is_the_largest_value_shown",
        "runtime error: signed integer overflow",
    ),
}
"""By what is found: the sanitizer, a file, its passage, what that becomes, a test that meets it, and the finding."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of the suite with each defect: as many at once as there are CPUs, since each compiles the core."""

    def run(defect, folder):
        flavour, name, sound, broken, test, _ = defect
        return run_suite(flavour, [test], with_defect(folder, name, sound, broken))

    for flavour in {defect[0] for defect in DEFECTS.values()}:
        needs(flavour)
    folders = [tmp_path_factory.mktemp("defect") for _ in DEFECTS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(DEFECTS, pool.map(run, DEFECTS.values(), folders), strict=True))


@pytest.mark.parametrize("found", DEFECTS)
def test_a_defect_fails_the_suite(found, outcomes):
    status, output = outcomes[found]
    assert status != 0, output
    assert DEFECTS[found][-1] in output, output


def run_leaks(csrc: Path, scratch: Path) -> tuple[int, str]:
    """Link leaks.c with the core and run it under LeakSanitizer."""
    needs("asan")
    program, room = scratch / "leaks", scratch / "room"
    room.mkdir()
    parts = objects([*sorted(csrc.glob("*.c")), HERE / "leaks.c"], csrc, "asan")
    gcc(*SANITIZE["asan"], "-pthread", *parts, "-o", program, *LIBRARIES)
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1"}
    library = NvmlEmulator(scratch / "nvml", [Gpu(samples=20, processes=[Process(1, 50)])]).library
    done = subprocess.run([str(program), str(room), str(library)], capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout + done.stderr


def test_the_core_gives_back_all_memory(tmp_path):
    status, output = run_leaks(CSRC, tmp_path)
    assert (status, output) == (0, "")


def test_a_leak_is_found(tmp_path):
    csrc = with_defect(tmp_path, "source_powercap.c", "free(powercap->zones[i].path);", "")
    status, output = run_leaks(csrc, tmp_path)
    assert status != 0
    assert "LeakSanitizer: detected memory leaks" in output
