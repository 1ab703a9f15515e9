"""What the benchmarks run in: a plain environment, the peers' environment, a compiled floor, a live counter tree."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from powercap_emulator import Option, PowercapEmulator

import pycarbon

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
CACHE = ROOT / ".cache"
PEERS = BENCH / "peers"

JITTER_US = 20
"""Standard deviation of the emulated counters' update times, as real ones have."""


def plain_environment(folder: Path) -> Path:
    """Make an environment that starts as a user's does, without the import hooks of a development install.

    Packages are found through a list of folders, so nothing is installed. Returns its folder of programs.
    """
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    listed = [str(ROOT), sysconfig.get_paths()["purelib"]]
    (Path(paths["purelib"]) / "bench.pth").write_text("\n".join(listed) + "\n", encoding="utf-8")
    programs = Path(paths["scripts"])
    script = programs / "pycarbon"  # what pip writes for the entry point of pyproject.toml
    script.write_text(
        f"#!{programs / 'python'}\nimport sys\nfrom pycarbon.commands import main\n"
        "if __name__ == '__main__':\n    sys.exit(main())\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    return programs


def peers_environment(requirements: str = "requirements.txt") -> tuple[Path | None, str]:
    """Install the peers once, apart from everything else; returns their programs, or None and why not."""
    folder = CACHE / requirements.replace("requirements", "peers-venv").removesuffix(".txt")
    wanted = (PEERS / requirements).read_text(encoding="utf-8")
    ready = folder / "installed.txt"
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "-r", str(PEERS / requirements)], capture_output=True, text=True)
        if done.returncode != 0:
            return None, f"the peers cannot be installed here: {done.stderr.strip().splitlines()[-1:]}"
        ready.write_text(wanted, encoding="utf-8")
    return folder / "bin", ""


def bare_loop() -> Path:
    """Compile the floor of a sampler; returns the program."""
    return _compiled("bare_loop")


def region_loop() -> Path:
    """Compile the loop of regions through pycarbon.h; returns the program."""
    return _compiled("region_loop", Path(pycarbon.get_include()) / "pycarbon.h")


def _compiled(name: str, *headers: Path) -> Path:
    source = PEERS / f"{name}.c"
    program = CACHE / "bench" / name
    newest = max(file.stat().st_mtime for file in (source, *headers))
    if not program.exists() or program.stat().st_mtime < newest:
        program.parent.mkdir(parents=True, exist_ok=True)
        options = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", *(f"-I{header.parent}" for header in headers)]
        subprocess.run(["cc", *options, str(source), "-o", str(program), "-ldl"], check=True)
    return program


def wall_s(argv: Sequence[str | Path], environ: Mapping[str, str], folder: Path) -> float:
    """Run a program to its end, unheard; returns how long it took from the call to its being waited for."""
    start = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in argv],
        env=dict(environ),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    took = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{argv} failed: {done.stderr.decode(errors='replace')}")
    return took


def said_s(argv: Sequence[str | Path], environ: Mapping[str, str], folder: Path) -> float:
    """Run a program that prints one number of seconds; returns it."""
    done = subprocess.run(
        [str(word) for word in argv], env=dict(environ), cwd=folder, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def environ_for(programs: Path, folder: Path) -> dict[str, str]:
    """Give the environment of a user without settings, whose files stay in `folder`.

    PYTHONDONTWRITEBYTECODE and its like go too: they would have modules compiled again at every start. numpy gets one
    BLAS thread: to start the others takes between nothing and half of its import, as the machine pleases.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYCARBON_", "PYTHON", "PYTEST"))
    }
    return kept | {
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


@contextlib.contextmanager
def pinned(cpus: set[int]) -> Iterator[None]:
    """Keep this thread, and what it starts meanwhile, on some CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def live_tree(**options: Option) -> Iterator[PowercapEmulator]:
    """Run an emulator, away from CPU 0 where there is another."""
    with contextlib.ExitStack() as stack:
        with pinned({max(os.sched_getaffinity(0))}):
            tree = stack.enter_context(PowercapEmulator(jitter_us=JITTER_US, **options))
        yield tree


def conditions() -> str:
    """Say in one line what this was measured with."""
    import platform

    import numpy

    from pycarbon import machine

    here = machine.identify()
    load = "/".join(f"{number:.2f}" for number in os.getloadavg())
    virtual = "a virtual machine" if here.hypervisor else "not virtual"
    return (
        f"{here.brand} ({here.microarchitecture}), {len(os.sched_getaffinity(0))} CPUs, {virtual}, "
        f"Linux {platform.release()}, Python {sys.version.split()[0]}, numpy {numpy.__version__}, load {load}"
    )
