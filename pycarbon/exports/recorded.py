"""What exports need of a run: the part of pycarbon.Run that tables are made of, as they stand below it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pycarbon.run import RunData
from pycarbon.totals import Region


class Recorded(Protocol):
    """A pycarbon.Run."""

    @property
    def data(self) -> RunData:
        """What was recorded."""
        ...

    @property
    def id(self) -> str:
        """A name that no other run has."""
        ...

    @property
    def project(self) -> str:
        """The project it belongs to."""
        ...

    @property
    def name(self) -> str:
        """What it was called."""
        ...

    @property
    def command(self) -> list[str]:
        """What was run."""
        ...

    @property
    def started_at(self) -> str:
        """When it began, RFC 3339."""
        ...

    @property
    def tags(self) -> dict[str, str]:
        """What the user attached."""
        ...

    @property
    def duration_s(self) -> float:
        """How long it took."""
        ...

    @property
    def complete(self) -> bool:
        """False where the recording was cut off."""
        ...

    @property
    def exit_status(self) -> int | None:
        """That of the command."""
        ...

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures must know."""
        ...

    @property
    def energy(self) -> Any:
        """What it used: pycarbon.analysis.Energy, which stands above this."""
        ...

    @property
    def regions(self) -> list[Region]:
        """One for each label."""
        ...

    def edges(self, domain: str) -> NDArray[np.void]:
        """Give every update of a domain."""
        ...

    def power(self, domain: str, every: str | float | None = None) -> NDArray[np.void]:
        """Give mean power over windows."""
        ...

    def calls(self, label: str) -> NDArray[np.void]:
        """Give the single calls of a region."""
        ...
