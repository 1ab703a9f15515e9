"""Which GPUs a run was recorded on: names and properties, of which no figure is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. `domain` is that of its energy; whatever its driver does not tell is None.

    `cuda_index` is the number under which the recorded program's CUDA sees it first, `slices` the UUIDs of the MIG
    slices that it sees (empty where it sees the whole), `slice_share` (0..1) their part of the GPU's processors.
    """

    domain: str
    uuid: str | None = None
    name: str | None = None
    pci_bus_id: str | None = None
    cuda_index: int | None = None
    driver: str | None = None
    architecture: str | None = None
    memory_bytes: int | None = None
    power_limit_w: float | None = None
    slices: tuple[str, ...] = ()
    slice_share: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        return asdict(self) | {"slices": list(self.slices)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Gpu:
        """Read what to_dict wrote, of this version or another: what it lacks is None."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        return cls(**known | {"domain": str(values["domain"]), "slices": tuple(values.get("slices") or ())})
