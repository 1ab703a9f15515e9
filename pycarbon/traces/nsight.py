"""SQLite exports of Nsight Systems: launches on GPUs, with the GPUs and the host by name.

Facts, from NVIDIA's SQLite schema reference (2021.5 and later; tables are there only where something was recorded):

- CUPTI_ACTIVITY_KIND_KERNEL, _MEMCPY, _MEMSET have start and end (ns since the session began; what came before it is
  negative), deviceId (CUDA's number in that process), streamId, globalPid (pid in bits 24 to 47); a kernel's
  demangledName and shortName are ids of StringIds; a copy's copyKind is CUPTI's.
- CUPTI_ACTIVITY_KIND_GRAPH_TRACE has whole launches of CUDA graphs, unless --cuda-graph-trace=node was given: then
  their kernels are among the others.
- TARGET_INFO_SESSION_START_TIME.utcEpochNs is when the session began, in ns since 1970.
- TARGET_INFO_CUDA_DEVICE (gpuId, cudaId, pid) says which GPU a process's device is; TARGET_INFO_GPU (id, name, uuid,
  busLocation) which one that is; TARGET_INFO_SYSTEM_ENV has a Hostname.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pycarbon.errors import TraceError
from pycarbon.kernel_timeline import COPY, KERNEL, SET, SPAN_DTYPE, Device, KernelTimeline
from pycarbon.traces.collected import BLOCK, LATEST_NS, MOST_DEVICES, MOST_STREAMS, Collected
from pycarbon.traces.opened import Progress, readable

SQLITE = b"SQLite format 3\0"

WORK = {
    "CUPTI_ACTIVITY_KIND_KERNEL": KERNEL,
    "CUPTI_ACTIVITY_KIND_MEMCPY": COPY,
    "CUPTI_ACTIVITY_KIND_MEMSET": SET,
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE": KERNEL,
}
GRAPHS = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
NAMES = {
    "CUPTI_ACTIVITY_KIND_KERNEL": ("demangledName", "shortName"),
    "CUPTI_ACTIVITY_KIND_MEMCPY": ("copyKind",),
    "CUPTI_ACTIVITY_KIND_MEMSET": (),
    GRAPHS: ("graphId",),
}
"""The columns that tell launches of a kind apart, the first that is there."""

OURS = {*WORK, "StringIds", "META_DATA_EXPORT", "TARGET_INFO_SESSION_START_TIME"}
"""An export has some of these."""

COPIES = ("", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA", "AtoD", "DtoA", "DtoD", "HtoH", "PtoP")
"""CUPTI's kinds of copies by number, from 1 on: host, device, array, peer."""

_BARE_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

ERROR_NS = 1_000
DRIFT = 50e-6
"""How far off the wall clock a time may be: ERROR_NS at the session's start (a GPU's timer ticks every 32 ns, on some
every 1 µs), and then what a crystal may differ from the clock that NTP steers. NVIDIA states no bound."""


