"""What a run says of itself, before any figure: who recorded what, when, where."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from pycarbon.errors import PyCarbonError
from pycarbon.machine import Machine
from pycarbon.run import RunData


class Described:
    """The description of a recorded run."""

    @property
    def data(self) -> RunData:
        """What was recorded: metadata, channels, edges."""
        raise NotImplementedError

    def _meta(self, name: str, default: Any = None) -> Any:
        return self.data.meta.get(name, default)

    @property
    def id(self) -> str:
        """A name that no other run has."""
        return str(self._meta("id", ""))

    def _now(self, name: str, default: Any = None) -> Any:
        """Give what the footer says, which may have been changed since; else what was said when the run began."""
        return self.data.footer.get("run", {}).get(name, self._meta(name, default))

    @property
    def organisation(self) -> str:
        """The organisation whose project it belongs to; empty in files older than the word."""
        return str(self._now("organisation", ""))

    @property
    def project(self) -> str:
        """The project the run belongs to."""
        return str(self._now("project", ""))

    @property
    def experiment(self) -> str:
        """The experiment of that project; empty where it belongs to none."""
        return str(self._now("experiment", "") or "")

    @property
    def name(self) -> str:
        """What the run was called."""
        return str(self._now("name", ""))

    @property
    def command(self) -> list[str]:
        """What was run."""
        return [str(word) for word in self._meta("command", [])]

    @property
    def started_at(self) -> str:
        """When it began, RFC 3339, with the offset of the place."""
        return str(self._meta("started_at", ""))

    @cached_property
    def started(self) -> datetime:
        """When it began, with the offset of the place; PyCarbonError where it does not say."""
        try:
            # Z is an offset in RFC 3339, and for Python from 3.11 on
            text = self.started_at
            started = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)
            if started.tzinfo is None:
                raise ValueError("without an offset")
        except ValueError:
            raise PyCarbonError("this run does not say when it was recorded") from None
        return started

    @property
    def ended(self) -> datetime:
        """When it ended, as `started`; its duration is without the time in which the machine slept."""
        try:
            return self.started + timedelta(seconds=self.duration_s + (self.data.asleep_s or 0.0))
        except (OverflowError, ValueError):
            raise PyCarbonError("this run ends after the last day that there is") from None

    @property
    def tags(self) -> dict[str, str]:
        """What the user attached."""
        return {name: str(value) for name, value in self._now("tags", {}).items()}

    @property
    def duration_s(self) -> float:
        """How long it took."""
        return (self.data.end_ns - self.data.start_ns) / 1e9

    @property
    def complete(self) -> bool:
        """False where the recording was cut off: the figures then reach up to the last moment seen."""
        return self.data.complete

    @property
    def exit_status(self) -> int | None:
        """The command's exit status (negative: the signal that ended it); None where there is none."""
        status = self.data.footer.get("exit_status")
        return None if status is None else int(status)

    @property
    def machine(self) -> Machine:
        """The machine it ran on."""
        return Machine.from_dict(self._meta("machine", {}))
