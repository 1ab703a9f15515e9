"""region(sync="cuda"): what it waits for, and when; against a driver library whose work is known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import cuda_emulator
import pytest

BEGIN = """
import ctypes, json, pickle, sys, threading, time, types, warnings
import pycarbon
from pycarbon import _marks, cuda
warnings.simplefilter("always")
home, library = sys.argv[1:]
said = {}
region = pycarbon.region("kernel", sync="cuda")

def load():
    driver = ctypes.CDLL(library)
    driver.cuda_emulator_launch.argtypes = [ctypes.c_int64]
    return driver
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cuda_emulator.build(tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def told(library: Path, tmp_path: Path) -> Any:
    """Run a program's text in a process of its own, which loads the library when it likes; gives its `said`."""

    def tell(text: str) -> dict[str, Any]:
        program = f"{BEGIN}{dedent(text)}\nprint(json.dumps(said))"
        argv = [sys.executable, "-c", program, str(tmp_path), str(library)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout), "complaints": done.stderr}

    return tell


def test_each_mark_waits_while_somebody_records_and_no_other(told: Any) -> None:
    said = told("""
        driver = load()
        waits = []
        def note():
            waits.append(driver.cuda_emulator_waits())
        with region:
            region.mark()
        note()
        number = _marks.attach(home)
        for mark in (region.__enter__, region.mark, region.resume, lambda: region.__exit__(None, None, None)):
            mark()
            note()
        @region
        def f():
            note()
        f()
        note()
        with pycarbon.region("kernel"):
            note()
        _marks.detach(number)
        with region:
            note()
        said["waits"] = waits
    """)
    assert said["waits"] == [0, 1, 2, 3, 4, 5, 6, 6, 6]


def test_a_mark_comes_after_what_was_queued_and_other_threads_go_on(told: Any) -> None:
    said = told("""
        driver = load()
        _marks.attach(home)
        def see_the_wait():
            while not driver.cuda_emulator_waits():
                pass
            said["seen_ns"] = time.monotonic_ns()
        thread = threading.Thread(target=see_the_wait)
        thread.start()
        said["launched_ns"] = time.monotonic_ns()
        driver.cuda_emulator_launch(200_000_000)
        region.mark()
        said["marked_ns"] = time.monotonic_ns()
        thread.join()
    """)
    assert said["marked_ns"] >= said["launched_ns"] + 200_000_000
    assert said["seen_ns"] < said["marked_ns"]


@pytest.mark.parametrize("code", [3, 4, 201, 709])
def test_without_a_context_there_is_nothing_to_wait_for(told: Any, code: int) -> None:
    said = told(f"load().cuda_emulator_fail({code}); _marks.attach(home); region.mark()")
    assert said["complaints"] == ""


def test_another_error_is_one_warning_and_the_program_goes_on(told: Any) -> None:
    text = "load().cuda_emulator_fail(700); _marks.attach(home); [region.mark() for _ in range(3)]"
    complaints = told(text)["complaints"]
    assert complaints.count("Warning") == 1
    assert "could not wait for the CUDA device: cuCtxSynchronize gave the error 700" in complaints
    # AND a program that makes errors of warnings does not end by it
    assert told(f"warnings.simplefilter('error'); {text}")["complaints"] == ""


def test_a_driver_that_is_not_loaded_is_not_loaded_for_it_and_found_once_it_is(told: Any) -> None:
    said = told("""
        _marks.attach(home)
        region.mark()
        said["loaded"] = "libcuda" in open("/proc/self/maps").read()
        driver = load()
        region.mark()
        said["waits"] = driver.cuda_emulator_waits()
        said["imported"] = "torch" in sys.modules
    """)
    assert not said["loaded"] and said["waits"] == 1 and not said["imported"]


TORCH = """
class Cuda:
    '''Of torch.cuda what is asked of it.'''
    started, capturing, waits, error = True, False, 0, None
    def is_initialized(self): return self.started
    def is_current_stream_capturing(self): return self.capturing
    def synchronize(self):
        self.waits += 1
        if self.error: raise self.error
torch = sys.modules["torch"] = types.ModuleType("torch")
torch.cuda = Cuda()
"""


@pytest.mark.parametrize(
    ("state", "through_torch", "through_the_driver"),
    [({}, 1, 0), ({"started": False}, 0, 1), ({"capturing": True}, 0, 0)],
    ids=["torch uses CUDA", "torch does not", "a graph is being captured"],
)
def test_torch_waits_where_it_has_begun_to_use_cuda(
    told: Any, state: dict[str, bool], through_torch: int, through_the_driver: int
) -> None:
    said = told(f"""{TORCH}
driver = load()
vars(torch.cuda).update({state})
_marks.attach(home)
region.mark()
said["waits"] = [torch.cuda.waits, driver.cuda_emulator_waits()]
""")
    assert said["waits"] == [through_torch, through_the_driver]


def test_what_torch_raises_is_a_warning_and_ctrl_c_leaves_the_region(told: Any, tmp_path: Path) -> None:
    said = told(f"""{TORCH}
_marks.attach(home)
torch.cuda.error = RuntimeError("CUDA error: an illegal memory access\\nCompile with ...")
with region:
    torch.cuda.error = KeyboardInterrupt()
    try:
        region.__exit__(None, None, None)
    except KeyboardInterrupt:
        said["interrupted"] = True
    torch.cuda.error = None
""")
    assert said["interrupted"] and "illegal memory access; marks" in said["complaints"]
    sys.path.append(str(Path(__file__).parents[1] / "csrc"))
    import marks_files

    [marks] = marks_files.marks(tmp_path).values()
    assert [kind for kind, _ in marks] == [marks_files.ENTER, marks_files.LEAVE, marks_files.LEAVE]


def test_with_and_without_are_two_objects_of_one_label(told: Any) -> None:
    said = told("""
        plain = pycarbon.region("kernel")
        said["same"] = [region is pycarbon.region("kernel", sync="cuda"), plain is pycarbon.region("kernel"),
                        pickle.loads(pickle.dumps(region)) is region, pickle.loads(pickle.dumps(plain)) is plain]
        said["apart"] = region is not plain and region.name == plain.name
        said["shown"] = [repr(region), repr(plain)]
        try:
            pycarbon.region("kernel", sync="hip")
        except ValueError as error:
            said["refused"] = str(error)
    """)
    assert all(said["same"]) and said["apart"]
    assert said["shown"] == ["pycarbon.region('kernel', sync='cuda')", "pycarbon.region('kernel')"]
    assert said["refused"] == "region() can wait for sync=\"cuda\" only, not 'hip'"
