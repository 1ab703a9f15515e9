"""The NVML source reads what a GPU tells, adds up what it does not, and finds it again when it was lost."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from handles import FOUND, LOST, RESET, created_ring, drain, opened, read, read_error, renew
from nvml_emulator import Gpu, NvmlEmulator, Process, Slice

ENERGY, FROM_SAMPLES = lib.PC_NVML_ENERGY, lib.PC_NVML_ENERGY_FROM_SAMPLES
FROM_POWER, FROM_AVERAGE = lib.PC_NVML_ENERGY_FROM_POWER, lib.PC_NVML_ENERGY_FROM_AVERAGE
POWER, POWER_AVERAGE = lib.PC_NVML_POWER, lib.PC_NVML_POWER_AVERAGE
UTILISATION, MEMORY_UTILISATION = lib.PC_NVML_UTILISATION, lib.PC_NVML_MEMORY_UTILISATION
CLOCK_SM, CLOCK_MEMORY = lib.PC_NVML_CLOCK_SM, lib.PC_NVML_CLOCK_MEMORY
TEMPERATURE, THROTTLE = lib.PC_NVML_TEMPERATURE, lib.PC_NVML_THROTTLE
BUSY_ALL, BUSY_TREE = lib.PC_NVML_BUSY_ALL, lib.PC_NVML_BUSY_TREE
INTEGRALS = (FROM_SAMPLES, FROM_POWER, FROM_AVERAGE)

GPU_IS_LOST, UNKNOWN = 15, 999

Reading = tuple[str, int]  # UUID, metric


def try_open(library: Path, *readings: Reading) -> tuple[int, Any]:
    """The code of pc_source_nvml_open, and the source if it is 0; what it was given dies with this call."""
    uuids = [ffi.new("char[]", uuid.encode()) for uuid, _ in readings]
    given = ffi.new("struct pc_nvml_reading[]", max(len(readings), 1))
    for each, uuid, (_, metric) in zip(given, uuids, readings, strict=False):
        each.uuid, each.metric = uuid, metric
    out = ffi.new("struct pc_source **")
    return lib.pc_source_nvml_open(out, os.fsencode(library), given, len(readings)), out[0]


@contextmanager
def nvml(emulator: NvmlEmulator, metrics: Sequence[int], gpus: Sequence[int] = (0,)) -> Iterator[Any]:
    """All these metrics of each of these GPUs."""
    code, source = try_open(emulator.library, *((uuid(emulator, gpu), each) for gpu in gpus for each in metrics))
    assert code == 0, errno.errorcode[-code]
    with opened(source):
        yield source


def uuid(emulator: NvmlEmulator, gpu: int = 0) -> str:
    return emulator.gpu(gpu).uuid.decode()


def wait_for(source: Any, index: int, value: int) -> int:
    """Read until a counter stands there or higher."""
    deadline = time.monotonic() + 60
    while (now := read(source, index)) < value:
        assert time.monotonic() < deadline, f"after a minute {index} stands at {now}"
        time.sleep(0.002)
    return now


# ---- what is read


def test_each_metric_is_what_the_gpu_tells(tmp_path):
    values = {
        "utilisation_percent": 87, "memory_utilisation_percent": 43, "clock_sm_mhz": 1980, "clock_memory_mhz": 2619,
        "temperature_c": 61, "throttle_reasons": 4,
    }  # fmt: skip
    emulator = NvmlEmulator(tmp_path, [Gpu(power_w=250.5, values=values)])
    metrics = (
        POWER, POWER_AVERAGE, UTILISATION, MEMORY_UTILISATION, CLOCK_SM, CLOCK_MEMORY, TEMPERATURE, THROTTLE,
    )  # fmt: skip
    with nvml(emulator, metrics) as source:
        assert source.count == len(metrics)
        assert [read(source, index) for index in range(len(metrics))] == [250_500, 250_500, 87, 43, 1980, 2619, 61, 4]
        before_ns = time.monotonic_ns()
    with nvml(emulator, [ENERGY]) as source:
        shown = read(source)
        assert emulator.counter_mj(0, before_ns) <= shown <= emulator.counter_mj(0, time.monotonic_ns())


@pytest.mark.parametrize("metric", INTEGRALS)
def test_what_is_added_up_is_the_true_energy(tmp_path, metric):
    # GIVEN a GPU at 300 W whose driver keeps the latest 100 of its samples
    emulator = NvmlEmulator(tmp_path, [Gpu(power_w=300.0, samples=100)])
    with nvml(emulator, [metric]) as source:
        # WHEN it is read until 60 J were used
        start_ns = time.monotonic_ns()
        assert read(source) == 0
        after_ns = time.monotonic_ns()
        energy_j = wait_for(source, 0, 60_000_000) / 1e6
        end_ns = time.monotonic_ns()
        # THEN that is what was used, but for a refresh at each end
        assert energy_j <= emulator.true_energy_j(0, start_ns - 20_000_000, end_ns)
        if metric != FROM_SAMPLES:
            assert energy_j * (1 + 1e-6) >= 0.3 * 0.2 * 1000
            assert emulator.true_energy_j(0, after_ns, end_ns) > 0.9 * energy_j


def test_readings_of_one_look_share_a_call(tmp_path):
    emulator = NvmlEmulator(tmp_path, [Gpu(processes=[Process(os.getpid(), 50)])])
    with nvml(emulator, [UTILISATION, MEMORY_UTILISATION]) as source:
        for look in range(1, 6):
            emulator.set(0, utilisation_percent=look, memory_utilisation_percent=look + 10)
            assert read(source, 0) == look
            assert read(source, 1) == look + 10 or emulator.calls("nvmlDeviceGetUtilizationRates") > look
        # WHEN one of them is read again and again, THEN each time it is asked for
        for look in range(6, 9):
            emulator.set(0, utilisation_percent=look)
            assert read(source, 0) == look


def test_several_gpus_are_told_apart(tmp_path):
    emulator = NvmlEmulator(tmp_path, [Gpu(power_w=watts) for watts in (100.0, 200.0, 300.0)])
    with nvml(emulator, [POWER, CLOCK_SM], gpus=[2, 0, 1]) as source:
        assert [read(source, index) for index in (0, 2, 4)] == [300_000, 100_000, 200_000]


def test_a_mig_slice_is_found_and_says_what_it_cannot(tmp_path):
    piece = Slice("MIG-11111111-2222-3333-4444-555555555555", 1)
    emulator = NvmlEmulator(tmp_path, [Gpu(mig=[piece])])
    code, source = try_open(emulator.library, (piece.uuid, ENERGY), (uuid(emulator), ENERGY))
    assert code == 0
    with opened(source):
        assert read_error(source, 0) in ("EOPNOTSUPP", "ENOTSUP")  # two names of one number
        assert read_error(source, 1) is None


# ---- who uses it


def test_the_tree_of_the_followed_process_is_told_from_all(tmp_path):
    command = [sys.executable, "-S", "-E", "-c", "import os; os.read(0, 1)"]
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as child:
        users = [Process(child.pid, 30), Process(os.getppid(), 50)]
        emulator = NvmlEmulator(tmp_path, [Gpu(processes=users)])
        with nvml(emulator, [BUSY_ALL, BUSY_TREE]) as source:
            # GIVEN nobody who is followed
            wait_for(source, 0, 1)
            assert read(source, 1) == 0
            # WHEN this process is, THEN its child is of the tree, and its parent is not
            lib.pc_source_nvml_follow(source, os.getpid())
            before = read(source, 0)
            tree = wait_for(source, 1, 1)
            assert 8 * tree <= 3 * (read(source, 0) - before) + 8
        with nvml(emulator, [BUSY_TREE]) as source:
            # WHEN it adopts, THEN its children are the tree
            lib.pc_source_nvml_adopt(source)
            wait_for(source, 0, 1)
        child.stdin.close()


def test_that_nobody_uses_it_is_no_error(tmp_path):
    emulator = NvmlEmulator(tmp_path)
    with nvml(emulator, [BUSY_ALL, BUSY_TREE]) as source:
        assert [read(source, 0), read(source, 1)] == [0, 0]


# ---- what goes wrong


def test_a_library_that_cannot_be_used_says_why(tmp_path):
    assert try_open(tmp_path / "libnvidia-ml.so.1")[0] == -errno.ELIBACC
    emulator = NvmlEmulator(tmp_path)
    for code, name in [(9, "ENXIO"), (18, "ELIBBAD"), (4, "EACCES"), (999, "EIO")]:
        emulator.fail("nvmlInit*", code)
        assert try_open(emulator.library)[0] == -getattr(errno, name)
    emulator.fail("nvmlInit*", 0)
    assert try_open(emulator.library, (uuid(emulator), ENERGY), ("GPU-none", ENERGY))[0] == -errno.ENOENT
    for metric in (-1, lib.PC_NVML_METRIC_COUNT, 1000):
        assert try_open(emulator.library, (uuid(emulator), metric % 2**32))[0] == -errno.EINVAL
    emulator.lose(0)
    assert try_open(emulator.library, (uuid(emulator), ENERGY))[0] == -errno.ENODEV


def test_each_start_is_ended(tmp_path):
    emulator = NvmlEmulator(tmp_path, [Gpu(samples=10)])
    for _ in range(3):
        with nvml(emulator, range(lib.PC_NVML_METRIC_COUNT)) as source:
            for index in range(source.count):
                read(source, index)
        assert try_open(emulator.library, ("GPU-none", ENERGY))[0] == -errno.ENOENT
    assert emulator.calls("nvmlInit_v2") == emulator.calls("nvmlShutdown") == 6


def test_a_source_that_reads_nothing_is_a_library_that_starts(tmp_path):
    emulator = NvmlEmulator(tmp_path, [])
    with nvml(emulator, []) as source:
        assert source.count == 0


def test_a_symbol_that_is_missing_is_missed_when_it_is_read(tmp_path):
    emulator = NvmlEmulator(tmp_path, missing=["nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetSamples"])
    with nvml(emulator, range(lib.PC_NVML_METRIC_COUNT)) as source:
        errors = {metric: read_error(source, metric) for metric in range(source.count)}
    assert {metric: error for metric, error in errors.items() if error} == {ENERGY: "ENOSYS", FROM_SAMPLES: "ENOSYS"}


@pytest.mark.parametrize("heals_at_init", [False, True])
def test_a_gpu_that_is_lost_leaves_the_others_alone_and_is_found_again(tmp_path, heals_at_init):
    emulator = NvmlEmulator(tmp_path, [Gpu(power_w=100.0), Gpu(power_w=200.0)])
    with nvml(emulator, [ENERGY, POWER], gpus=[0, 1]) as source:
        # WHEN one is lost, THEN all its readings say so, and those of the other do not
        emulator.lose(0, heals_at_init=heals_at_init)
        assert [read_error(source, index) for index in range(4)] == ["ENODEV", "ENODEV", None, None]
        asked = emulator.calls(index=0)
        assert read_error(source, 1) == "ENODEV"
        assert emulator.calls(index=0) == asked  # there is no use in asking
        if not heals_at_init:
            emulator.find(0)
        # WHEN it is back, THEN renewing one finds it for all
        renew(source, 0)
        assert [read_error(source, index) for index in range(4)] == [None] * 4
        assert read(source, 1) == 100_000
        assert read(source, 3) == 200_000


def test_a_library_that_holds_no_gpu_any_more_is_let_go_of(tmp_path):
    # GIVEN two sources of one GPU, which heals only when the library starts anew in this process
    emulator = NvmlEmulator(tmp_path)
    with nvml(emulator, [ENERGY]) as one, nvml(emulator, [POWER]) as other:
        emulator.lose(0, heals_at_init=True)
        # WHEN both have noticed, THEN the first to renew finds it
        assert [read_error(one), read_error(other)] == ["ENODEV", "ENODEV"]
        renew(one)
        renew(other)
        assert [read_error(one), read_error(other)] == [None, None]


def test_a_library_that_is_started_in_vain_is_not_started_again_at_once(tmp_path):
    emulator = NvmlEmulator(tmp_path)
    with nvml(emulator, [ENERGY, POWER]) as source:
        emulator.lose(0)
        read_error(source)
        before_ns = time.monotonic_ns()
        for _ in range(20):
            renew(source, 0)
            renew(source, 1)
            assert read_error(source) == "ENODEV"
        assert emulator.calls("nvmlInit_v2") == 2 or time.monotonic_ns() - before_ns > 10**10


@pytest.mark.parametrize("metric", INTEGRALS)
@pytest.mark.parametrize("code", [GPU_IS_LOST, UNKNOWN])
def test_after_a_failure_what_is_added_up_starts_again(tmp_path, metric, code):
    emulator = NvmlEmulator(tmp_path, [Gpu(power_w=300.0, samples=100)])
    with nvml(emulator, [metric]) as source:
        read(source)
        energy = wait_for(source, 0, 10_000)
        function = "nvmlDeviceGetSamples" if metric == FROM_SAMPLES else "nvmlDeviceGetFieldValues"
        emulator.fail(function, code, times=1)
        assert read_error(source) == ("ENODEV" if code == GPU_IS_LOST else "EIO")
        renew(source)
        assert read(source) == 0 < energy
        wait_for(source, 0, 1)


def test_one_reading_that_fails_leaves_the_others_of_its_gpu_alone(tmp_path):
    emulator = NvmlEmulator(tmp_path)
    with nvml(emulator, [FROM_POWER, ENERGY, TEMPERATURE]) as source:
        read(source, 0)
        wait_for(source, 0, 1)
        emulator.fail("nvmlDeviceGetTemperature", UNKNOWN)
        assert read_error(source, 2) == "EIO"
        renew(source, 2)
        assert read(source, 0) > 0
        assert read_error(source, 1) is None
        emulator.fail("nvmlDeviceGetTemperature", 0)
        assert read(source, 2) == 45


def test_whoever_reads_it_as_a_counter_sees_a_reset(tmp_path):
    # GIVEN a channel that reads an integral
    emulator = NvmlEmulator(tmp_path, [Gpu(power_w=300.0)])
    clock = lib.pc_clock_monotonic()
    with nvml(emulator, [FROM_POWER]) as source, created_ring(1024) as ring:
        channel = ffi.new("struct pc_channel *", {"source": source})

        def look() -> int:
            lib.pc_channel_read(channel, ring, clock, clock.now_ns(clock))
            return channel.counter.last

        while look() == 0:
            pass
        # WHEN a read fails
        emulator.fail("nvmlDeviceGetFieldValues", UNKNOWN, times=1)
        look()
        while look() == 0:
            pass
        flags = [edge.flags for edge in drain(ring) if edge.flags]
    # THEN that is said, and the energy after is another's
    assert flags[1:] == [LOST, FOUND | RESET]


def test_in_a_forked_child_the_library_is_left_alone(tmp_path):
    emulator = NvmlEmulator(tmp_path)
    code, source = try_open(emulator.library, (uuid(emulator), ENERGY))
    assert code == 0
    with opened(source):
        pid = os.fork()
        if pid == 0:
            source.close(source)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert emulator.calls("nvmlShutdown") == 0
        assert read_error(source) is None
