"""Regions where the compiled core is not: the same names, and nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


def cuda_context_synchronise() -> int:
    """Wait for nothing."""
    return 0


class Mark:
    """What pycarbon._marks has under this name, without its effect."""

    def __init__(self, name: str) -> None:
        """Keep the name."""
        self.name = name

    def __enter__(self) -> Mark:
        """Do nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def mark(self) -> None:
        """Do nothing."""


class SynchronisedMark(Mark):
    """Likewise, with nothing to wait for."""

    def __init__(self, name: str, wait: Callable[[], object]) -> None:
        """Keep the name."""
        super().__init__(name)
