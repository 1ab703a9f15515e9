"""Finds NVIDIA's GPUs, and what their driver's library NVML tells of each.

Names and properties come from pynvml; what is read again and again the sampler reads from the library itself.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pycarbon.counters import EVERY, Beside, Counter, Metric, NvmlReading, Obstacle, Roots, read_text
from pycarbon.cuda_devices import Physical, Seen, Slice, visible
from pycarbon.gpu import Gpu
from pycarbon.run import Quantity

POWER_ACCURACY = 0.05
"""What NVML's reference says of a reading of power: within 5 % of the power drawn."""

REFRESH_S = 0.1
"""No part refreshes its reading of power more seldom (FACTS: 20 to 100 ms)."""

MEAN_S = 1.0
"""Since Ampere the plain reading of power is a mean over a second."""

PIDS_OF_THE_MACHINE = "pid:[4026531836]"
"""The first namespace of pids has this number in every kernel (PROC_PID_INIT_INO)."""

NVIDIA, DISPLAY_CLASS = "0x10de", "0x03"

_MILLI, _MICRO = Fraction(1, 1000), Fraction(1, 1_000_000)

_ENERGIES: tuple[tuple[Metric, Fraction, float, float, str], ...] = (
    (Metric.ENERGY, _MILLI, 0.0, 0.0, ""),
    (Metric.ENERGY_FROM_SAMPLES, _MICRO, POWER_ACCURACY, 2 * REFRESH_S, "the driver's samples of power"),
    (Metric.ENERGY_FROM_POWER, _MICRO, POWER_ACCURACY, 2 * REFRESH_S, "its power at the moment"),
    (Metric.ENERGY_FROM_AVERAGE, _MICRO, POWER_ACCURACY, MEAN_S + REFRESH_S, "its power averaged over a second"),
)
"""Ways to a GPU's energy, the best first: what is read, its unit, accuracy, how long it averages, and its name."""

_BESIDE: tuple[tuple[str, Metric, Quantity, Fraction, float], ...] = (
    ("power", Metric.POWER, "power", _MILLI, 0.1),
    ("power-average", Metric.POWER_AVERAGE, "power", _MILLI, 1.0),
    ("utilisation", Metric.UTILISATION, "utilisation", Fraction(1, 100), 0.5),
    ("memory-utilisation", Metric.MEMORY_UTILISATION, "utilisation", Fraction(1, 100), 0.5),
    ("clock-sm", Metric.CLOCK_SM, "frequency", Fraction(1_000_000), 1.0),
    ("clock-memory", Metric.CLOCK_MEMORY, "frequency", Fraction(1_000_000), 1.0),
    ("temperature", Metric.TEMPERATURE, "temperature", Fraction(1), 2.0),
    ("throttle", Metric.THROTTLE, "throttle", Fraction(1), 1.0),
    ("processes", Metric.BUSY_ALL, "gpu_time", _MICRO, 0.5),
    ("process", Metric.BUSY_TREE, "gpu_time", _MICRO, 0.5),
)

_WHY = {
    errno.EOPNOTSUPP: "this GPU has none",
    errno.ENOSYS: "its driver is too old to tell it",
    errno.EACCES: "the driver denies it",
}
CONTAINER = "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility ..."


