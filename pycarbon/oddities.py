"""What a reader must know of how a run's regions were recorded: whatever did not go as it should, in a line each."""

from __future__ import annotations

from pycarbon.ledger import Ledger

CLOCK_ERROR_NS = 10_000
"""Times of marks that may be off by more are worth a word."""


def notes(ledger: Ledger) -> list[str]:
    """Say what the reducer counted (csrc/reducer.h) that bears on the figures."""
    counts = ledger.counts
    said = [
        text.format(_number(counts[name], *words))
        for name, words, text in _SAID
        if counts.get(name, 0) > 0  # a file may hold anything
        and not (name in _FOLLOW and counts.get("dropped", 0) > 0)
    ]
    not_kept = counts.get("not_kept", 0)
    if not_kept > 0:
        kept = len(ledger.marks)
        said.append(
            f"of the marks of regions the first {kept} were kept one by one, {not_kept} more were not: single calls "
            f"are known up to there, figures of regions hold all; --keep-marks {kept + not_kept} keeps them"
        )
    error_ns = counts.get("clock_error_ns", 0)
    if error_ns > CLOCK_ERROR_NS:
        said.append(f"times of marks may be off by up to {error_ns / 1000:.3g} µs")
    return said


def _number(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


_MARKS, _THREADS, _TIMES = ("mark of a region", "marks of regions"), ("thread", "threads"), ("time", "times")
_FOLLOW = ("crossed", "unmatched", "died_inside", "open_at_end")
"""What lost marks look like: then it is not the program's doing."""

_SAID = (
    ("dropped", _MARKS, "{} had no room and were lost: calls and times of regions are too low"),
    ("crossed", _TIMES, "a region was left before one within it, {}: the inner one was taken to go on"),
    ("unmatched", _TIMES, "a region was left by a thread that was not in it, {}: ignored"),
    ("died_inside", _THREADS, "{} ended within a region, which was taken to end there"),
    ("killed_inside", _THREADS, "{} within a region when the process died, which was taken to end there"),
    ("open_at_end", _THREADS, "{} still in a region when the recording ended, which was taken to end there"),
    ("too_deep", _TIMES, "a region was entered too deep within others, {}: its time is in the one around it"),
    ("too_many_nodes", _TIMES, "a region was entered in one place too many, {}: its time is in the one around it"),
    ("other_label", _MARKS, "{} came after too many regions had been named: they are under one name"),
    ("unnamed", _MARKS, "{} came whose name could not be written: such a region goes by a number"),
    ("ringless", _THREADS, "{} could not be listened to: there was no room, or no descriptor, for a file of marks"),
    ("bad_rings", ("file", "files"), "{} of marks could not be read: the regions of those threads are missing"),
)
