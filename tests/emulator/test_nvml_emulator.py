"""Proves the test NVML: it tells the true energy, in NVML's binary interface, and fails on demand."""

import ctypes
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import pynvml
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nvml_emulator import Gpu, NvmlEmulator, Process, Refresh, Slice, Square

SAMPLES = 1000


class Nvml:
    """One emulator's library, loaded by its path, as C programs call it: each call returns (code, value)."""

    def __init__(self, emulator: NvmlEmulator) -> None:
        self.library = ctypes.CDLL(str(emulator.library))

    def call(self, name: str, *arguments: Any) -> int:
        return getattr(self.library, name)(*arguments)

    def get(self, name: str, handle: ctypes.c_void_p, kind: Any = ctypes.c_uint) -> tuple[int, int]:
        value = kind()
        return self.call(name, handle, ctypes.byref(value)), value.value

    def handle(self, index: int = 0) -> ctypes.c_void_p:
        handle = ctypes.c_void_p()
        assert self.call("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(handle)) == 0
        return handle

    def energy(self, handle: ctypes.c_void_p) -> tuple[int, int]:
        return self.get("nvmlDeviceGetTotalEnergyConsumption", handle, ctypes.c_ulonglong)

    def fields(self, handle: ctypes.c_void_p, *ids: int) -> list[pynvml.c_nvmlFieldValue_t]:
        fields = (pynvml.c_nvmlFieldValue_t * len(ids))(*((number, 0) for number in ids))
        assert self.call("nvmlDeviceGetFieldValues", handle, len(ids), fields) == 0
        return list(fields)

    def samples(self, handle: ctypes.c_void_p, last_seen_us: int) -> tuple[int, list[tuple[int, int]]]:
        """Its samples of power: (µs of CLOCK_REALTIME, mW)."""
        kind, count = ctypes.c_uint(), ctypes.c_uint(SAMPLES)
        samples = (pynvml.c_nvmlSample_t * SAMPLES)()
        seen = ctypes.c_ulonglong(last_seen_us)
        code = self.call("nvmlDeviceGetSamples", handle, 0, seen, ctypes.byref(kind), ctypes.byref(count), samples)
        return code, [(sample.timeStamp, sample.sampleValue.uiVal) for sample in samples[: count.value]]


class Builder:
    """Makes emulators of one test, each in a folder of its own, and loads their libraries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def __call__(self, *gpus: Gpu, initialised: bool = True, **options: Any) -> tuple[NvmlEmulator, Nvml]:
        self.made += 1
        emulator = NvmlEmulator(self.folder / str(self.made), gpus or (Gpu(),), **options)
        nvml = Nvml(emulator)
        assert not initialised or nvml.call("nvmlInit_v2") == 0
        return emulator, nvml


@pytest.fixture
def build(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


def read_for(seconds: float) -> Iterator[None]:
    end_ns = time.monotonic_ns() + round(seconds * 1e9)
    while time.monotonic_ns() < end_ns:
        yield


def in_pynvml(emulator: NvmlEmulator, text: str) -> Any:
    """What a program of the real pynvml says of the emulator: it fills `said`."""
    begin = "import json, pynvml as p\nsaid = {}\np.nvmlInit()\n"
    argv = [sys.executable, "-c", f"{begin}{dedent(text)}\nprint(json.dumps(said))"]
    done = subprocess.run(argv, env={"LD_LIBRARY_PATH": str(emulator.folder)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_pynvml_sees_gpus_as_they_are(build: Builder) -> None:
    # GIVEN a GPU that somebody uses, and one in slices without an energy counter
    user = Process(pid=77, sm_percent=60, memory_percent=30, memory_mb=512)
    slices = [Slice("MIG-one", gpu_instance=7, gpu_slices=2), Slice("MIG-two", gpu_instance=9)]
    emulator, _ = build(
        Gpu(150, name="NVIDIA A", processes=[user], samples=20, values={"throttle_reasons": 4, "temperature_c": 61}),
        Gpu(
            name="NVIDIA B",
            mig=slices,
            energy_counter=False,
            pci_bus_id="00000001:AF:00.0",
            compute_capability=(9, 0),
        ),
        driver_version="560.1",
        cuda_version=12060,
        initialised=False,
    )
    # WHEN the real pynvml asks
    said = in_pynvml(
        emulator,
        """
        def ask(name, *arguments):
            try:
                return getattr(p, "nvml" + name)(*arguments)
            except p.NVMLError as error:
                return error.value
        said["library"] = [p.nvmlSystemGetDriverVersion(), p.nvmlSystemGetCudaDriverVersion(), p.nvmlDeviceGetCount()]
        a, b = p.nvmlDeviceGetHandleByIndex(0), p.nvmlDeviceGetHandleByPciBusId("0001:af:00.0")
        said["names"] = [p.nvmlDeviceGetName(a), p.nvmlDeviceGetName(b)]
        said["bus"] = [p.nvmlDeviceGetPciInfo(b).busId, p.nvmlDeviceGetPciInfo(b).bus]
        said["same"] = p.nvmlDeviceGetIndex(p.nvmlDeviceGetHandleByUUID(p.nvmlDeviceGetUUID(b)))
        said["compute"] = [p.nvmlDeviceGetArchitecture(b), p.nvmlDeviceGetCudaComputeCapability(b)]
        said["memory"] = [p.nvmlDeviceGetMemoryInfo(a).total, p.nvmlDeviceGetMemoryInfo(a, p.nvmlMemory_v2).total]
        said["limits"] = [p.nvmlDeviceGetPowerManagementLimit(a), p.nvmlDeviceGetPowerManagementLimitConstraints(a)]
        said["state"] = [
            p.nvmlDeviceGetClockInfo(a, p.NVML_CLOCK_SM), p.nvmlDeviceGetClockInfo(a, p.NVML_CLOCK_MEM),
            p.nvmlDeviceGetTemperature(a, 0), p.nvmlDeviceGetCurrentClocksThrottleReasons(a),
            p.nvmlDeviceGetCurrentClocksEventReasons(a), p.nvmlDeviceGetPowerUsage(a),
        ]
        said["fields"] = [
            [value.fieldId, value.nvmlReturn, value.valueType, value.value.uiVal]
            for value in p.nvmlDeviceGetFieldValues(a, [185, 186, 1])
        ]
        said["use"] = [(use.pid, use.smUtil, use.memUtil) for use in p.nvmlDeviceGetProcessUtilization(a, 0)]
        said["processes"] = [(it.pid, it.usedGpuMemory) for it in p.nvmlDeviceGetComputeRunningProcesses(a)]
        kind, samples = p.nvmlDeviceGetSamples(a, p.NVML_TOTAL_POWER_SAMPLES, 0)
        said["samples"] = [kind, len(samples), samples[-1].sampleValue.uiVal]
        said["mig"] = [ask("DeviceGetMigMode", a), p.nvmlDeviceGetMigMode(b), p.nvmlDeviceGetMaxMigDeviceCount(b)]
        two = p.nvmlDeviceGetMigDeviceHandleByIndex(b, 1)
        said["slice"] = [
            p.nvmlDeviceGetUUID(two), p.nvmlDeviceGetGpuInstanceId(two), p.nvmlDeviceGetComputeInstanceId(two),
            p.nvmlDeviceGetAttributes_v2(two).gpuInstanceSliceCount, ask("DeviceGetPowerUsage", two),
            ask("DeviceGetTotalEnergyConsumption", two), p.nvmlDeviceGetFieldValues(two, [186])[0].nvmlReturn,
            p.nvmlDeviceGetIndex(p.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(two)),
        ]
        said["refused"] = [
            ask("DeviceGetHandleByIndex", 2), ask("DeviceGetHandleByUUID", "GPU-none"),
            ask("DeviceGetMigDeviceHandleByIndex", b, 2), ask("DeviceGetTotalEnergyConsumption", b),
            ask("DeviceGetUtilizationRates", b), ask("DeviceGetProcessUtilization", b, 0), ask("DeviceGetName", None),
        ]
        p.nvmlShutdown()
        said["over"] = ask("DeviceGetCount")
        """,
    )
    # THEN it hears what was given
    assert said == {
        "library": ["560.1", 12060, 2],
        "names": ["NVIDIA A", "NVIDIA B"],
        "bus": ["00000001:AF:00.0", 0xAF],
        "same": 1,
        "compute": [7, [9, 0]],
        "memory": [40 << 30, 40 << 30],
        "limits": [400_000, [100_000, 400_000]],
        "state": [1410, 1215, 61, 4, 4, 150_000],
        "fields": [[185, 0, 1, 150_000], [186, 0, 1, 150_000], [1, 3, 0, 0]],
        "use": [[77, 60, 30]],
        "processes": [[77, 512 << 20]],
        "samples": [1, 20, 150_000],
        "mig": [3, [1, 1], 7],
        "slice": ["MIG-two", 9, 0, 1, 3, 3, 3, 1],
        "refused": [2, 6, 6, 3, 3, 3, 2],
        "over": 1,
    }
    # AND the calls of that process are counted here
    assert emulator.calls("nvmlDeviceGetProcessUtilization", 0) == 2
    assert emulator.calls("nvmlInit*") == emulator.calls("nvmlShutdown") == 1


@pytest.mark.parametrize("refresh", [Refresh(2), Refresh(3, 0.7), Refresh(3, 0.7, 2), Refresh(0)], ids=str)
def test_the_counter_rests_between_its_moments_at_the_true_energy(build: Builder, refresh: Refresh) -> None:
    # GIVEN a counter that began somewhere, of a power that changes within its refresh period
    emulator, nvml = build(Gpu(Square(300, 60, period_s=0.0017), energy_refresh=refresh, energy_start_mj=12_345))
    handle, values = nvml.handle(), set()
    for _ in read_for(0.05):
        # WHEN it is read
        before_ns = time.monotonic_ns()
        code, energy_mj = nvml.energy(handle)
        after_ns = time.monotonic_ns()
        # THEN it shows the energy of its latest moment: of the only one possible, or between two
        assert code == 0
        assert emulator.counter_mj(0, before_ns) <= energy_mj <= emulator.counter_mj(0, after_ns)
        values.add(energy_mj)
    # AND no other value than those of its moments
    if refresh.period_ms:
        assert values <= {emulator.counter_mj(0, after_ns - age * 100_000) for age in range(3000)}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    powers=st.lists(
        st.floats(0, 700)
        | st.builds(
            Square, st.floats(0, 700), st.floats(0, 700), period_s=st.floats(1e-4, 0.3), duty=st.floats(0, 1)
        ),
        min_size=1,
        max_size=5,
    ),
    window_ms=st.sampled_from([0, 1, 25, 333]),
)
def test_samples_are_the_means_of_the_power(build: Builder, powers: list[Any], window_ms: int) -> None:
    # GIVEN a second of any power that is over
    end_ns = time.monotonic_ns()
    gpu = Gpu(powers[0], samples=SAMPLES, samples_refresh=Refresh(1, 0.25), sensor_window_ms=window_ms)
    emulator, nvml = build(gpu, start_ns=end_ns - 10**9)
    for place, power in enumerate(powers[1:], start=1):
        emulator.set_power(0, power, at_ns=end_ns - 10**9 + place * 10**9 // len(powers))
    # WHEN the driver's samples of it are read
    code, samples = nvml.samples(nvml.handle(), 0)
    # THEN each is the mean of a window that ends then, to the mW
    assert code == 0 and len(samples) == SAMPLES
    for time_us, power_mw in samples:
        about_ns = time_us * 1000 - emulator.control.realtime_minus_monotonic_ns
        made_ns = gpu.samples_refresh.latest_ns(about_ns + 500_000)
        assert abs(made_ns - about_ns) <= 1000
        assert power_mw == round(1e3 * emulator.true_power_w(0, made_ns, window_ms * 10**6))


def test_only_samples_that_are_new_are_given(build: Builder) -> None:
    emulator, nvml = build(Gpu(samples=5, samples_refresh=Refresh(10_000), process_refresh=Refresh(10_000)))
    handle = nvml.handle()
    _, samples = nvml.samples(handle, 0)
    assert len(samples) == 5 and [samples[3], samples[4]] == nvml.samples(handle, samples[2][0])[1]
    assert nvml.samples(handle, samples[4][0])[0] == pynvml.NVML_ERROR_NOT_FOUND

    def use(last_seen_us: int) -> Sequence[int]:
        count, room = ctypes.c_uint(4), (pynvml.c_nvmlProcessUtilizationSample_t * 4)()
        seen = ctypes.c_ulonglong(last_seen_us)
        code = nvml.call("nvmlDeviceGetProcessUtilization", handle, room, ctypes.byref(count), seen)
        return [code, *(sample.pid for sample in room[: count.value]), room[0].timeStamp]

    assert use(0) == [pynvml.NVML_ERROR_NOT_FOUND, 0]
    emulator.set_processes(0, [Process(5, 10), Process(6, 0), Process(7, 20)])
    code, *pids, time_us = use(0)
    assert (code, pids) == (0, [5, 7])  # who did nothing is not told of
    assert use(time_us)[0] == pynvml.NVML_ERROR_NOT_FOUND


@pytest.mark.parametrize("power_usage", ["average", "instant"])
def test_power_is_the_mean_over_its_window(build: Builder, power_usage: str) -> None:
    # GIVEN a GPU that tells a mean of 50 ms, and of its sensor's 4 ms, each 5 ms
    refresh, windows_ns = Refresh(5, 1), {"average": 50 * 10**6, "instant": 4 * 10**6}
    gpu = Gpu(
        Square(400, 50, period_s=0.013),
        power_refresh=refresh,
        average_window_ms=50,
        sensor_window_ms=4,
        power_usage=power_usage,
    )
    emulator, nvml = build(gpu)
    handle = nvml.handle()
    for _ in read_for(0.03):
        # WHEN it is asked
        before_ns = time.monotonic_ns()
        average, instant = nvml.fields(handle, pynvml.NVML_FI_DEV_POWER_AVERAGE, pynvml.NVML_FI_DEV_POWER_INSTANT)
        code, usage_mw = nvml.get("nvmlDeviceGetPowerUsage", handle)
        after_ns = time.monotonic_ns()
        # THEN each is the mean over the window before one of the moments at which it can have been made
        moments_ns = {refresh.latest_ns(time_ns) for time_ns in (*range(before_ns, after_ns, 5 * 10**6), after_ns)}
        told = {"average": average.value.uiVal, "instant": instant.value.uiVal}
        for what, value_mw in (*told.items(), (power_usage, usage_mw)):
            possible = [round(1e3 * emulator.true_power_w(0, at_ns, windows_ns[what])) for at_ns in moments_ns]
            assert value_mw in possible
        assert code == average.nvmlReturn == instant.nvmlReturn == 0


def test_what_a_gpu_or_a_driver_lacks(build: Builder) -> None:
    lacking = Gpu(energy_counter=False, field_average=False, field_instant=False, process_utilisation=False)
    _, nvml = build(Gpu(), lacking, missing=["nvmlDeviceGetSamples", "nvmlDeviceGetMigMode"])
    assert [field.nvmlReturn for field in nvml.fields(nvml.handle(0), 83, 185, 186)] == [0, 0, 0]
    assert [field.nvmlReturn for field in nvml.fields(nvml.handle(1), 83, 185, 186)] == [3, 3, 3]
    assert nvml.energy(nvml.handle(1))[0] == pynvml.NVML_ERROR_NOT_SUPPORTED
    assert not hasattr(nvml.library, "nvmlDeviceGetSamples") and not hasattr(nvml.library, "nvmlDeviceGetMigMode")
    assert not hasattr(nvml.library, "control_map")  # nor has it more than NVML's own
    with pytest.raises(ValueError, match="never had"):
        build(missing=["nvmlDeviceGetWeather"])


def test_power_changes_while_the_library_is_in_use(build: Builder) -> None:
    emulator, nvml = build(Gpu(100, energy_refresh=Refresh(0)))
    handle = nvml.handle()
    start_ns = time.monotonic_ns()
    changed_ns = emulator.set_power(0, 250)
    while time.monotonic_ns() < changed_ns + 10**6:
        pass
    end_ns = time.monotonic_ns()
    energy_mj = nvml.energy(handle)[1] - emulator.counter_mj(0, start_ns)
    true_j = (100 * (changed_ns - start_ns) + 250 * (end_ns - changed_ns)) / 1e9
    assert emulator.true_energy_j(0, start_ns, end_ns) == pytest.approx(true_j)
    assert 1e3 * true_j - 1 <= energy_mj <= 1e3 * emulator.true_energy_j(0, start_ns, time.monotonic_ns()) + 1


@pytest.mark.parametrize("code", [4, 9, 18, 999])
def test_nvml_that_cannot_begin(build: Builder, code: int) -> None:
    emulator, nvml = build(initialised=False)
    emulator.fail("nvmlInit*", code)
    assert [nvml.call("nvmlInit_v2"), nvml.call("nvmlInitWithFlags", 0)] == [code, code]
    assert nvml.call("nvmlDeviceGetCount_v2", None) == nvml.call("nvmlShutdown") == pynvml.NVML_ERROR_UNINITIALIZED
    emulator.fail("nvmlInit*", 0)
    assert nvml.call("nvmlInit_v2") == 0


def test_errors_on_demand(build: Builder) -> None:
    emulator, nvml = build(Gpu(), Gpu())
    one, other = nvml.handle(0), nvml.handle(1)
    emulator.fail("nvmlDeviceGetTotalEnergy*", 4, index=0)
    emulator.fail("nvmlDeviceGetPowerUsage", 999, times=2)
    emulator.fail("field_186", 21, index=1)
    assert (nvml.energy(one)[0], nvml.energy(other)[0]) == (4, 0)
    assert [nvml.get("nvmlDeviceGetPowerUsage", one)[0] for _ in range(3)] == [999, 999, 0]
    assert [field.nvmlReturn for field in nvml.fields(other, 83, 186)] == [0, 21]
    assert [field.nvmlReturn for field in nvml.fields(one, 83, 186)] == [0, 0]
    with pytest.raises(ValueError, match="has no"):
        emulator.fail("nvmlDeviceGetWeather", 3)


def test_a_gpu_that_is_lost_and_found(build: Builder) -> None:
    emulator, nvml = build(Gpu(), Gpu())
    one, other = nvml.handle(0), nvml.handle(1)
    lost = pynvml.NVML_ERROR_GPU_IS_LOST
    # from now on, until it is found or a time comes
    emulator.lose(0)
    assert (nvml.energy(one)[0], nvml.energy(other)[0]) == (lost, 0)
    assert nvml.call("nvmlDeviceGetHandleByIndex_v2", 0, ctypes.byref(ctypes.c_void_p())) == lost
    emulator.find(0)
    assert nvml.energy(one)[0] == 0
    now_ns = time.monotonic_ns()
    emulator.lose(0, from_ns=now_ns - 2, until_ns=now_ns - 1)
    assert nvml.energy(one)[0] == 0
    # or until NVML has been begun again, which two beginnings and one end are not
    emulator.lose(0, heals_at_init=True)
    nvml.call("nvmlInit_v2")
    nvml.call("nvmlShutdown")
    assert nvml.energy(one)[0] == lost
    nvml.call("nvmlShutdown")
    nvml.call("nvmlInit_v2")
    assert nvml.energy(one)[0] == 0


def test_slow_calls_take_their_time_and_can_be_let_go(build: Builder) -> None:
    emulator, nvml = build(Gpu(100, energy_refresh=Refresh(0)))
    handle = nvml.handle()
    for busy in (False, True):
        # an answer of the start of a call
        emulator.delay("nvmlDeviceGetTotalEnergy*", 3000, busy=busy, value_at=0)
        start_ns, sleeps = time.monotonic_ns(), resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        energy_mj = nvml.energy(handle)[1]
        end_ns, sleeps = time.monotonic_ns(), resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - sleeps
        assert end_ns - start_ns >= 3_000_000
        assert energy_mj <= emulator.counter_mj(0, end_ns - 3_000_000)
        assert busy or sleeps > 0
    # a call that hangs
    emulator.delay("nvmlDeviceGetTotalEnergy*", 10**9)
    calls, said = emulator.calls("nvmlDeviceGetTotalEnergy*"), []
    thread = threading.Thread(target=lambda: said.append(nvml.energy(handle)[0]))
    thread.start()
    while emulator.calls("nvmlDeviceGetTotalEnergy*") == calls:
        pass
    assert not said
    emulator.delay("nvmlDeviceGetTotalEnergy*", 0)
    thread.join()
    assert said == [0]


def test_two_emulators_in_one_process_are_two(build: Builder) -> None:
    emulators = [build(Gpu(), initialised=False), build(Gpu(), Gpu())]
    counts = [ctypes.c_uint(), ctypes.c_uint()]
    codes = [
        nvml.call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        for (_, nvml), count in zip(emulators, counts, strict=True)
    ]
    assert codes == [pynvml.NVML_ERROR_UNINITIALIZED, 0] and counts[1].value == 2


def test_a_control_file_of_another_layout_is_refused(build: Builder, capfd: pytest.CaptureFixture[str]) -> None:
    emulator, nvml = build(initialised=False)
    emulator.control.size -= 1
    assert nvml.call("nvmlInit_v2") == pynvml.NVML_ERROR_UNKNOWN
    assert "has another layout than the test NVML" in capfd.readouterr().err
