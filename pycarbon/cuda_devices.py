"""Which GPUs a program sees: what CUDA_VISIBLE_DEVICES names, among the GPUs that are there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slice:
    """A MIG slice: its UUID, the numbers of its GPU instance and compute instance, and its part of the GPU (0..1)."""

    uuid: str
    gpu_instance: int | None = None
    compute_instance: int | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Physical:
    """A GPU as NVML numbers it, and the MIG slices it is cut into; none where it is whole."""

    uuid: str
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a program sees of one GPU, in CUDA's order: the GPU's index, and which of its slices."""

    index: int
    slices: tuple[Slice, ...] = ()


_OLD_MIG_NAME = re.compile(r"MIG-(GPU-[0-9a-fA-F-]+)/(\d{1,4})/(\d{1,4})")


def visible(value: str | None, gpus: Sequence[Physical]) -> tuple[list[Seen], str]:
    """Say what CUDA_VISIBLE_DEVICES leaves visible (None: everything), and what is wrong with it (empty: nothing).

    A GPU is named by its number, by the beginning of its UUID, a slice by its UUID or by its GPU's and its two
    numbers. As CUDA does, this stops at the first entry that names nothing. Numbers are NVML's, in the order of the
    PCI bus, which is CUDA's too where all GPUs are alike or CUDA_DEVICE_ORDER is PCI_BUS_ID.
    """
    if value is None:
        return [Seen(index, gpu.slices) for index, gpu in enumerate(gpus)], ""
    found: dict[int, list[Slice]] = {}
    for entry in (part.strip() for part in value.split(",")):
        if entry in ("", "-1", "NoDevFiles"):
            break
        named = _named(entry, gpus)
        if named is None:
            wrong = f"CUDA_VISIBLE_DEVICES names {entry[:60]!r}, which is not here: CUDA sees nothing from it on"
            return _seen(found), wrong
        index, some = named
        found.setdefault(index, []).extend(one for one in some if one not in found.get(index, ()))
    return _seen(found), ""


def _seen(found: dict[int, list[Slice]]) -> list[Seen]:
    return [Seen(index, tuple(slices)) for index, slices in found.items()]


def _named(entry: str, gpus: Sequence[Physical]) -> tuple[int, tuple[Slice, ...]] | None:
    if re.fullmatch("[0-9]{1,4}", entry):
        index = int(entry)
        return (index, gpus[index].slices[:1]) if index < len(gpus) else None
    old = _OLD_MIG_NAME.fullmatch(entry)
    matches: list[tuple[int, tuple[Slice, ...]]] = []
    for index, gpu in enumerate(gpus):
        if entry[:4].upper() == "GPU-" and gpu.uuid.lower().startswith(entry.lower()):
            matches.append((index, gpu.slices[:1]))
        for one in gpu.slices:
            numbers = old and (one.gpu_instance, one.compute_instance) == (int(old[2]), int(old[3]))
            if (old and numbers and gpu.uuid.lower() == old[1].lower()) or one.uuid.lower() == entry.lower():
                matches.append((index, (one,)))
    return matches[0] if len(matches) == 1 else None
