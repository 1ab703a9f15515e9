"""Regions where the compiled core is not: the same names, and nothing happens."""

from __future__ import annotations

from types import TracebackType


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
