"""A libnvidia-ml.so.1 for tests: GPUs whose true energy is known, behind NVML's own binary interface.

    nvml = NvmlEmulator(tmp_path, gpus=[Gpu(power_w=Square(300, 60, period_s=0.1))])
    ...load nvml.library, or start a program with LD_LIBRARY_PATH=nvml.folder...
    nvml.lose(0)
    nvml.true_energy_j(0, start_ns, end_ns)

The library finds its control file in its own folder and maps it, so whatever is changed here holds at once in every
process that uses it; it needs no process of its own and nothing ends it.

Hazards.

- A loader takes two names of one file for one library: each emulator has its own copy, none is a link.
- A process that has loaded `libnvidia-ml.so.1` by that name gets the same one for ever.
- Power that is set from now on begins SETTLE_NS later, so that no reader has yet seen that time at the old power.
"""

import ctypes
import fnmatch
import hashlib
import mmap
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nvml_control import (
    FUNCTIONS,
    HAS_ENERGY_COUNTER,
    HAS_MIG,
    HAS_POWER_AVERAGE,
    HAS_POWER_INSTANT,
    HAS_PROCESS_UTILISATION,
    HAS_SAMPLES,
    HEALS_AT_INIT,
    MAX_GPUS,
    MAX_PROCESSES,
    MAX_SEGMENTS,
    MAX_SLICES,
    MIG_ENABLED,
    NO_GPU,
    POWER_USAGE_IS_AVERAGE,
    CControl,
    CGpu,
    CProcess,
    CRefresh,
    CSlice,
)
from nvml_refresh import Refresh
from nvml_waveform import Power, Segment, Square, Waveform, segments_of

__all__ = ["Gpu", "NvmlEmulator", "Process", "Refresh", "Slice", "Square"]

HERE = Path(__file__).parent
BUILD_CACHE = HERE.parent.parent / ".cache" / "emulator"
GCC = (
    "gcc",
    *("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pthread", "-fPIC", "-shared"),
    "-Wl,-soname,libnvidia-ml.so.1",
)
SETTLE_NS = 20_000_000
BEFORE_NS = (
    60_000_000_000  # a GPU has drawn its first power for so long before its waveform starts, or all averages lie
)
FOR_EVER_NS = 2**63 - 1
EVERY_20_MS, EVERY_200_MS = Refresh(20), Refresh(200)


def build(missing: Sequence[str] = (), cache_dir: Path = BUILD_CACHE) -> Path:
    """Compile the library without the `missing` symbols, once per state of its sources; returns its path."""
    unknown = set(missing) - set(FUNCTIONS)
    if unknown:
        raise ValueError(f"the test NVML never had {sorted(unknown)}")
    exports = f"{{ global: nvml*; local: {''.join(f'{name}; ' for name in sorted(missing))}*; }};\n"
    sources = sorted(HERE.glob("nvml_*.c"))
    digest = hashlib.sha256(repr((GCC, exports)).encode())
    for path in sorted(HERE.glob("nvml_*.h")) + sources:
        digest.update(path.read_bytes())
    library = cache_dir / f"nvml_emulator-{os.uname().machine}-{digest.hexdigest()[:16]}.so"
    if not library.exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Under other names first: several test processes may build at once.
        unfinished, script = library.with_suffix(f".{os.getpid()}"), library.with_suffix(f".{os.getpid()}.map")
        script.write_text(exports)
        options = [f"-Wl,--version-script={script}", *map(str, sources), "-o", str(unfinished)]
        subprocess.run([*GCC, *options], check=True)
        script.unlink()
        unfinished.replace(library)
    return library


@dataclass(frozen=True)
class Process:
    """A process that uses a GPU, since ever and until it is taken away."""

    pid: int
    sm_percent: int
    memory_percent: int = 0
    memory_mb: int = 0


@dataclass(frozen=True)
class Slice:
    """A MIG slice of a GPU; `gpu_slices` of 7 are its part of the processors."""

    uuid: str
    gpu_instance: int
    compute_instance: int = 0
    gpu_slices: int = 1
    compute_slices: int = 1
    multiprocessors: int = 14
    memory_mb: int = 4864
    name: str = "NVIDIA A100-SXM4-40GB MIG 1g.5gb"


@dataclass(frozen=True)
class Gpu:
    """One GPU as it is at first. Its UUID and PCI bus id are made up from its index where they are None.

    `mig` is None where the GPU has no MIG and () where it is not in use.
    """

    power_w: Power = 100.0
    name: str = "NVIDIA Emulated A100"
    uuid: str | None = None
    pci_bus_id: str | None = None
    energy_counter: bool = True
    energy_refresh: Refresh = EVERY_20_MS
    energy_start_mj: int = 0
    power_refresh: Refresh = EVERY_20_MS
    average_window_ms: float = 1000
    sensor_window_ms: float = 20
    field_average: bool = True
    field_instant: bool = True
    power_usage: str = "average"  # or "instant": what nvmlDeviceGetPowerUsage tells
    samples: int | None = None  # how many the driver keeps
    samples_refresh: Refresh = EVERY_20_MS
    process_utilisation: bool = True
    process_refresh: Refresh = EVERY_200_MS
    processes: Sequence[Process] = ()
    mig: Sequence[Slice] | None = None
    architecture: int = 7  # Ampere
    compute_capability: tuple[int, int] = (8, 0)
    values: dict[str, int] = field(default_factory=dict)  # more of CGpu's members: clocks, temperature, limits, ...


