"""Fuzzes the reader of run files: `python tests/fuzz/fuzz_run_file.py --seconds 600 --out .cache/fuzz`.

Starts from the golden and the bad files, guided by coverage (atheris); with --plain, or where there is no atheris, by
chance alone. Anything but a refusal in one line or a report is a finding: its file goes to --out, its traceback to
standard error, and the status is not 0. `python tests/fuzz/fuzz_run_file.py FILE...` tries files again.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
HAS_ATHERIS = importlib.util.find_spec("atheris") is not None

SLOW_S, MEMORY_MB, ROUND_S = 20, 4096, 600
"""A round is no longer, since libFuzzer itself takes more memory with every file that it has made here."""

MOST_ROWS = 1 << 16
"""What claims more is looked at by test_bad_files.py: here it would only cost time."""

MOST_SEED_BYTES = 1 << 15
ROUND_TRIPS = 8
"""One in so many is written anew."""


def main() -> int:
    """Fuzz, or try files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".cache/fuzz"))
    parser.add_argument("--plain", action="store_true", help="by chance alone, without atheris")
    options = parser.parse_args()
    warnings.simplefilter("error")
    options.out.mkdir(parents=True, exist_ok=True)
    guided = HAS_ATHERIS and not options.plain and not options.files
    if guided and options.seconds > ROUND_S:
        return in_rounds(options)
    with tempfile.TemporaryDirectory() as scratch:
        target = Target(Path(scratch) / "again.pcr", guided)
        if options.files:
            for file in options.files:
                target(file.read_bytes())
        elif guided:
            by_coverage(target, options)
        else:
            by_chance(target, options)
    return 0


def in_rounds(options: argparse.Namespace) -> int:
    """Fuzz in one process after the other, which share what was found to be worth changing."""
    for number in range(-(-options.seconds // ROUND_S)):
        seconds = min(ROUND_S, options.seconds - number * ROUND_S)
        words = ["--seconds", str(seconds), "--seed", str(options.seed + number), "--out", str(options.out)]
        status = subprocess.run([sys.executable, __file__, *words]).returncode
        if status:
            return status
    return 0


class Target:
    """What is fuzzed."""

    def __init__(self, path: Path, instrumented: bool) -> None:
        """Import the product, with its branches counted where that is wanted; `path` is for files written anew."""
        self._path = path
        with contextlib.ExitStack() as stack:
            if instrumented:
                import atheris

                stack.enter_context(atheris.instrument_imports(include=["pycarbon"]))
            import everything
            import mutate
        self._everything, self.mutate = everything, mutate.mutate
        self._claims = mutate.claims

    def __call__(self, data: bytes) -> None:
        """Do everything with a file; raises whatever should not be."""
        if self._claims(data) > MOST_ROWS:
            return
        self._everything.of_bytes(data)
        self._everything.compare_decoders(data)
        if zlib.crc32(data) % ROUND_TRIPS == 0:
            self._everything.check_round_trip(data, self._path)


def seeds() -> list[bytes]:
    """Read the golden and the bad files that are not long."""
    files = sorted([*GOLDEN.glob("*.pcr"), *GOLDEN.glob("bad/*.pcr")])
    return [data for data in (file.read_bytes() for file in files) if len(data) <= MOST_SEED_BYTES]


def by_chance(target: Target, options: argparse.Namespace) -> None:
    """Change files that are known, and some that were made so, until time or runs are over."""
    rng, known = Random(options.seed), seeds()
    first = len(known)
    ends_s, runs = time.monotonic() + options.seconds, 0
    with_alarm = hasattr(signal, "SIGALRM")
    if with_alarm:
        signal.signal(signal.SIGALRM, _too_slow)
    while time.monotonic() < ends_s and runs != options.runs:
        data = target.mutate(rng.choice(known), rng, known[:first])
        runs += 1
        try:
            if with_alarm:
                signal.alarm(SLOW_S)
            target(data)
        except BaseException:
            path = options.out / f"crash-{zlib.crc32(data):08x}.pcr"
            path.write_bytes(data)
            print(f"{path} is a finding", file=sys.stderr)
            raise
        finally:
            if with_alarm:
                signal.alarm(0)
        if rng.random() < 0.01:  # a change may need another before it to be one
            known = [*known[:first], *known[first:][-200:], data]
    print(f"{runs} runs by chance, no findings")


def _too_slow(*_: object) -> None:
    raise AssertionError(f"a file that takes longer than {SLOW_S} s")


def by_coverage(target: Target, options: argparse.Namespace) -> None:
    """Let libFuzzer choose which files to change."""
    import atheris

    known = seeds()

    def changed(data: bytes, most: int, seed: int) -> bytes:
        found: bytes = target.mutate(data, Random(seed), known)
        return found[:most]

    corpus = options.out / "corpus"
    corpus.mkdir(exist_ok=True)
    for data in known:
        (corpus / f"seed-{zlib.crc32(data):08x}").write_bytes(data)
    told = {"max_total_time": options.seconds, "runs": options.runs, "seed": options.seed, "timeout": SLOW_S}
    told |= {"rss_limit_mb": MEMORY_MB, "max_len": 1 << 17, "artifact_prefix": f"{options.out}/", "len_control": 0}
    words = [sys.argv[0], *(f"-{name}={value}" for name, value in told.items()), "-print_final_stats=1", str(corpus)]
    atheris.Setup(words, target, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
