"""Run files by the thousand: one whole recording, each time with other words in its metadata and its footer."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pycarbon import fold
from pycarbon.analysis import Run, figures
from pycarbon.frame import FILE_HEADER_BYTES, FOOTER, META, Frame, frames, json_frame, read_frame, sequence_at
from pycarbon.index import TRAILER_BYTES, read_trailer, trailer

GOLDEN = Path(__file__).parents[1] / "golden" / "run-v1-folded.pcr"
ROOM = "room"
ROOM_BYTES = 2000


class Copies:
    """A recording of 3 s that used 66.99 J, measured but for the memory's share; see tests/golden."""

    def __init__(self, source: Path = GOLDEN) -> None:
        """Read what all copies have in common."""
        data = source.read_bytes()
        taken = [frame for _, frame in frames(data, "source")]
        self.meta: dict[str, Any] = json.loads(bytes(taken[0].payload))
        taken[0] = json_frame(META, self.meta | {ROOM: " " * ROOM_BYTES})
        with TemporaryDirectory() as folder:
            path = Path(folder) / "template.pcr"
            fold.write(taken, path, figures=lambda run: figures(Run(run)))
            self._data = path.read_bytes()
        found = read_trailer(self._data[-TRAILER_BYTES:])
        meta = read_frame(self._data, FILE_HEADER_BYTES)
        assert found is not None and meta is not None
        self._index_offset, self._footer_offset = found
        self._meta_bytes, self._meta_end = len(meta[0].payload), meta[1]
        footer = read_frame(self._data, self._footer_offset)
        assert footer is not None
        self.footer: dict[str, Any] = json.loads(bytes(footer[0].payload))

    def bytes(self, meta: dict[str, Any], footer: dict[str, Any] | None = None) -> bytes:
        """Give a file with other members in its metadata, within ROOM_BYTES, and in its footer."""
        payload = json.dumps(self.meta | meta, separators=(",", ":")).encode("ascii").ljust(self._meta_bytes)
        assert len(payload) == self._meta_bytes, "more than there is room for"
        last = sequence_at(self._data, self._index_offset) + 1
        return b"".join(
            [
                self._data[:FILE_HEADER_BYTES],
                Frame(META, payload).encode(0),
                self._data[self._meta_end : self._footer_offset],
                json_frame(FOOTER, self.footer | (footer or {})).encode(last),
                trailer(self._index_offset, self._footer_offset),
            ]
        )

    def write(self, path: Path, id: str, started_s: float = 1_780_000_000.0, **meta: Any) -> Path:
        """Write a run as a recorder does, by rename, and give its path."""
        started_at = datetime.fromtimestamp(started_s, timezone.utc).isoformat()
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(self.bytes({"id": id, "started_at": started_at, **meta}))
        return new.replace(path)


def fill(folder: Path, count: int, projects: int = 10) -> None:
    """Write runs of one machine, one after the other, into folders of their projects."""
    copies = Copies()
    for number in range(count):
        project = f"project-{number % projects}"
        copies.write(
            folder / "acme" / project / f"run-{number:06d}.pcr",
            id=f"{number:08x}{'ab' * 4}",
            started_s=1_780_000_000.0 + 10 * number,
            organisation="acme",
            project=project,
            tags={"batch": str(number % 7)},
            machine=copies.meta["machine"] | {"hostname": "node-1", "boot": "0" * 32},
        )