DEFAULTS = {
    "memory_bytes": 40 << 30,
    "power_limit_mw": 400_000,
    "power_limit_least_mw": 100_000,
    "power_limit_most_mw": 400_000,
    "power_limit_default_mw": 400_000,
    "clock_sm_mhz": 1410,
    "clock_memory_mhz": 1215,
    "temperature_c": 45,
    "lost_from_ns": FOR_EVER_NS,
    "lost_until_ns": FOR_EVER_NS,
}


class NvmlEmulator:
    """The library `folder/libnvidia-ml.so.1`, and what it emulates.

    `missing`: functions that it lacks, as an old driver would. `start_ns`: when the waveforms start
    (CLOCK_MONOTONIC); now, where it is None. Functions are named by patterns: `nvmlInit*`, `*Power*`, `field_186`.
    """

    def __init__(
        self,
        folder: Path,
        gpus: Sequence[Gpu] = (Gpu(),),
        *,
        missing: Sequence[str] = (),
        driver_version: str = "550.54.15",
        cuda_version: int = 12040,
        start_ns: int | None = None,
    ) -> None:
        if len(gpus) > MAX_GPUS:
            raise ValueError(f"{len(gpus)} GPUs, of at most {MAX_GPUS}")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self.library = self.folder / "libnvidia-ml.so.1"
        self.start_ns = time.monotonic_ns() if start_ns is None else start_ns
        with (self.folder / "nvml_emulator.control").open("wb+") as file:
            file.truncate(ctypes.sizeof(CControl))
            self.control = CControl.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(CControl)))
        self.control.driver_version = driver_version.encode()
        self.control.nvml_version = f"{cuda_version // 1000}.{driver_version}".encode()
        self.control.cuda_version = cuda_version
        self.control.realtime_minus_monotonic_ns = time.time_ns() - time.monotonic_ns()
        self.control.gpu_count = len(gpus)
        self.gpus = tuple(gpus)
        self._waveforms = [Waveform() for _ in gpus]
        for index, gpu in enumerate(gpus):
            self._lay_out(index, gpu)
        self.control.size = ctypes.sizeof(CControl)
        shutil.copy(build(missing), self.library)

    def _lay_out(self, index: int, gpu: Gpu) -> None:
        it = self.control.gpus[index]
        it.name = gpu.name.encode()
        it.uuid = (gpu.uuid or f"GPU-{index:08x}-c0de-4000-8000-{index:012x}").encode()
        it.pci_bus_id = (gpu.pci_bus_id or f"00000000:{index + 1:02X}:00.0").encode()
        features = {
            HAS_ENERGY_COUNTER: gpu.energy_counter,
            HAS_POWER_AVERAGE: gpu.field_average,
            HAS_POWER_INSTANT: gpu.field_instant,
            HAS_SAMPLES: gpu.samples is not None,
            HAS_PROCESS_UTILISATION: gpu.process_utilisation,
            HAS_MIG: gpu.mig is not None,
            MIG_ENABLED: bool(gpu.mig),
            POWER_USAGE_IS_AVERAGE: gpu.power_usage == "average",
        }
        it.features = sum(feature for feature, has in features.items() if has)
        it.energy_start_mj = gpu.energy_start_mj
        it.sample_count = gpu.samples or 0
        for what in ("energy", "power", "samples", "process"):
            setattr(it, f"{what}_refresh", CRefresh(*getattr(gpu, f"{what}_refresh").in_ns))
        it.average_window_ns = round(gpu.average_window_ms * 1e6)
        it.sensor_window_ns = round(gpu.sensor_window_ms * 1e6)
        it.architecture = gpu.architecture
        it.compute_major, it.compute_minor = gpu.compute_capability
        self.set(index, **DEFAULTS | gpu.values)
        self.set_slices(index, gpu.mig or ())
        self.set_processes(index, gpu.processes)
        segments = segments_of(gpu.power_w, self.start_ns)
        before = Segment(self.start_ns - BEFORE_NS, segments[0].first_mw, 0, 0, 0)
        for segment in (before, *segments):
            self._append(index, segment)

    def gpu(self, index: int) -> CGpu:
        """A GPU as the library sees it."""
        if not 0 <= index < self.control.gpu_count:
            raise IndexError(f"no GPU {index} of {self.control.gpu_count}")
        return self.control.gpus[index]

    def set(self, index: int, **values: int) -> None:
        """Change members of CGpu: temperature_c, clock_sm_mhz, throttle_reasons, utilisation_percent, ..."""
        it, known = self.gpu(index), {name for name, _ in CGpu._fields_}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"a GPU has no {name}")
            setattr(it, name, value)

    def set_processes(self, index: int, processes: Sequence[Process]) -> None:
        """Say who uses the GPU, from now on."""
        if len(processes) > MAX_PROCESSES:
            raise ValueError(f"{len(processes)} processes, of at most {MAX_PROCESSES}")
        it = self.gpu(index)
        for place, process in enumerate(processes):
            it.processes[place] = CProcess(process.pid, process.sm_percent, process.memory_percent, process.memory_mb)
        it.process_count = len(processes)

    def set_slices(self, index: int, slices: Sequence[Slice]) -> None:
        """Divide the GPU, whose MIG is enabled, anew."""
        if len(slices) > MAX_SLICES:
            raise ValueError(f"{len(slices)} slices, of at most {MAX_SLICES}")
        it = self.gpu(index)
        for place, piece in enumerate(slices):
            texts = piece.uuid.encode(), piece.name.encode()
            instances = piece.gpu_instance, piece.compute_instance
            sizes = piece.gpu_slices, piece.compute_slices, piece.multiprocessors, piece.memory_mb
            it.slices[place] = CSlice(*texts, *instances, *sizes)
        it.slice_count = len(slices)

    def _append(self, index: int, segment: Segment) -> None:
        waveform = self.gpu(index).waveform
        place = waveform.segment_count
        if place == MAX_SEGMENTS:
            raise ValueError(f"a waveform has at most {MAX_SEGMENTS} segments")
        it = waveform.segments[place]
        it.start_pj = self._waveforms[index].append(segment)
        for name in ("start_ns", "first_mw", "second_mw", "first_ns", "period_ns"):
            setattr(it, name, getattr(segment, name))
        waveform.segment_count = place + 1

    def set_power(self, index: int, power_w: Power, at_ns: int | None = None) -> int:
        """Change the power from `at_ns` on, or from SETTLE_NS from now; returns when, CLOCK_MONOTONIC ns."""
        at_ns = time.monotonic_ns() + SETTLE_NS if at_ns is None else at_ns
        for segment in segments_of(power_w, at_ns):
            self._append(index, segment)
        return at_ns

    def lose(
        self, index: int, from_ns: int | None = None, until_ns: int = FOR_EVER_NS, *, heals_at_init: bool = False
    ) -> None:
        """Have a GPU fall off the bus: NVML_ERROR_GPU_IS_LOST from a time on, or from now.

        With `heals_at_init` it is back for a process that initialises NVML afterwards.
        """
        it = self.gpu(index)
        it.features = it.features & ~HEALS_AT_INIT | (HEALS_AT_INIT if heals_at_init else 0)
        it.lost_until_ns = until_ns
        it.lost_from_ns = time.monotonic_ns() if from_ns is None else from_ns

    def find(self, index: int) -> None:
        """Have a lost GPU back."""
        self.set(index, lost_from_ns=FOR_EVER_NS)

    def _numbers(self, pattern: str) -> list[int]:
        numbers = [number for number, name in enumerate(FUNCTIONS) if fnmatch.fnmatchcase(name, pattern)]
        if not numbers:
            raise ValueError(f"the test NVML has no {pattern}")
        return numbers

    def _rows(self, index: int | None) -> list[int]:
        return [*range(self.control.gpu_count), NO_GPU] if index is None else [index]

    def fail(self, pattern: str, code: int, index: int | None = None, times: int = -1) -> None:
        """Have functions fail with an NVML_ERROR number, of one GPU or all, `times` calls each or for ever.

        18 at nvmlInit* is a driver of another version, 9 none, 4 no permission; 0 is no error any more.
        """
        for row in self._rows(index):
            for number in self._numbers(pattern):
                failure = self.control.failures[row][number]
                failure.left = 0
                failure.code = code
                failure.left = times

    def delay(self, pattern: str, latency_us: int, *, busy: bool = False, value_at: float = 1) -> None:
        """Have calls take so long from now on, asleep or busy; less than before lets go those that wait.

        What they answer is of the moment at `value_at` of their time: 0 is their start, 1 their end.
        """
        for number in self._numbers(pattern):
            self.control.busy[number] = busy
            self.control.value_at_percent[number] = round(100 * value_at)
            self.control.latency_us[number] = latency_us

    def calls(self, pattern: str = "*", index: int | None = None) -> int:
        """How often functions were called, by all processes, for one GPU or at all."""
        return sum(self.control.calls[row][number] for row in self._rows(index) for number in self._numbers(pattern))

    def true_energy_j(self, index: int, start_ns: int, end_ns: int) -> float:
        """What a GPU truly used between two CLOCK_MONOTONIC times, lost or not, in J."""
        waveform = self._waveforms[index]
        return (waveform.energy_pj(end_ns) - waveform.energy_pj(start_ns)) / 1e12

    def true_power_w(self, index: int, time_ns: int, window_ns: int = 0) -> float:
        """The mean power of a GPU over a window up to a time, or at that time, in W, as whole mW."""
        return self._waveforms[index].mean_mw(time_ns, window_ns) / 1e3

    def counter_mj(self, index: int, time_ns: int) -> int:
        """What the energy counter showed at a time."""
        made_ns = self.gpus[index].energy_refresh.latest_ns(time_ns)
        return self.gpus[index].energy_start_mj + self._waveforms[index].energy_pj(made_ns) // 10**9
