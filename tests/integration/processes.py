"""Real processes for the tests here: started with a timeout, always cleaned up, waited for by polling."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PYCARBON = str(Path(sys.executable).with_name("pycarbon"))
PYTHON = [sys.executable, "-I", "-S"]
TIMEOUT_S = 60

WAITING = "import sys; print('ready', flush=True); sys.stdin.read()"
"""A program that says it is ready and ends with its standard input."""


def run(argv: Sequence[str | bytes], **options: Any) -> subprocess.CompletedProcess[Any]:
    """subprocess.run that catches both streams and cannot hang; text unless told otherwise."""
    options = {"capture_output": True, "text": True, "timeout": TIMEOUT_S, "check": False, **options}
    return subprocess.run(argv, **options)


def pycarbon_run(*command: str, output: Path | None = None, options: Sequence[str] = ()) -> list[str]:
    """The command line that records `command` into `output`."""
    into = [] if output is None else ["-o", str(output)]
    return [PYCARBON, "run", *into, *options, "--", *command]


def wait_until(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """Ask again and again until the answer is true, and give it."""
    deadline_s = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < deadline_s, "what was waited for did not come"
        time.sleep(0.002)
    return answer


class Process(subprocess.Popen[bytes]):
    """A process with pipes that is read line by line with a deadline."""

    unread = b""

    def line(self, timeout_s: float = 20.0) -> str:
        """The next line of its standard output, without the end of line; empty at the end of the stream."""
        assert self.stdout is not None
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self.unread:
            ready = select.select([self.stdout], [], [], max(deadline_s - time.monotonic(), 0))[0]
            assert ready, f"no line came, only {self.unread!r}"
            part = os.read(self.stdout.fileno(), 65536)
            if not part:
                return ""
            self.unread += part
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode()

    def end(self) -> tuple[str, str]:
        """Close its standard input, wait, and give what it still said on both streams."""
        output, complaints = self.communicate(timeout=TIMEOUT_S)
        return (self.unread + output).decode(), complaints.decode()


@contextmanager
def started(argv: Sequence[str], **options: Any) -> Iterator[Process]:
    """A process in the background, its three streams pipes; killed when the block ends before it does."""
    pipe = subprocess.PIPE
    with Process(argv, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, "bufsize": 0, **options}) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def children(pid: int) -> list[int]:
    """The processes whose parent `pid` is."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]


def state(pid: int) -> str:
    """The state letter of a process: R, S, T for stopped, Z; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_root() -> bool:
    return os.geteuid() == 0


def without_privileges(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` so that file permissions hold: root without the right to overrule them."""
    if not is_root():
        return list(argv)
    assert shutil.which("setpriv"), "setpriv (util-linux) is missing"
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--", *argv]


def in_tmpfs(folder: Path, size: str, script: str, *argv: str) -> list[str]:
    """The command line that runs a shell script where `folder` is a file system of its own, of `size`.

    The script finds the folder as $1 and `argv` as "$@" after `shift`.
    """
    as_root = [] if is_root() else ["--user", "--map-root-user"]
    mounted = f'mount -t tmpfs -o size={size} none "$1" || exit 99; {script}'
    return ["unshare", "--mount", *as_root, "--", "sh", "-c", mounted, "sh", str(folder), *argv]


def last_json(text: str) -> dict[str, Any]:
    """The JSON object that ends a text."""
    found: dict[str, Any] = json.loads(text[text.index("{\n") :] if "{\n" in text else text.strip().splitlines()[-1])
    return found


def homes(folder: Path) -> list[Path]:
    """What live recordings left in a folder."""
    return sorted(folder.rglob("*.live*"))
