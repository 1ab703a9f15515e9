"""Which GPU of a run each device of a trace is: by what both say of it, and never against it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pycarbon.errors import PyCarbonError
from pycarbon.gpu import Gpu
from pycarbon.kernel_timeline import Device, KernelTimeline
from pycarbon.run import Channel, RunData

GPU_DOMAIN = re.compile(r"gpu-([0-9]+)")

_BUS_ID = re.compile(r"(?:([0-9a-f]+):)?([0-9a-f]+):([0-9a-f]+)(?:\.[0-9a-f]+)?")


def gpu_channels(data: RunData) -> dict[str, Channel]:
    """Give the channels of the energy of GPUs, by their domain."""
    found = {channel.domain: channel for channel in reversed(data.channels) if channel.quantity == "energy"}
    return {domain: found[domain] for domain in sorted(found) if GPU_DOMAIN.fullmatch(domain)}


def matched(
    timeline: KernelTimeline, data: RunData, domains: Sequence[str] | None = None
) -> tuple[dict[int, Gpu], list[str]]:
    """Give the run's GPU for each device of a trace, and notes on devices that the run has nothing of.

    With `domains` the run's others do not count. PyCarbonError, in one line, where the run measured no GPU, the trace
    is of another machine, or no device fits.
    """
    gpus = _wanted(_measured(data), domains)
    devices = {int(number): timeline.devices.get(int(number), Device()) for number in _numbers(timeline)}
    known = {number: _find(number, device, gpus, len(devices)) for number, device in devices.items()}
    found = {number: gpu for number, gpu in known.items() if gpu is not None}
    if not any(_uuids(gpu) & {_plain(devices[number].uuid)} for number, gpu in found.items()):
        _same_host(timeline, data)  # a UUID that both have says more than the name of a host, or of a container
    if not found:
        named = ", ".join(_called(number, device) for number, device in devices.items())
        raise PyCarbonError(f"the trace is of another GPU: {named}; this run has {_listed(gpus)}")
    for number, gpu in found.items():
        theirs, ours = _name(devices[number].name), _name(gpu.name)
        if theirs and ours and theirs not in ours and ours not in theirs:
            raise PyCarbonError(
                f"the trace is of another GPU: its device {number} is {devices[number].name}, "
                f"and {gpu.domain} of this run is {gpu.name}"
            )
    taken = [gpu.domain for gpu in found.values()]
    twice = next((domain for domain in taken if taken.count(domain) > 1), None)
    if twice is not None:
        raise PyCarbonError(f"the trace has several devices that are all {twice} of this run: it does not tell which")
    missing = [_called(number, device) for number, device in devices.items() if number not in found]
    if not missing or domains is not None:
        return found, []
    return found, [f"what ran on {', '.join(missing)} is left out: this run has {_listed(gpus)}"]


def _wanted(gpus: list[Gpu], domains: Sequence[str] | None) -> list[Gpu]:
    if domains is None:
        return gpus
    unknown = next((domain for domain in domains if domain not in [gpu.domain for gpu in gpus]), None)
    if unknown is not None:
        raise PyCarbonError(f"this run has no GPU {unknown!r}; it has {_listed(gpus)}")
    return [gpu for gpu in gpus if gpu.domain in domains]


def _measured(data: RunData) -> list[Gpu]:
    """Give the GPUs whose energy the run has; PyCarbonError where there is none, with the reason."""
    told = {str(one.get("domain")): Gpu.from_dict(one) for one in data.meta.get("gpus", [])}
    found = [told.get(domain, Gpu(domain)) for domain in gpu_channels(data)]
    if found:
        return found
    domains = ", ".join(channel.domain for channel in data.channels if channel.quantity == "energy")
    obstacles = [one for one in data.meta.get("obstacles", []) if one.get("source") == "nvml"]
    why = f": {obstacles[0]['what']}" if obstacles else ""
    remedy = f"; type: {obstacles[0]['remedy']}" if obstacles and obstacles[0].get("remedy") else ""
    raise PyCarbonError(f"this run has no energy of a GPU, only of {domains or 'nothing'}{why}{remedy}")


def _numbers(timeline: KernelTimeline) -> list[int]:
    return [int(number) for number in np.flatnonzero(np.bincount(timeline.spans["device"]))]


def _find(number: int, device: Device, gpus: list[Gpu], devices: int) -> Gpu | None:
    """Find a device among the run's GPUs by the surest thing that both of them tell."""
    uuid, bus = _plain(device.uuid), _bus(device.pci_bus_id)
    if uuid:
        same = [gpu for gpu in gpus if uuid in _uuids(gpu)]
        if same or all(gpu.uuid for gpu in gpus):
            return same[0] if same else None
    if bus:
        same = [gpu for gpu in gpus if _bus(gpu.pci_bus_id) == bus]
        if same or all(_bus(gpu.pci_bus_id) for gpu in gpus):
            return same[0] if same else None
    same = [gpu for gpu in gpus if gpu.cuda_index == number]
    if same:
        return same[0]
    return gpus[0] if len(gpus) == 1 and devices == 1 else None


def _same_host(timeline: KernelTimeline, data: RunData) -> None:
    theirs, ours = timeline.hostname, data.meta.get("machine", {}).get("hostname")
    if theirs and ours and theirs.lower().partition(".")[0] != str(ours).lower().partition(".")[0]:
        raise PyCarbonError(f"the trace is of another machine: it is from {theirs}, and this run from {ours}")


def _plain(uuid: str | None) -> str:
    return re.sub(r"^(gpu|mig)-|[^0-9a-f]", "", (uuid or "").lower())


def _uuids(gpu: Gpu) -> set[str]:
    return {_plain(uuid) for uuid in (gpu.uuid, *gpu.slices)} - {""}


def _bus(name: str | None) -> tuple[int, ...] | None:
    found = _BUS_ID.fullmatch((name or "").lower())
    return None if found is None else tuple(int(part or "0", 16) for part in found.groups())


def _name(name: str | None) -> str:
    return re.sub(r"nvidia|[^a-z0-9]", "", (name or "").lower())


def _called(number: int, device: Device) -> str:
    named = " ".join(filter(None, (device.name, device.uuid or device.pci_bus_id)))
    return f"device {number}" + (f" ({named})" if named else "")


def _listed(gpus: list[Gpu]) -> str:
    return ", ".join(" ".join(filter(None, (gpu.domain, gpu.name and f"({gpu.name})"))) for gpu in gpus)
