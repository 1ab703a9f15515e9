"""Single calls of a region, from the marks that were kept: when each began and ended, and what was used meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pycarbon.ledger import ENTER, LEAVE, Ledger
from pycarbon.supply import Supply

CALL_DTYPE = np.dtype(
    [
        ("start_ns", "<i8"),
        ("end_ns", "<i8"),
        ("thread", "<u2"),
        ("energy_j", "<f8"),
        ("low_j", "<f8"),
        ("high_j", "<f8"),
    ]
)
"""A call, CLOCK_MONOTONIC; what the channels of the total used while it ran, whoever used it, between its bounds."""

_PIECE_DTYPE = np.dtype([("start_ns", "<i8"), ("end_ns", "<i8"), ("thread", "<u2"), ("node", "<u4"), ("kind", "<u2")])

OPEN = -1
UNTOLD = 65535
"""The number that all further threads share: their marks cannot be told apart."""


def calls(ledger: Ledger, label: int, supplies: Sequence[Supply]) -> NDArray[np.void]:
    """Give the calls of the label with index `label`, in order of their beginnings; those never left are left out.

    A call that waited in between (a generator) is the sum of its pieces. Pieces of several such calls that take turns
    in one thread are told apart by their order alone.
    """
    # marks of a thread nest, so those of one label do among themselves: only these need be paired
    pieces = _pieces(ledger.marks[(ledger.nodes["label"] == label)[ledger.marks["node"]]])
    pieces = pieces[np.lexsort((pieces["start_ns"], pieces["node"], pieces["thread"]))]
    if not len(pieces):
        return np.empty(0, CALL_DTYPE)
    place = np.stack([pieces["thread"], pieces["node"]]).astype(np.int64)
    first_here = np.append(True, (np.diff(place) != 0).any(axis=0))
    call = np.cumsum((pieces["kind"] == ENTER) | first_here) - 1
    count = int(call[-1]) + 1
    first = np.flatnonzero(np.diff(call, prepend=-1))
    whole = (np.bincount(call, pieces["end_ns"] == OPEN, count) == 0) & (pieces["kind"][first] == ENTER)

    found = np.zeros(count, CALL_DTYPE)
    found["start_ns"], found["thread"] = pieces["start_ns"][first], pieces["thread"][first]
    found["end_ns"] = np.maximum.reduceat(pieces["end_ns"], first)
    start_ns, end_ns = pieces["start_ns"].astype(np.float64), pieces["end_ns"].astype(np.float64)
    end_ns = np.maximum(start_ns, end_ns)
    for source in supplies:
        for name, amount in zip(("low_j", "energy_j", "high_j"), source.between(start_ns, end_ns), strict=True):
            found[name] += np.bincount(call, amount, count)
    if not supplies:
        found["energy_j"] = found["low_j"] = found["high_j"] = np.nan
    found = found[whole]
    in_order: NDArray[np.void] = found[np.argsort(found["start_ns"], kind="stable")]
    return in_order


def _pieces(marks: NDArray[np.void]) -> NDArray[np.void]:
    """Pair marks: how long each entered or resumed region ran at a stretch; end_ns is OPEN where it was not left.

    In one thread, and at one depth, each that is entered is left before the next is entered.
    """
    marks = marks[marks["thread"] != UNTOLD]
    marks = marks[np.argsort(marks["thread"], kind="stable")]
    if not len(marks):
        return np.empty(0, _PIECE_DTYPE)
    leaves = marks["kind"] == LEAVE
    depth = np.cumsum(np.where(leaves, -1, 1))
    begins = np.flatnonzero(np.diff(marks["thread"].astype(np.int64), prepend=-1))
    before = np.where(begins > 0, depth[begins - 1], 0)
    depth -= np.repeat(before, np.diff(np.append(begins, len(marks))))
    depth[leaves] += 1
    order = np.lexsort((depth, marks["thread"]))
    marks, depth, leaves = marks[order], depth[order], leaves[order]
    pairs = np.zeros(len(marks), bool)
    pairs[:-1] = (
        leaves[1:]
        & (depth[1:] == depth[:-1])
        & (marks["thread"][1:] == marks["thread"][:-1])
        & (marks["node"][1:] == marks["node"][:-1])
        & (marks["time_ns"][1:] >= marks["time_ns"][:-1])
    )
    pieces = np.zeros(len(marks), _PIECE_DTYPE)
    for name in ("thread", "node", "kind"):
        pieces[name] = marks[name]
    pieces["start_ns"] = marks["time_ns"]
    pieces["end_ns"] = np.where(pairs, np.append(marks["time_ns"][1:], OPEN), OPEN)
    entered: NDArray[np.void] = pieces[~leaves]
    return entered
