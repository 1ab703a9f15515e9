"""Uses run files, each in a process of its own with little memory and time: `python limited.py FILE...`.

Prints a line of JSON for each: with which line it was refused (null: it was not), what `pycarbon report` and its
`--json` said, and what it took. A process that was ended says by which signal instead.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import time
from pathlib import Path

import everything

from pycarbon import commands

MEMORY_BYTES = 1 << 30
"""More than what Python and numpy have."""

CPU_S = 60


def main() -> None:
    """Use each file."""
    everything.of_file(Path(__file__).parents[1] / "golden" / "run-v1-folded.pcr")  # imports what is imported late
    for name in sys.argv[1:]:
        print(json.dumps(used_apart(Path(name))), flush=True)


def used_apart(path: Path) -> dict[str, object]:
    """Use a file in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            limit()
            os.write(writing, json.dumps(used(path)).encode())
            os._exit(0)
        except BaseException as error:
            os.write(writing, json.dumps({"raised": repr(error)[:500], "at": where(error)}).encode())
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status, spent = os.wait4(child, 0)
    found: dict[str, object] = json.loads(told) if told else {}
    code = os.waitstatus_to_exitcode(status)
    found |= {"signal": -code} if code < 0 else {}
    return {"name": path.stem, **found, "cpu_s": spent.ru_utime + spent.ru_stime, "peak_mb": spent.ru_maxrss >> 10}


def limit() -> None:
    """Allow little more memory than there is now, and some seconds."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))


def used(path: Path) -> dict[str, object]:
    """Do everything with a file."""
    refused = everything.of_file(path)
    found: dict[str, object] = {"refused": refused}
    for form in ("text", "json"):
        said, complained, began_s = io.StringIO(), io.StringIO(), time.process_time()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = commands.main(["report", str(path), "--format", form])
        found[form] = [status, len(said.getvalue()), complained.getvalue()]
        found[f"{form}_s"] = round(time.process_time() - began_s, 2)
    return found


def where(error: BaseException) -> str:
    """Say where an error came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


if __name__ == "__main__":
    main()
