"""What the product and the oracle read from the same bytes, in one shape, so that they can be compared."""

from __future__ import annotations

from typing import Any

import run_file_oracle as oracle
from run_file_frames import BadFile

from pycarbon import runfile, scanning
from pycarbon.errors import RunFileError
from pycarbon.run import RunData

REFUSED = "refused"
PARTS = (
    "metadata",
    "footer",
    "complete",
    "events",
    "edges",
    "labels",
    "nodes",
    "slices",
    "rows",
    "marks",
    "launches",
)


def tuples(edges: Any) -> list[tuple[int, ...]]:
    """Edges of one channel as the oracle has them."""
    columns = [edges[name].tolist() for name in ("t_before_ns", "t_seen_ns", "raw", "flags", "error")]
    return list(zip(*columns, strict=True))


def regions(run: RunData) -> dict[str, Any]:
    """What a run of the product's says of regions."""
    ledger = run.ledger
    if ledger is None:
        return {name: [] for name in ("labels", "nodes", "slices", "rows", "marks")}
    return {
        "labels": ledger.labels,
        "nodes": ledger.nodes.tolist(),
        "slices": ledger.slices[["start_ns", "end_ns", "channel", "threads"]].tolist(),
        "rows": ledger.rows[["slice", "node", "time_ns", "cpu_ns", "calls"]].tolist(),
        "marks": ledger.marks[["time_ns", "node", "thread", "kind"]].tolist(),
    }


def launches(run: RunData) -> list[tuple[Any, ...]]:
    """What a run of the product's says of kernels: it joins traces, so names instead of their numbers."""
    if run.kernels is None:
        return []
    names = run.kernels.names
    return sorted(
        (start_ns, end_ns, names[name], kind, stream)
        for start_ns, end_ns, name, _, kind, stream, _ in run.kernels.spans.tolist()
    )


def launches_of(traces: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The same of the oracle's traces."""
    return sorted(
        (start_ns, end_ns, trace["names"][name], kind, stream)
        for trace in traces
        for start_ns, end_ns, name, _, kind, stream in trace["launches"]
    )


def view(run: RunData) -> dict[str, Any]:
    """Everything in a run of the product's; RunFileError where it finds only now that a part makes no sense."""
    return {
        "metadata": run.meta,
        "footer": run.footer or None,
        "complete": run.complete,
        "events": run.events,
        "edges": {channel: tuples(run.edges[channel]) for channel in sorted(run.edges) if len(run.edges[channel])},
        **regions(run),
        "launches": launches(run),
    }


def by_product(data: bytes, read: Any = runfile.parse) -> Any:
    """What the product reads, or REFUSED; it raises nothing but RunFileError, in one line."""
    try:
        return view(read(data, "here"))
    except RunFileError as error:
        assert "here" in str(error) and "\n" not in str(error)
        return REFUSED


def by_scanning(data: bytes) -> Any:
    """What the product reads frame by frame."""
    return by_product(data, scanning.scan)


def by_oracle(data: bytes, read: Any = oracle.read) -> Any:
    """What the oracle reads, or REFUSED."""
    try:
        file = read(data)
    except BadFile:
        return REFUSED
    found = {name: getattr(file, name) for name in PARTS if name != "launches"}
    return found | {
        "launches": launches_of(file.traces),
        "footer": file.footer or None,
        "edges": dict(sorted(file.edges.items())),
    }


def difference(one: Any, other: Any) -> str:
    """The parts in which two views differ; empty where they are equal."""
    if REFUSED in (one, other):
        return "" if one == other else f"{str(one)[:300]} and {str(other)[:300]}"
    return "; ".join(f"{name}: {one[name]} and {other[name]}" for name in PARTS if one[name] != other[name])


def agree(data: bytes) -> Any:
    """What all readers find in a file; AssertionError where two of them find different things."""
    indexed, plain = by_oracle(data, oracle.read_indexed), by_oracle(data)
    for product, other in ((by_product(data), indexed), (by_scanning(data), plain)):
        different = difference(product, other)
        assert not different, different
    return indexed
