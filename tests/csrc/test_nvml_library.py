"""What NVIDIA's library answers becomes 0 or -errno; one that lacks a function loses only what needs it."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from nvml_emulator import Gpu, NvmlEmulator

CODES = {
    1: "ENOTCONN", 2: "EINVAL", 3: "EOPNOTSUPP", 4: "EACCES", 6: "ENOENT", 7: "ENOSPC", 9: "ENXIO", 10: "ETIMEDOUT",
    12: "ELIBACC", 13: "ENOSYS", 15: "ENODEV", 16: "ENODEV", 18: "ELIBBAD", 19: "EBUSY", 20: "ENOMEM", 21: "ENODATA",
    26: "EOPNOTSUPP", 27: "EAGAIN", 28: "ENOENT", 999: "EIO", 5: "EIO", 8: "EIO", 11: "EIO", 12345: "EIO",
}  # fmt: skip
"""Of nvmlReturn_t; and of some that say nothing that anybody could act upon."""


@contextmanager
def loaded(library: Path) -> Iterator[Any]:
    """A `struct pc_nvml *`, started."""
    out = ffi.new("struct pc_nvml **")
    assert lib.pc_nvml_load(out, os.fsencode(library)) == 0
    assert lib.pc_nvml_init(out[0]) == 0
    try:
        yield out[0]
    finally:
        lib.pc_nvml_shutdown(out[0])
        lib.pc_nvml_unload(out[0])


@contextmanager
def one_gpu(folder: Path, missing: Sequence[str] = (), **gpu: Any) -> Iterator[tuple[NvmlEmulator, Any, Any]]:
    emulator = NvmlEmulator(folder, [Gpu(**gpu)], missing=missing)
    out = ffi.new("struct pc_nvml_gpu **")
    with loaded(emulator.library) as nvml:
        assert lib.pc_nvml_find(nvml, bytes(emulator.gpu(0).uuid), out) == 0
        yield emulator, nvml, out[0]


def ask(function: Any, nvml: Any, gpu: Any) -> int:
    """The value, or -errno."""
    value = ffi.new("uint64_t *")
    code = function(nvml, gpu, value)
    return int(code or value[0])


def test_every_answer_has_an_errno(tmp_path):
    with one_gpu(tmp_path) as (emulator, nvml, gpu):
        for code, name in CODES.items():
            emulator.fail("nvmlDeviceGetTotalEnergyConsumption", code)
            assert ask(lib.pc_nvml_energy_mj, nvml, gpu) == -getattr(errno, name)
        emulator.fail("nvmlDeviceGetTotalEnergyConsumption", 0)
        assert ask(lib.pc_nvml_energy_mj, nvml, gpu) > 0


def test_what_is_no_library_is_said(tmp_path):
    out = ffi.new("struct pc_nvml **")
    (tmp_path / "text").write_text("no library")
    for path in (tmp_path / "absent", tmp_path / "text", tmp_path):
        assert lib.pc_nvml_load(out, os.fsencode(path)) == -errno.ELIBACC
    # a library, but another: it has no function that is looked for
    other = NvmlEmulator(tmp_path, missing=["nvmlDeviceGetHandleByUUID"]).library
    assert lib.pc_nvml_load(out, os.fsencode(other)) == -errno.ENOSYS


NEEDS = {
    "nvmlDeviceGetTotalEnergyConsumption": lib.pc_nvml_energy_mj,
    "nvmlDeviceGetClockInfo": lib.pc_nvml_clock_sm_mhz,
    "nvmlDeviceGetTemperature": lib.pc_nvml_temperature_c,
    "nvmlDeviceGetFieldValues": lib.pc_nvml_power_mw,
}


@pytest.mark.parametrize("missing", NEEDS)
def test_a_function_that_is_missing_is_missed_where_it_is_needed_only(tmp_path, missing):
    with one_gpu(tmp_path, missing=[missing], power_w=100.0) as (_, nvml, gpu):
        answers = {name: ask(function, nvml, gpu) for name, function in NEEDS.items()}
        assert [name for name, answer in answers.items() if answer == -errno.ENOSYS] == [missing]
        # the average has another way
        assert ask(lib.pc_nvml_power_average_mw, nvml, gpu) == 100_000


def test_reasons_to_throttle_have_an_old_name_and_a_new_one(tmp_path):
    names = "nvmlDeviceGetCurrentClocksThrottleReasons", "nvmlDeviceGetCurrentClocksEventReasons"
    for i, (missing, answer) in enumerate([(names[:1], 36), (names[1:], 36), (names, -errno.ENOSYS)]):
        values = {"throttle_reasons": 36}
        with one_gpu(tmp_path / str(i), missing=missing, values=values) as (_, nvml, gpu):
            assert ask(lib.pc_nvml_throttle, nvml, gpu) == answer


@pytest.mark.parametrize("code", [2, 3])
def test_a_driver_without_the_fields_of_power_tells_what_it_has(tmp_path, code):
    with one_gpu(tmp_path, power_w=100.0) as (emulator, nvml, gpu):
        emulator.fail("field_18*", code)
        assert ask(lib.pc_nvml_power_mw, nvml, gpu) == -errno.EOPNOTSUPP
        assert ask(lib.pc_nvml_power_average_mw, nvml, gpu) == 100_000
        # but what is wrong with the GPU is said
        emulator.fail("field_185", 4)
        assert ask(lib.pc_nvml_power_average_mw, nvml, gpu) == -errno.EACCES


def test_a_power_that_is_none_is_refused(tmp_path):
    with one_gpu(tmp_path, power_w=200_000.0, samples=10) as (_, nvml, gpu):
        assert ask(lib.pc_nvml_power_mw, nvml, gpu) == -errno.ERANGE
        assert ask(lib.pc_nvml_power_average_mw, nvml, gpu) == -errno.ERANGE
        samples = ffi.new("struct pc_nvml_samples *")
        assert lib.pc_nvml_power_samples(nvml, gpu, samples) == -errno.ERANGE
        lib.pc_nvml_samples_free(samples)


def test_samples_are_taken_however_many_there_are(tmp_path):
    samples = ffi.new("struct pc_nvml_samples *")
    with one_gpu(tmp_path, power_w=100.0, samples=5) as (emulator, nvml, gpu):
        for count in (5, 1, 100, 0):
            emulator.set(0, sample_count=count)
            assert lib.pc_nvml_power_samples(nvml, gpu, samples) == 0
            taken = [(it.time_us, it.value.as_unsigned_long_long) for it in samples.at[0 : samples.count]]
            assert taken == sorted(taken)
            assert {power_mw for _, power_mw in taken} <= {100_000}
            assert samples.count <= count
            assert samples.count >= min(count, 5)  # a driver that has more now than there was room for gives some
        lib.pc_nvml_samples_free(samples)


def test_a_library_that_was_shut_down_by_another_says_so(tmp_path):
    with one_gpu(tmp_path) as (_, nvml, gpu):
        lib.pc_nvml_shutdown(nvml)
        assert ask(lib.pc_nvml_energy_mj, nvml, gpu) == -errno.ENOTCONN
        lib.pc_nvml_init(nvml)
