"""pycarbon kernels RUN [--trace TRACE]: print what each kernel cost that ran on a GPU."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pycarbon.store import naming

if TYPE_CHECKING:
    from pycarbon.analysis import Run
    from pycarbon.kernel_figures import KernelFigures
    from pycarbon.kernel_timeline import KernelTimeline


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon kernels train.pcr --trace torch_trace.json\n"
        "  pycarbon kernels train.pcr --trace report.sqlite --device gpu-0 --json\n"
        "  pycarbon kernels train.pcr --trace torch_trace.json --write-trace with_energy.json\n\n"
        "A trace is what torch.profiler exports (JSON, also zipped), or an SQLite export of Nsight Systems\n"
        "(nsys export --type sqlite), of a program that ran while RUN was recorded. See docs/kernels.md."
    )
    parser.add_argument("run", type=naming.seek, metavar="RUN", help="a run: a file, or an id of the run store")
    parser.add_argument(
        "--trace", type=Path, help="when which kernel ran (default: what the program itself recorded in RUN)"
    )
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", default="text", help="print JSON"
    )
    parser.add_argument(
        "--device",
        action="append",
        metavar="gpu-N",
        help="only this GPU of the run; repeatable. Also says which one a trace is of that does not tell",
    )
    parser.add_argument(
        "--write-trace",
        type=Path,
        metavar="OUT",
        help="also write the trace with each launch's joules and tracks of power, for ui.perfetto.dev",
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--all", action="store_true", help="every kernel, not only those that used the most")


def run(options: argparse.Namespace) -> None:
    """Print the figures on standard output."""
    from pycarbon import reports
    from pycarbon.kernel_figures import kernel_figures

    recorded = naming.load(options.run)
    timeline = _timeline(recorded, options.trace)
    found = kernel_figures(timeline, recorded, options.device)
    if options.write_trace is not None:
        _write(options, timeline, found, recorded)
    print(reports.get_kernels(options.format, sys.stdout, options.all).render(found, recorded))


def _timeline(run: Run, trace: Path | None) -> KernelTimeline:
    """Read the trace, or take what the run holds itself."""
    if trace is None:
        from pycarbon.kernel_figures import own_timeline

        return own_timeline(run)
    from pycarbon.reports.bar import Bar
    from pycarbon.traces import read

    with Bar(sys.stderr, 0.0) as bar:
        bar.say(f"reading {trace.name}")
        return read(trace, bar.reach)


def _write(options: argparse.Namespace, timeline: KernelTimeline, found: KernelFigures, run: Run) -> None:
    """Write the trace back; it is neither the run nor what it was read from."""
    from pycarbon.errors import PyCarbonError
    from pycarbon.exports import output
    from pycarbon.kernel_trace import write_trace
    from pycarbon.reports.bar import Bar

    target: Path = options.write_trace
    if options.trace is not None and target.exists() and target.samefile(options.trace):
        raise PyCarbonError(f"{str(target)!r} is the trace itself: --write-trace names another file")
    with Bar(sys.stderr, 0.0) as bar, output.to_file(target, options.force, never=run.path) as stream:
        bar.say(f"writing {target.name}")
        write_trace(options.trace, stream, timeline, found, run, bar.reach)
