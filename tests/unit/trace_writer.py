"""Traces as Kineto and Nsight Systems write them, in their layout, from launches that are known.

Kineto: libkineto/src/output_json.cpp and DeviceProperties.cpp of pytorch/kineto as of 2025 (torch 2.8), and times and
categories as they were in 2021 (torch 1.10). Nsight Systems: tables and columns of exports of 2024.3 to 2025.3,
most of those that nobody reads left out. No GPU was at hand: all this is from sources and from what others published.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from pycarbon.traces.collected import Launch

CATEGORIES = ("kernel", "gpu_memcpy", "gpu_memset")
OLD_CATEGORIES = ("Kernel", "Memcpy", "Memset")
BASE_NS = 1_743_521_598_000_000_000
PID = 1147039


def kineto(launches: Iterable[Launch], base_ns: int | None = BASE_NS) -> str:
    """A trace of today, which counts from `base_ns`, or of 2021: whole µs since 1970."""
    head = """
  {
    "schemaVersion": 1,
    "deviceProperties": [
    {
      "id": 0, "name": "NVIDIA H100 80GB HBM3", "totalGlobalMem": 85029158912,
      "computeMajor": 9, "computeMinor": 0,
      "maxThreadsPerBlock": 1024, "maxThreadsPerMultiprocessor": 2048,
      "regsPerBlock": 65536, "warpSize": 32,
      "sharedMemPerBlock": 49152, "numSms": 132
    , "regsPerMultiprocessor": 65536, "sharedMemPerBlockOptin": 232448, "sharedMemPerMultiprocessor": 233472
    }
    ],
      "cupti_version": 24,
      "cuda_runtime_version": 12060,
      "trace_id": "301995E163ED42048FBD783860E6E7DC","""
    if base_ns is not None:
        head += f'\n  "displayTimeUnit": "ms",\n  "baseTimeNanoseconds": {base_ns},'
    events = [
        f"""
  {{
    "name": "process_name", "ph": "M", "ts": {us(base_ns or 0, base_ns)}, "pid": {PID}, "tid": 0,
    "args": {{
      "name": "python"
    }}
  }}"""
    ]
    for number, launch in enumerate(launches, 1):
        events += [*_host_events(number, launch, base_ns), _launch(number, launch, base_ns)]
    events.append("""
  {
    "name": "Record Window End", "ph": "i", "s": "g",
    "pid": "", "tid": "", "ts": 0.000
  }""")
    return f'{head}\n  "traceEvents": [{",".join(events)}\n  ],\n  "traceName": "/tmp/trace.json"\n}}'


def _host_events(number: int, launch: Launch, base_ns: int | None) -> list[str]:
    began = us(launch.start_ns, base_ns)
    return [
        f"""
  {{
    "ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": {PID}, "tid": {PID},
    "ts": {began}, "dur": 1.453,
    "args": {{
      "External id": {number},"Sequence number": 0, "Fwd thread id": 0, "Record function id": 0
    }}
  }}""",
        f"""
  {{
    "ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": {PID}, "tid": {PID},
    "ts": {began}, "dur": 1.210,
    "args": {{
      "External id": {number},"cbid": 211, "correlation": {number}
    }}
  }}""",
        f"""
  {{
    "ph": "s", "id": {number}, "pid": {PID}, "tid": {PID}, "ts": {began},
    "cat": "ac2g", "name": "ac2g"
  }}""",
    ]


def _launch(number: int, launch: Launch, base_ns: int | None) -> str:
    category = (OLD_CATEGORIES if base_ns is None else CATEGORIES)[launch.kind]
    return f"""
  {{
    "ph": "X", "cat": "{category}", "name": {json.dumps(launch.name)}, "pid": {launch.device}, "tid": {launch.stream},
    "ts": {us(launch.start_ns, base_ns)}, "dur": {us(launch.end_ns - launch.start_ns, base_ns and 0)},
    "args": {{
      "External id": {number},
      "queued": 0, "device": {launch.device}, "context": 1,
      "stream": {launch.stream}, "correlation": {number},
      "registers per thread": 32,
      "shared memory": 0,
      "blocks per SM": 2.060606,
      "warps per SM": 8.242424,
      "grid": [272, 1, 1],
      "block": [128, 1, 1],
      "est. achieved occupancy %": 13
    }}
  }}"""


def us(time_ns: int, base_ns: int | None) -> str:
    """Whole µs where there is no base."""
    if base_ns is None:
        return str(time_ns // 1000)
    return f"{(time_ns - base_ns) // 1000}.{(time_ns - base_ns) % 1000:03d}"


SCHEMA = """
PRAGMA page_size = 512; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; BEGIN;
CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE META_DATA_EXPORT (name TEXT NOT NULL, value TEXT);
CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INTEGER, utcTime TEXT, localTime TEXT, systemClockNs INTEGER);
CREATE TABLE TARGET_INFO_GPU (id INTEGER NOT NULL, name TEXT, busLocation TEXT, isDiscrete INTEGER, smCount INTEGER,
 chipName TEXT, uuid TEXT);
