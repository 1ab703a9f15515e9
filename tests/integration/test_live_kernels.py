"""kernels() in recorded programs: what they collect is in the run, of several processes and blocks together."""

from __future__ import annotations

import sys
from pathlib import Path

from cupti_emulator import CuptiEmulator
from powercap_emulator import PowercapEmulator
from processes import pycarbon_run, run

import pycarbon
from pycarbon import kernel_files, load
from pycarbon.kernel_tracing import Kernels

EMULATOR = Path(__file__).parents[1] / "emulator"

PROGRAM = f"""
import subprocess, sys
sys.path.insert(0, {str(EMULATOR)!r})
from cupti_emulator import CuptiEmulator
from pycarbon.kernel_tracing import Kernels

emulator = CuptiEmulator()
for block in range(2):
    with Kernels(lambda: emulator):
        for _ in range(5):
            emulator.launch(sys.argv[1])
print(*(span[0] for span in emulator.truth))
if len(sys.argv) > 2:
    subprocess.run([sys.executable, sys.argv[0], sys.argv[2]])
"""


def test_a_program_and_its_child_under_pycarbon_run(tmp_path: Path) -> None:
    # GIVEN a program of two traced blocks that starts another
    program, output = tmp_path / "program.py", tmp_path / "a.pcr"
    program.write_text(PROGRAM)
    with PowercapEmulator(power_w={"package": 50}) as emulator:
        command = [sys.executable, str(program), "gemm", "conv"]
        done = run(pycarbon_run(*command, output=output, options=["--root", str(emulator.root)]))
    assert done.returncode == 0 and "kernels" not in done.stderr, done.stderr
    # THEN the run has what both saw, on its own clock
    recorded = load(output)
    found = recorded.kernel_timeline
    assert found is not None and found.clock == "monotonic" and sorted(found.names) == ["conv", "gemm"]
    truth = sorted(int(start) for line in done.stdout.splitlines()[:2] for start in line.split())
    assert len(found.spans) == len(truth) == 20
    assert abs(found.spans["start_ns"] - truth).max() <= found.error_ns
    assert recorded.data.start_ns <= found.spans["start_ns"][0] and found.spans["end_ns"][-1] <= recorded.data.end_ns
    assert len(found.devices) == 1 and found.origin.count("CUPTI in process") == 2
    # AND nothing is left beside it
    assert {path.name for path in tmp_path.iterdir()} >= {"a.pcr", "program.py"} and not output.with_name(
        "a.pcr.live"
    ).exists()


def test_within_record(tmp_path, caplog) -> None:
    emulator = CuptiEmulator()
    with pycarbon.record("a", path=tmp_path / "a.pcr") as recorded, Kernels(lambda: emulator) as traced:
        emulator.launch("k")
    assert len(recorded.kernel_timeline.spans) == 1
    assert load(tmp_path / "a.pcr").kernel_timeline.spans.tobytes() == traced.timeline.spans.tobytes()
    assert not [line for line in caplog.messages if "kernels" in line]


def test_a_recording_that_ends_before_its_block(tmp_path, caplog) -> None:
    emulator = CuptiEmulator()
    recording = pycarbon.record("a", path=tmp_path / "a.pcr")
    recording.__enter__()
    with Kernels(lambda: emulator) as traced:
        emulator.launch("k")
        recording.__exit__(None, None, None)
    # THEN that is said, and the timeline is there all the same
    assert f"the recording {tmp_path / 'a.pcr'} ended before its kernels()" in caplog.text
    assert len(traced.timeline.spans) == 1 and recording.kernel_timeline is None


def test_what_a_program_left_damaged_is_a_note_and_the_rest_is_there(tmp_path) -> None:
    emulator = CuptiEmulator()
    with pycarbon.record("a", path=tmp_path / "a.pcr") as recorded:
        with Kernels(lambda: emulator):
            emulator.launch("k")
        [whole] = kernel_files.found(tmp_path / "a.pcr.live")
        (whole.parent / "kernels-1-bad").write_bytes(whole.read_bytes()[:-1])
        (whole.parent / "kernels-2-bad").write_bytes(b"?")
    assert len(recorded.kernel_timeline.spans) == 1
    notes = [note for note in recorded.notes if "the kernels of a traced program are missing" in note]
    assert len(notes) == 2 and "kernels-1-bad holds bytes that are no frame" in notes[0]