def read(path: Path, progress: Progress | None = None) -> KernelTimeline:
    """Read an export's launches; TraceError where it is none, is broken, has none or does not say when they were."""
    with readable(path):
        size = _whole(path)
    with _connected(path) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables & OURS:
            raise TraceError(f"{path} is an SQLite file, but no export of Nsight Systems")
        counts = {table: _count(database, table) for table in WORK if table in tables}
        if not sum(counts.values()):
            raise TraceError(f"{path} has no GPU kernels: was it recorded with nsys profile --trace=cuda?")
        began_ns = _began_ns(database, tables, path)
        gpus = _Gpus(database, tables)
        found, done = Collected(), 0
        for table in counts:
            for spans in _spans(database, table, found, gpus, began_ns):
                done += len(spans)
                found.add_block(spans)
                if progress:
                    progress(size * done // sum(counts.values()), size)
        hostname = _hostname(database, tables)
    if progress:
        progress(size, size)
    spans = found.spans()
    found.damaged = sum(counts.values()) - len(spans)
    origin = f"Nsight Systems, {path}"
    if counts.get(GRAPHS):
        origin += ", CUDA graphs as wholes (nsys profile --cuda-graph-trace=node sees their kernels)"
    longest_ns = int(spans["end_ns"].max()) - began_ns if len(spans) else 0
    return found.timeline(spans, ERROR_NS + int(DRIFT * max(longest_ns, 0)), origin, gpus.devices, hostname)


class _Gpus:
    """Which device of which process is which GPU; `devices` are those that launches are numbered by.

    They have CUDA's numbers, unless two processes mean different GPUs by one of them: then Nsight's.
    """

    def __init__(self, database: sqlite3.Connection, tables: set[str]) -> None:
        told = _gpus(database, tables)
        of_process: dict[tuple[int, int], int] = {}
        if "TARGET_INFO_CUDA_DEVICE" in tables:
            rows = database.execute("SELECT pid, cudaId, gpuId FROM TARGET_INFO_CUDA_DEVICE")
            of_process = {(pid, cuda): gpu for pid, cuda, gpu in rows if _is_number(cuda) and _is_number(gpu)}
        of_device = {cuda: gpu for (_, cuda), gpu in of_process.items()}
        self._numbers = {}
        if any(of_device[cuda] != gpu for (_, cuda), gpu in of_process.items()):
            self._numbers = of_process
            self.devices = told
        elif of_device:
            self.devices = {cuda: told[gpu] for cuda, gpu in of_device.items() if gpu in told}
        else:  # an export that does not say: with one GPU there is no question
            self.devices = dict(enumerate(told.values())) if len(told) == 1 else {}

    def number(self, device: NDArray[np.int64], pid: NDArray[np.int64]) -> None:
        """Replace CUDA's numbers by those of `devices`, in place."""
        was = device.copy()
        for (of_pid, cuda), gpu in self._numbers.items():
            device[(was == cuda) & (pid == of_pid)] = gpu


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST_DEVICES


def _gpus(database: sqlite3.Connection, tables: set[str]) -> dict[int, Device]:
    if "TARGET_INFO_GPU" not in tables:
        return {}
    there = _columns(database, "TARGET_INFO_GPU")
    wanted = [name if name in there else "NULL" for name in ("id", "name", "uuid", "busLocation")]
    rows = database.execute(f"SELECT {', '.join(wanted)} FROM TARGET_INFO_GPU")
    return {
        number: Device(_text(name), _uuid(_text(uuid)), _text(bus))
        for number, name, uuid, bus in rows
        if _is_number(number)
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _uuid(told: str | None) -> str | None:
    """Write a GPU's UUID as NVML does: Nsight leaves its prefix out."""
    return f"GPU-{told}" if told and _BARE_UUID.fullmatch(told) else told


def _spans(
    database: sqlite3.Connection, table: str, found: Collected, gpus: _Gpus, began_ns: int
) -> Iterator[NDArray[np.void]]:
    """Read a table's launches, those whose times are times, a block at a time."""
    there = _columns(database, table)
    name = next((name for name in NAMES[table] if name in there), "NULL")
    stream = f"iif(streamId BETWEEN 0 AND {MOST_STREAMS - 1}, streamId, 0)" if "streamId" in there else "0"
    process = "(globalPid >> 24) & 0xFFFFFF" if "globalPid" in there else "0"
    kept = "typeof(start) = 'integer' AND typeof(\"end\") = 'integer' AND typeof(deviceId) = 'integer' "
    kept += f'AND start BETWEEN ? AND "end" AND "end" <= ? AND deviceId BETWEEN 0 AND {MOST_DEVICES - 1}'
    named = f"iif(typeof({name}) = 'integer', {name}, -1)"
    rows = database.execute(
        f'SELECT start, "end", deviceId, {stream}, ifnull({process}, 0), {named} FROM {table} WHERE {kept}',
        (-began_ns, LATEST_NS - began_ns),
    )
    numbers: dict[int, int] = {}
    while some := rows.fetchmany(BLOCK):
        values = np.array(some, np.int64)
        spans = np.zeros(len(values), SPAN_DTYPE)
        spans["start_ns"] = values[:, 0] + began_ns
        spans["end_ns"] = values[:, 1] + began_ns
        gpus.number(values[:, 2], values[:, 4])
        spans["device"] = values[:, 2]
        spans["stream"] = values[:, 3]
        spans["kind"] = WORK[table]
        ids, which = np.unique(values[:, 5], return_inverse=True)
        for one in ids.tolist():
            if one not in numbers:
                numbers[one] = found.number(_name(database, table, one))
        spans["name"] = np.array([numbers[one] for one in ids.tolist()])[which.reshape(-1)]
        yield spans


def _name(database: sqlite3.Connection, table: str, number: int) -> str:
    """Name a launch: the names of copies and the like are those that torch.profiler has for them."""
    if WORK[table] == COPY:
        return f"Memcpy {COPIES[number]}" if 0 < number < len(COPIES) else "Memcpy"
    if WORK[table] == SET:
        return "Memset"
    if table == GRAPHS:
        return f"CUDA graph {number}" if number >= 0 else "CUDA graph"
    told = database.execute("SELECT value FROM StringIds WHERE id = ?", (number,)).fetchone()
    return (_text(told[0]) if told else None) or "kernel without a name"


def _began_ns(database: sqlite3.Connection, tables: set[str], path: Path) -> int:
    table = "TARGET_INFO_SESSION_START_TIME"
    began = database.execute(f"SELECT DISTINCT utcEpochNs FROM {table}").fetchall() if table in tables else []
    if len(began) != 1 or type(began[0][0]) is not int or not 0 < began[0][0] <= LATEST_NS:
        raise TraceError(f"{path} does not say when it was recorded: no single time in {table}; export it again")
    return int(began[0][0])


def _hostname(database: sqlite3.Connection, tables: set[str]) -> str | None:
    if "TARGET_INFO_SYSTEM_ENV" not in tables:
        return None
    told = database.execute("SELECT value FROM TARGET_INFO_SYSTEM_ENV WHERE name = 'Hostname'").fetchone()
    return _text(told[0]) if told else None


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}


def _count(database: sqlite3.Connection, table: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database to read; TraceError where it is damaged, or lacks what every export has."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
            yield database
    except (sqlite3.Error, ValueError) as error:  # ValueError: its own message has bytes that are no text
        why = " ".join(str(error).split())
        raise TraceError(f"{path} cannot be read as an export of Nsight Systems: {why}; export it again") from None


def _whole(path: Path) -> int:
    """Give a file's size; TraceError where it has fewer pages than its first one says."""
    with path.open("rb") as file:
        head = file.read(100)
        size = file.seek(0, 2)
    if len(head) == 100:
        page, pages = struct.unpack(">H", head[16:18])[0], struct.unpack(">I", head[28:32])[0]
        is_known = head[24:28] == head[92:96]  # else a version of SQLite wrote it that does not count pages
        if not is_known or size >= pages * (page if page > 1 else 1 << 16):
            return size
    raise TraceError(f"{path} is cut short: nsys export did not finish; export it again")