CREATE TABLE TARGET_INFO_CUDA_DEVICE (gpuId INTEGER, cudaId INTEGER NOT NULL, pid INTEGER NOT NULL, uuid TEXT,
 numMultiprocessors INTEGER);
CREATE TABLE TARGET_INFO_SYSTEM_ENV (globalVid INTEGER, devStateName TEXT, name TEXT, nameEnum INTEGER, value TEXT);
CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER NOT NULL,
 contextId INTEGER NOT NULL, greenContextId INTEGER, streamId INTEGER NOT NULL, correlationId INTEGER,
 globalPid INTEGER, demangledName INTEGER NOT NULL, shortName INTEGER NOT NULL, mangledName INTEGER,
 graphNodeId INTEGER);
CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER NOT NULL,
 contextId INTEGER NOT NULL, greenContextId INTEGER, streamId INTEGER NOT NULL, correlationId INTEGER,
 globalPid INTEGER, bytes INTEGER NOT NULL, copyKind INTEGER NOT NULL);
CREATE TABLE CUPTI_ACTIVITY_KIND_MEMSET (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER NOT NULL,
 contextId INTEGER NOT NULL, greenContextId INTEGER, streamId INTEGER NOT NULL, correlationId INTEGER,
 globalPid INTEGER, value INTEGER NOT NULL, bytes INTEGER NOT NULL);
"""
UUID = "a2226185-cb05-a411-80da-f365154128fe"


def global_pid(pid: int) -> int:
    return 1 << 48 | pid << 24


def nsight(path: Path, launches: Iterable[Launch], began_ns: int = BASE_NS, pid: int = PID) -> None:
    """An export of one process, whose device 0 is GPU 1 of the machine; copies are all from host to device."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        database.execute("INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_PRODUCT_NAME', 'NVIDIA Nsight Systems')")
        database.execute("INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (?, '', '', 4711)", (began_ns,))
        for gpu, uuid in ((0, UUID.replace("a", "b")), (1, UUID)):
            bus = f"0000:{0x2A + gpu:02x}:00.0"
            database.execute(
                "INSERT INTO TARGET_INFO_GPU VALUES (?, 'NVIDIA H100 80GB HBM3', ?, 1, 132, 'GH100', ?)",
                (gpu, bus, uuid),
            )
        database.execute("INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (1, 0, ?, ?, 132)", (pid, UUID))
        database.execute("INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (0, '', 'Hostname', 0, 'node7')")
        numbers: dict[str, int] = {}
        for start_ns, end_ns, name, device, kind, stream in launches:
            where = (start_ns - began_ns, end_ns - began_ns, device, 1, 0, stream, 1, global_pid(pid))
            if kind == 0:
                number = numbers.setdefault(name, 10 + len(numbers))
                database.execute(
                    f"INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({'?,' * 11}NULL)",
                    (*where, number, number, number),
                )
            else:
                table = "MEMCPY" if kind == 1 else "MEMSET"
                last = (4096, 1) if kind == 1 else (0, 4096)
                database.execute(f"INSERT INTO CUPTI_ACTIVITY_KIND_{table} VALUES ({'?,' * 9}?)", (*where, *last))
        database.executemany("INSERT INTO StringIds VALUES (?, ?)", [(i, name) for name, i in numbers.items()])
        database.commit()
