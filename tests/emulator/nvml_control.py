"""The control file of the test NVML as nvml_control.h lays it out."""

import ctypes
import re
from pathlib import Path

HERE = Path(__file__).parent
FUNCTIONS = tuple(re.findall(r"X\((\w+)\)", (HERE / "nvml_functions.h").read_text()))
NUMBERS = {name: number for number, name in enumerate(FUNCTIONS)}
MAX_GPUS, MAX_SLICES, MAX_PROCESSES, MAX_SEGMENTS, TEXT_SIZE = 16, 8, 32, 1024, 96
NO_GPU = MAX_GPUS  # the row of calls that are of no GPU

(
    HAS_ENERGY_COUNTER,
    HAS_POWER_AVERAGE,
    HAS_POWER_INSTANT,
    HAS_SAMPLES,
    HAS_PROCESS_UTILISATION,
    HAS_MIG,
    MIG_ENABLED,
    POWER_USAGE_IS_AVERAGE,
    HEALS_AT_INIT,
) = (1 << bit for bit in range(9))

Text = ctypes.c_char * TEXT_SIZE
uint32, int32, uint64, int64 = ctypes.c_uint32, ctypes.c_int32, ctypes.c_uint64, ctypes.c_int64


class CSegment(ctypes.Structure):
    _fields_ = (
        ("start_ns", int64),
        ("start_pj", uint64),
        ("first_mw", uint32),
        ("second_mw", uint32),
        ("first_ns", int64),
        ("period_ns", int64),
    )


class CWaveform(ctypes.Structure):
    _fields_ = (("segment_count", uint64), ("segments", CSegment * MAX_SEGMENTS))


class CRefresh(ctypes.Structure):
    _fields_ = (("period_ns", int64), ("phase_ns", int64), ("jitter_ns", int64))


class CSlice(ctypes.Structure):
    _fields_ = (
        ("uuid", Text),
        ("name", Text),
        *((name, uint32) for name in ("gpu_instance", "compute_instance", "gpu_slices", "compute_slices")),
        *((name, uint32) for name in ("multiprocessors", "memory_mb")),
    )


class CProcess(ctypes.Structure):
    _fields_ = tuple((name, uint32) for name in ("pid", "sm_percent", "memory_percent", "memory_mb"))


class CGpu(ctypes.Structure):
    _fields_ = (
        *((name, Text) for name in ("name", "uuid", "pci_bus_id")),
        ("features", uint64),
        ("energy_start_mj", uint64),
        *((f"{what}_refresh", CRefresh) for what in ("energy", "power", "samples", "process")),
        *((name, int64) for name in ("average_window_ns", "sensor_window_ns", "lost_from_ns", "lost_until_ns")),
        *((name, uint64) for name in ("memory_bytes", "memory_used_bytes", "throttle_reasons")),
        *((name, uint32) for name in ("architecture", "compute_major", "compute_minor")),
        *((f"power_limit{which}_mw", uint32) for which in ("", "_least", "_most", "_default")),
        *((name, uint32) for name in ("clock_sm_mhz", "clock_memory_mhz", "temperature_c", "utilisation_percent")),
        *((name, uint32) for name in ("memory_utilisation_percent", "sample_count", "slice_count", "process_count")),
        ("slices", CSlice * MAX_SLICES),
        ("processes", CProcess * MAX_PROCESSES),
        ("waveform", CWaveform),
    )


class CFailure(ctypes.Structure):
    _fields_ = (("code", int32), ("left", int32))


class CControl(ctypes.Structure):
    _fields_ = (
        ("size", uint64),
        ("driver_version", Text),
        ("nvml_version", Text),
        ("cuda_version", uint32),
        ("gpu_count", uint32),
        ("realtime_minus_monotonic_ns", int64),
        ("latency_us", uint32 * len(FUNCTIONS)),
        ("busy", uint32 * len(FUNCTIONS)),
        ("value_at_percent", uint32 * len(FUNCTIONS)),
        ("failures", CFailure * len(FUNCTIONS) * (MAX_GPUS + 1)),
        ("calls", uint64 * len(FUNCTIONS) * (MAX_GPUS + 1)),
        ("gpus", CGpu * MAX_GPUS),
    )
