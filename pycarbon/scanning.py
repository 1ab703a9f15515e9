"""Reading a run file frame by frame, from its start to its end or to where it was cut: all of it at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycarbon import edge_reader, metadata
from pycarbon.columns import check_room
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    EDGES,
    EVENT,
    FOOTER,
    IGNORABLE,
    INDEX,
    KERNELS,
    LAUNCHES,
    LEDGER_NAMES,
    MARKS,
    MAX_JSON_BYTES,
    META,
    RAW,
    ROWS,
    SHUFFLED_ZSTD,
    SLICES,
    TURNS_ZSTD,
    Bytes,
    Frame,
    frames,
)
from pycarbon.kernel_frames import KernelReader
from pycarbon.ledger_frames import LedgerReader
from pycarbon.run import Channel, RunData

LEDGER = (LEDGER_NAMES, SLICES, ROWS, MARKS)
TRACED = (KERNELS, LAUNCHES)

CODECS = {
    **dict.fromkeys((META, FOOTER, EVENT, LEDGER_NAMES, KERNELS), (RAW,)),
    **dict.fromkeys((SLICES, ROWS, MARKS, INDEX, LAUNCHES), (SHUFFLED_ZSTD,)),
    EDGES: (RAW, SHUFFLED_ZSTD, TURNS_ZSTD),
}
"""What frames of each known type may be coded with."""


def is_known(frame: Frame) -> bool:
    """Say whether this version can read a frame; False for one that may be skipped.

    RunFileError where it may not.
    """
    if frame.codec in CODECS.get(frame.type, ()) and not frame.flags & ~IGNORABLE:
        return True
    if frame.flags & IGNORABLE:
        return False
    if frame.type not in CODECS:
        raise RunFileError(f"a frame of unknown type {frame.type}; update pycarbon")
    raise RunFileError(
        f"a frame of type {frame.type} with unknown codec {frame.codec} or flags {frame.flags:#x}; update pycarbon"
    )


@contextlib.contextmanager
def telling(where: str) -> Iterator[None]:
    """Turn whatever reading a file's content raises into a RunFileError that says where."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        raise RunFileError(f"{where} holds metadata that cannot be read: {why}") from None
    except MemoryError:
        raise RunFileError(f"{where} holds more than there is memory for") from None
    except RunFileError as error:
        raise RunFileError(f"{where} holds {error}") from None


def json_of(frame: Frame, members: dict[str, metadata.Check]) -> dict[str, Any]:
    """Read a frame of JSON; ValueError where it is not what `members` says, or larger than may be."""
    if len(frame.payload) > MAX_JSON_BYTES:
        raise ValueError(f"it has {len(frame.payload)} bytes")
    return metadata.read(bytes(frame.payload), members)


def begin(frame: Frame) -> RunData:
    """Read a run's metadata: a run with nothing else in it yet."""
    meta = json_of(frame, metadata.META_MEMBERS)
    channels = [Channel.from_dict(channel) for channel in meta["channels"]]
    if len({channel.id for channel in channels}) < len(channels):
        raise ValueError("two channels have one id")
    if not metadata.COUNT(meta.get("machine", {}).get("n_threads")):
        raise ValueError("the machine's n_threads is no count")
    modelled = {channel.domain for channel in channels if channel.source == "model"}
    if not modelled <= {curve["domain"] for curve in meta.get("curves", [])}:
        raise ValueError("a modelled channel has no curve")
    pue = meta.get("pue", 1.0)
    low, high = meta.get("pue_range", (pue, pue))
    if not low <= pue <= high:
        raise ValueError("it has a PUE outside its range")
    run = RunData(meta, channels, {})
    run.start_ns  # noqa: B018  a run has a beginning
    return run


def end(run: RunData, frame: Frame) -> None:
    """Read a run's footer into it."""
    run.footer = json_of(frame, metadata.FOOTER_MEMBERS)
    run.complete = bool(run.footer.get("complete", True))
    kept = run.footer.get("totals", {})
    if "energy" in kept:
        told = [(channel["domain"], channel["source"]) for channel in kept["energy"]["channels"]]
        if told != [(c.domain, c.source) for c in run.channels if c.quantity == "energy"]:
            raise RunFileError("figures of other channels than were recorded")
    if "end_ns" in run.footer and run.end_ns < run.start_ns:
        raise RunFileError("a run that ends before it begins")


def scan(data: Bytes, where: str) -> RunData:
    """Read a whole file's bytes; what follows the first damaged frame is left out and `complete` is False.

    RunFileError where nothing can be read, or a frame is of a kind this version must know and does not, or what a
    whole frame holds makes no sense.
    """
    return assemble((frame for _, frame in frames(data, where)), where)


def assemble(whole: Iterable[Frame], where: str) -> RunData:
    """Put a run together from its frames, up to its footer; RunFileError as scan."""
    run: RunData | None = None
    parts: dict[int, list[NDArray[np.void]]] = {}
    reader, kernels = LedgerReader(), KernelReader()
    taken = 0
    skipped: set[int] = set()  # who skips one frame of regions, or of kernels, skips those that may refer to it
    for frame in whole:
        with telling(where):
            if not is_known(frame) and run is not None:
                skipped.update(*(kinds for kinds in (LEDGER, TRACED) if frame.type in kinds))
                continue
            if (run is None) != (frame.type == META and is_known(frame)):
                raise RunFileError("metadata where none belongs, or something else where they do")
            if run is None:
                run = begin(frame)
            elif frame.type == FOOTER:
                end(run, frame)
                break
            elif frame.type == EDGES:
                taken += frame.count
                check_room(taken)
                for channel, edges in edge_reader.decode(frame):
                    append(parts.setdefault(channel, []), edges)
            elif frame.type == EVENT:
                run.events.append(json_of(frame, metadata.EVENT_MEMBERS))
            elif frame.type in skipped:
                continue
            elif frame.type in LEDGER:
                reader.add(frame)
            elif frame.type in TRACED:
                kernels.add(frame)
    if run is None:
        raise RunFileError(f"{where} was cut before its metadata: nothing in it can be read")
    with telling(where):
        run.edges = {channel: np.concatenate(part) for channel, part in parts.items()}
        counts = run.footer.get("regions")
        if reader.seen or counts:
            run.ledger = reader.ledger(counts or {})
        run.kernels = kernels.timeline()
    return run


def append(parts: list[NDArray[np.void]], edges: NDArray[np.void]) -> None:
    """Add a frame's edges of a channel to those before; RunFileError where time goes back."""
    if parts and parts[-1]["t_seen_ns"][-1] > edges["t_seen_ns"][0]:
        raise RunFileError("edges whose times do not go forward")
    parts.append(edges)
