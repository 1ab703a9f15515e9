"""Run files (.pcr): a header, then frames that each stand alone; docs/run-file.md is the format's description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pycarbon import metadata
from pycarbon.columns import pack, unpack
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    EDGES,
    EVENT,
    FOOTER,
    FRAME_HEADER_BYTES,
    IGNORABLE,
    LATEST_NS,
    LEDGER_NAMES,
    MARKS,
    MAX_PER_FRAME,
    META,
    ROWS,
    SHUFFLED_ZSTD,
    SLICES,
    VERSION,
    Frame,
    file_header,
    frames,
    json_frame,
)
from pycarbon.ledger_frames import LedgerReader, ledger_frames, marks_frame, names_frame, rows_frame, slices_frame
from pycarbon.run import EDGE_DTYPE, Channel, RunData

__all__ = [
    "EDGES",
    "EVENT",
    "FOOTER",
    "FRAME_HEADER_BYTES",
    "IGNORABLE",
    "LATEST_NS",
    "LEDGER_NAMES",
    "MARKS",
    "MAX_EDGES_PER_FRAME",
    "MAX_PER_FRAME",
    "META",
    "ROWS",
    "SLICES",
    "SUFFIX",
    "VERSION",
    "Frame",
    "decode_edges",
    "edges_frame",
    "file_header",
    "frames",
    "json_frame",
    "ledger_frames",
    "marks_frame",
    "names_frame",
    "parse",
    "read",
    "rows_frame",
    "slices_frame",
]

SUFFIX = ".pcr"
MAX_EDGES_PER_FRAME = MAX_PER_FRAME

_LEDGER = (LEDGER_NAMES, SLICES, ROWS, MARKS)
_EDGE_COLUMNS = ("<i8", "<i8", "<u8", "<u2", "<i4")


def edges_frame(channel: int, edges: NDArray[np.void]) -> Frame:
    """Make a frame of one channel's edges: columns, delta-coded where they grow, bytes shuffled, zstd."""
    columns = [
        np.diff(edges["t_seen_ns"], prepend=edges["t_seen_ns"][:1]),
        edges["t_seen_ns"] - edges["t_before_ns"],
        np.diff(edges["raw"], prepend=np.uint64(0)),
        edges["flags"],
        edges["error"],
    ]
    return Frame(
        EDGES,
        pack(columns, _EDGE_COLUMNS),
        codec=SHUFFLED_ZSTD,
        count=len(edges),
        channel=channel,
        t_first_ns=int(edges["t_seen_ns"][0]),
        t_last_ns=int(edges["t_seen_ns"][-1]),
    )


def decode_edges(frame: Frame) -> NDArray[np.void]:
    """Undo edges_frame; RunFileError where the payload is not what its header says."""
    later_ns, width_ns, rises, flags, errors = unpack(frame, _EDGE_COLUMNS, "edges")
    edges = np.zeros(frame.count, EDGE_DTYPE)
    edges["t_seen_ns"] = np.cumsum(later_ns) + frame.t_first_ns
    edges["t_before_ns"] = edges["t_seen_ns"] - width_ns
    edges["raw"] = np.cumsum(rises, dtype=np.uint64)
    edges["flags"] = flags
    edges["error"] = errors
    edges["channel"] = frame.channel
    seen_ns = edges["t_seen_ns"]
    if (
        edges["t_before_ns"].min() < 0
        or seen_ns[-1] > LATEST_NS
        or (width_ns < 0).any()
        or (seen_ns[1:] < seen_ns[:-1]).any()
    ):
        raise RunFileError("edges whose times do not go forward")
    return edges


def _begin(payload: bytes) -> RunData:
    meta = metadata.read(payload, metadata.META_MEMBERS)
    channels = [Channel.from_dict(channel) for channel in meta["channels"]]
    if len({channel.id for channel in channels}) < len(channels):
        raise ValueError("two channels have one id")
    if not metadata.COUNT(meta.get("machine", {}).get("n_threads")):
        raise ValueError("the machine's n_threads is no count")
    modelled = {channel.domain for channel in channels if channel.source == "model"}
    if not modelled <= {curve["domain"] for curve in meta.get("curves", [])}:
        raise ValueError("a modelled channel has no curve")
    run = RunData(meta, channels, {})
    run.start_ns  # noqa: B018  a run has a beginning
    return run


def parse(data: bytes, where: str) -> RunData:
    """Read a whole file's bytes; what follows the first damaged frame is left out and `complete` is False.

    RunFileError where nothing can be read, or a frame is of a kind this version must know and does not, or what a
    whole frame holds makes no sense.
    """
    run: RunData | None = None
    parts: dict[int, list[NDArray[np.void]]] = {}
    reader = LedgerReader()
    for frame in frames(data, where):
        try:
            if frame.type == META and run is None:
                run = _begin(frame.payload)
            elif frame.type == EDGES:
                part = parts.setdefault(frame.channel, [])
                part.append(decode_edges(frame))
                if len(part) > 1 and part[-2]["t_seen_ns"][-1] > part[-1]["t_seen_ns"][0]:
                    raise RunFileError("edges whose times do not go forward")
            elif frame.type == FOOTER and run is not None and not run.complete:
                run.footer = metadata.read(frame.payload, metadata.FOOTER_MEMBERS)
                run.complete = True
                if run.end_ns < run.start_ns:
                    raise RunFileError("a run that ends before it begins")
            elif frame.type == EVENT and run is not None:
                run.events.append(metadata.read(frame.payload, metadata.EVENT_MEMBERS))
            elif frame.type in _LEDGER:
                reader.add(frame)
            elif frame.type in (META, FOOTER):
                raise RunFileError("metadata where none belongs")
            elif not frame.flags & IGNORABLE:
                raise RunFileError(f"a frame of unknown type {frame.type}; update pycarbon")
        except (ValueError, KeyError, TypeError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else error
            raise RunFileError(f"{where} holds metadata that cannot be read: {why}") from None
        except MemoryError:
            raise RunFileError(f"{where} holds more than there is memory for") from None
        except RunFileError as error:
            raise RunFileError(f"{where} holds {error}") from None
    if run is None:
        raise RunFileError(f"{where} was cut before its metadata: nothing in it can be read")
    run.edges = {channel: np.concatenate(part) for channel, part in parts.items()}
    counts = run.footer.get("regions")
    if reader.seen or counts:
        run.ledger = reader.ledger(counts or {})
    return run


def read(path: Path) -> RunData:
    """Read a run file; RunFileError in one line where that cannot be done."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunFileError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise RunFileError(f"{path} is a folder, not a run file") from None
    except OSError as error:
        raise RunFileError(f"{path} cannot be read: {error.strerror}") from None
    return parse(data, str(path))
