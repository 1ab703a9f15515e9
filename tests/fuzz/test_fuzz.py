"""A short run of the fuzzer, and proof that it finds what is wrong; `make fuzz` runs it for long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import fuzz_run_file
import mutate
import pytest

from pycarbon.errors import RunFileError
from pycarbon.frame import EDGES, FOOTER, INDEX, META, frames

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
FOLDED = (GOLDEN / "run-v1-folded.pcr").read_bytes()


def fuzz(*words, out):
    command = [sys.executable, HERE / "fuzz_run_file.py", "--out", out, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    "way",
    [
        "--plain",
        pytest.param(
            "--guided",
            marks=pytest.mark.skipif(
                not fuzz_run_file.HAS_ATHERIS, reason="atheris has wheels for CPython on Linux x86-64 alone"
            ),
        ),
    ],
)
def test_a_short_run_finds_nothing(tmp_path, way):
    # GIVEN the fuzzer, by chance or guided by coverage, with a fixed seed
    words = [*(["--plain"] if way == "--plain" else []), "--seed", 20, "--runs", 4000, "--seconds", 60]
    # WHEN it makes some thousand bad files
    told = fuzz(*words, out=tmp_path)
    # THEN none of them does anything but be refused or told of
    assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-6000:]
    assert not [path.name for path in tmp_path.iterdir() if path.name != "corpus"]


def test_what_is_wrong_is_found(tmp_path):
    # GIVEN a reader that takes any order of times
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from pycarbon import scanning\n"
        "scanning.append = lambda parts, edges: parts.append(edges)\n"
        "import fuzz_run_file; fuzz_run_file.main()\n"
    )
    command = [sys.executable, "-c", code, HERE, "--plain", "--seed", "2", "--runs", "4000", "--out", tmp_path]
    # WHEN it is fuzzed
    told = subprocess.run(command, capture_output=True, text=True)
    # THEN that is a finding, and its file shows it again
    assert told.returncode != 0 and "AssertionError" in told.stderr
    (path,) = tmp_path.glob("crash-*.pcr")
    assert f"{path} is a finding" in told.stderr
    assert fuzz(path, out=tmp_path).returncode == 0


def test_a_file_that_is_taken_apart_is_put_together_again():
    # GIVEN chance that never leaves anything wrong
    class Sure(Random):
        def random(self):
            return 1.0

    # WHEN files are taken apart and put together
    for path in sorted(GOLDEN.glob("*.pcr")):
        data = path.read_bytes()
        again = mutate.put_together(mutate.take_apart(data), Sure())
        # THEN they are the same, but that an index may be compressed otherwise
        for (_, frame), (_, found) in zip(frames(data, "here"), frames(again, "here"), strict=True):
            if frame.type == INDEX:
                assert mutate.columns_of(found) == mutate.columns_of(frame) is not None
            else:
                assert found == frame
        assert again[:16] == data[:16] and (again[-8:] == data[-8:])


def test_changes_reach_what_lies_behind_checksums():
    # GIVEN many changed files
    rng, types = Random(3), set()
    for _ in range(300):
        data = mutate.mutate(FOLDED, rng, [FOLDED])
        # WHEN their frames are read THEN most are whole, and each kind of frame is changed at times
        was = {frame.payload for _, frame in frames(FOLDED, "here")}
        try:
            types |= {frame.type for _, frame in frames(data, "here") if bytes(frame.payload) not in was}
        except RunFileError:
            continue
    assert {META, EDGES, INDEX, FOOTER, 4, 5, 6, 7, 8} <= types