@dataclass(frozen=True, slots=True)
class Found:
    """The GPUs that the program sees: their energy counters, what is read beside, and what cannot be."""

    counters: tuple[Counter, ...] = ()
    beside: tuple[Beside, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()


def find(roots: Roots) -> Found:
    """Find what NVML tells. Never raises: what fails becomes an obstacle."""
    library = roots.nvml_library
    if not library:
        return Found()
    from pycarbon import _native

    try:
        opened = _native.Source.nvml(library, [])
    except OSError as error:
        obstacle = _refusal(error, library, roots)
        return Found(obstacles=() if obstacle is None else (obstacle,))
    try:
        import pynvml
    except ImportError:
        what = "GPUs cannot be named: the package nvidia-ml-py is missing"
        return Found(obstacles=(Obstacle("nvml", what, "pip install nvidia-ml-py", (EVERY,)),))
    try:
        with_names = _Names(pynvml)
        try:
            return _found(with_names, library, roots)
        finally:
            with_names.close()
    except pynvml.NVMLError as error:
        return Found(obstacles=(Obstacle("nvml", f"NVML does not answer: {error}", domains=(EVERY,)),))
    finally:
        del opened  # kept until here, so that pynvml found the library that we opened, by its name


def _refusal(error: OSError, library: str, roots: Roots) -> Obstacle | None:
    """Say why the library is of no use; None where there is no GPU either, which is nobody's concern."""
    if error.errno == errno.ELIBACC:
        if not _nvidia_devices(roots):
            return None
        what = f"an NVIDIA GPU is here, but no {library}: its driver is not installed, or not shown to this container"
        return Obstacle("nvml", what, CONTAINER, (EVERY,))
    if error.errno == errno.ENXIO:
        what, remedy = "NVIDIA's driver is installed but not loaded", "sudo modprobe nvidia"
    elif error.errno == errno.ELIBBAD:
        what = f"{library} is of another version than the driver in the kernel"
        remedy = "sudo reboot (or unload and load the module nvidia)"
    elif error.errno in (errno.EACCES, errno.EPERM):
        what, remedy = "this user may not ask NVIDIA's driver", "sudo chmod a+rw /dev/nvidia*"
    else:
        what, remedy = f"{library} does not start: {error.strerror}", "nvidia-smi"
    return Obstacle("nvml", what, remedy, (EVERY,))


def _nvidia_devices(roots: Roots) -> bool:
    try:
        devices = list((roots.sys / "bus" / "pci" / "devices").iterdir())
    except OSError:
        return False
    return any(
        read_text(device / "vendor") == NVIDIA and (read_text(device / "class") or "").startswith(DISPLAY_CLASS)
        for device in devices
    )


class _Names:
    """What pynvml tells; a question that a driver cannot answer is None."""

    def __init__(self, pynvml: Any) -> None:
        """Start NVML once more: it counts."""
        self._pynvml = pynvml
        pynvml.nvmlInit()

    def close(self) -> None:
        """Undo that."""
        self.ask("nvmlShutdown")

    def ask(self, question: str, *arguments: Any) -> Any:
        """Ask by the name of pynvml's function, which an old pynvml may lack; text comes as str."""
        try:
            answer = getattr(self._pynvml, question)(*arguments)
        except (self._pynvml.NVMLError, AttributeError):
            return None
        return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer

    def handles(self) -> list[Any]:
        """Give the GPUs in NVML's order; one that cannot be asked is None."""
        count = self._pynvml.nvmlDeviceGetCount()
        return [self.ask("nvmlDeviceGetHandleByIndex", index) for index in range(count)]

    def uuid(self, handle: Any) -> str:
        """Give a GPU's or slice's UUID; empty where it does not tell."""
        return "" if handle is None else self.ask("nvmlDeviceGetUUID", handle) or ""

    def physical(self, handle: Any) -> Physical:
        """Give a GPU and its slices."""
        return Physical(self.uuid(handle), tuple(self._slices(handle)) if handle is not None else ())

    def _slices(self, handle: Any) -> Iterator[Slice]:
        mode = self.ask("nvmlDeviceGetMigMode", handle)
        if not mode or mode[0] != 1:
            return
        most = self.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0
        for number in range(most):
            one = self.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            uuid = self.uuid(one)
            if not uuid:
                continue
            size = self.ask("nvmlDeviceGetAttributes_v2", one)
            yield Slice(
                uuid,
                self.ask("nvmlDeviceGetGpuInstanceId", one),
                self.ask("nvmlDeviceGetComputeInstanceId", one),
                None if size is None else min(size.gpuInstanceSliceCount / most, 1.0),
            )

    def describe(self, handle: Any, domain: str, uuid: str, cuda_index: int, seen: Seen) -> Gpu:
        """Give a GPU's properties."""
        pci, memory = self.ask("nvmlDeviceGetPciInfo", handle), self.ask("nvmlDeviceGetMemoryInfo", handle)
        bus = getattr(pci, "busId", None)
        limit_mw = self.ask("nvmlDeviceGetPowerManagementLimit", handle)
        number = self.ask("nvmlDeviceGetArchitecture", handle)
        shares = [one.share for one in seen.slices if one.share is not None]
        return Gpu(
            domain,
            uuid,
            self.ask("nvmlDeviceGetName", handle),
            bus.decode("ascii", "replace") if isinstance(bus, bytes) else bus,
            cuda_index,
            self.ask("nvmlSystemGetDriverVersion"),
            _architectures(self._pynvml).get(number),
            getattr(memory, "total", None),
            None if limit_mw is None else limit_mw / 1000,
            tuple(one.uuid for one in seen.slices),
            min(sum(shares), 1.0) if shares and len(shares) == len(seen.slices) else None,
        )


def _architectures(nvml: Any) -> dict[int, str]:
    """Give the names that pynvml has for the numbers of architectures."""
    prefix = "NVML_DEVICE_ARCH_"
    names = [name for name in vars(nvml) if name.startswith(prefix)]
    return {getattr(nvml, name): name.removeprefix(prefix).title() for name in names}


def _found(names: _Names, library: str, roots: Roots) -> Found:
    handles = names.handles()
    physical = [names.physical(handle) for handle in handles]
    seen, complaint = visible(roots.visible_gpus, physical)
    counters: list[Counter] = []
    beside: list[Beside] = []
    gpus: list[Gpu] = []
    obstacles = [Obstacle("nvml", complaint)] if complaint else []
    cuda_index = 0
    for one in seen:
        handle, uuid = handles[one.index], physical[one.index].uuid
        domain = f"gpu-{one.index}"
        if not uuid:
            obstacles.append(Obstacle("nvml", f"{domain} does not answer: it may be lost", "nvidia-smi", (domain,)))
            continue
        gpus.append(names.describe(handle, domain, uuid, cuda_index, one))
        cuda_index += max(len(one.slices), 1)
        found = _energy(library, uuid, domain)
        if isinstance(found, Obstacle):
            obstacles.append(found)
            continue
        counters.append(found.remarked(_of_slices(gpus[-1], physical[one.index])) if one.slices else found)
        beside += _beside(library, uuid, domain, roots)
    shown = {one.index for one in seen}
    for index in range(len(physical)):
        if index not in shown:
            what = (
                f"gpu-{index} is not visible to this program (CUDA_VISIBLE_DEVICES={roots.visible_gpus!r}): left out"
            )
            obstacles.append(Obstacle("nvml", what, domains=(f"gpu-{index}",), minor=True))
    return Found(tuple(counters), tuple(beside), tuple(gpus), tuple(obstacles))


def _energy(library: str, uuid: str, domain: str) -> Counter | Obstacle:
    """Find the best way to a GPU's energy."""
    whys: list[str] = []
    for metric, unit, accuracy, averaged_s, name in _ENERGIES:
        address = NvmlReading(library, uuid, metric)
        why = _why_not(address)
        if why is not None:
            whys.append(why)
            continue
        remark = f"no energy counter ({whys[0]}): {name} is integrated, within {accuracy:.0%}" if name else ""
        return Counter(
            "nvml",
            domain,
            address,
            unit,
            0,
            True,
            closely=not name,
            remark=remark,
            reason=f"nvml: {name or 'its counter'}",
            accuracy=accuracy,
            averaged_s=averaged_s,
        )
    return Obstacle("nvml", f"{domain} tells neither its energy nor its power: {whys[0]}", domains=(domain,))


def _beside(library: str, uuid: str, domain: str, roots: Roots) -> Iterator[Beside]:
    for name, metric, quantity, unit, every_s in _BESIDE:
        address = NvmlReading(library, uuid, metric)
        if metric == Metric.BUSY_TREE and not _knows_pids(roots):
            continue
        if _why_not(address) is None:
            yield Beside(f"{domain}-{name}", address, quantity, unit, every_s)


def _knows_pids(roots: Roots) -> bool:
    """Say whether processes have the numbers here that the driver knows them by: in a container they may not."""
    try:
        return str((roots.proc / "self" / "ns" / "pid").readlink()) == PIDS_OF_THE_MACHINE
    except OSError:
        return True


def _why_not(address: NvmlReading) -> str | None:
    """Try a reading: None where it succeeds."""
    try:
        address.open().read(0)
    except OSError as error:
        return _WHY.get(error.errno or 0, error.strerror or str(error))
    return None


def _of_slices(gpu: Gpu, whole: Physical) -> str:
    count = f"{len(gpu.slices)} of {len(whole.slices)} MIG slices are"
    return f"the whole GPU's: {count} this program's, and slices have no counter of their own"
