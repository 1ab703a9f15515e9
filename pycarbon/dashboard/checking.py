"""A process of its own that reads what was uploaded, within limits of memory and time, and takes it into the store.

    server  --{"part", "id"}-->  checker  --{"status", "state", "message"}-->  server        one line of JSON each

Whatever a file does to its reader, the server goes on: a checker that dies is replaced. One that has nothing to do
ends after a while, and whenever the server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from pycarbon.store.incoming import Taken

CPU_S, WALL_S = 30, 60
MOST_MEMORY_BYTES = 4 << 30
IDLE_S = 60.0
_SIGXCPU = getattr(signal, "SIGXCPU", 0)
_TOO_MUCH = Taken(400, "refused", "the file takes too much time or memory to read")
_NOT_NOW = Taken(503, "refused", "the server did not come to read the file; send it again later")


class Checker:
    """The checker's handle in the server; one upload at a time."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet: the first upload does."""
        self._folder = folder
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._leaving: asyncio.TimerHandle | None = None

    async def check(self, part: Path, id: str) -> Taken:
        """Have a part checked, and taken in where it is a run."""
        async with self._turn:
            process = await self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps({"part": str(part), "id": id}).encode() + b"\n")
                line = await asyncio.wait_for(process.stdout.readline(), WALL_S)
                return Taken(**json.loads(line))
            except (asyncio.TimeoutError, ConnectionError, ValueError):  # ValueError: it died before its line
                out_of_time = await self._end() == -_SIGXCPU
                return _TOO_MUCH if out_of_time else _NOT_NOW
            except asyncio.CancelledError:
                await self._end()
                raise
            finally:
                self._leave_later()

    async def close(self) -> None:
        """End it."""
        async with self._turn:
            await self._end()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._leaving is not None:
            self._leaving.cancel()
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main({str(self._folder)!r})",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the server, which ends it in order
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        return self._process

    def _leave_later(self) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            self._leaving = asyncio.get_running_loop().call_later(IDLE_S, process.stdin.close)

    async def _end(self) -> int:
        """End it, and give its exit status: minus a signal where one ended it before we did."""
        if self._leaving is not None:
            self._leaving.cancel()
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


def main(folder: str) -> None:
    """Be the checker: read lines until there are no more."""
    from pycarbon.errors import PyCarbonError
    from pycarbon.store.incoming import take_in
    from pycarbon.store.index import Store

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing but answers goes there
    _limit_memory()
    store = Store(Path(folder))
    with contextlib.suppress(PyCarbonError):
        store.refresh()  # what a checker that was killed had stored
    for line in sys.stdin:
        asked = json.loads(line)
        _limit_time()
        try:
            taken = take_in(store, Path(asked["part"]), asked["id"], time.time())
        except OSError as error:
            taken = _not_taken(error)
        except Exception as error:  # of a file that nobody else has ever seen
            print(f"pycarbon: an upload could not be read: {error!r}", file=sys.stderr)
            taken = Taken(400, "refused", "the file cannot be read")
        except MemoryError:
            taken = _TOO_MUCH
        answers.write(json.dumps({"status": taken.status, "state": taken.state, "message": taken.message}) + "\n")
        answers.flush()


def _not_taken(error: OSError) -> Taken:
    from pycarbon.dashboard.receiving import disk_problem

    found = disk_problem(error)
    return Taken(found.status, "refused", found.why)


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        most = min(MOST_MEMORY_BYTES, max(half, 1 << 30))
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_time() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + CPU_S
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
