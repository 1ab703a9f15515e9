"""region(sync="cuda") in a recorded program: the device's work is within the region that waits for it."""

from __future__ import annotations

import sys
from pathlib import Path

import cuda_emulator
from powercap_emulator import PowercapEmulator
from processes import pycarbon_run, run

from pycarbon import load

LAUNCHES, WORK_S = 40, 0.005

PROGRAM = f"""
import ctypes, sys, pycarbon
driver = ctypes.CDLL(sys.argv[1])
launch = driver.cuda_emulator_launch
launch.argtypes = [ctypes.c_int64]
for name, sync in (("without", None), ("with", "cuda")):
    kernel, rest = pycarbon.region(name, sync=sync), pycarbon.region("rest")
    for _ in range({LAUNCHES}):
        with kernel:
            launch({round(WORK_S * 1e9)})
        with rest:
            driver.cuCtxSynchronize()
"""


def test_a_region_that_waits_holds_the_devices_work(tmp_path: Path) -> None:
    output = tmp_path / "a.pcr"
    command = [sys.executable, "-c", PROGRAM, str(cuda_emulator.build(tmp_path))]
    with PowercapEmulator(power_w={"package": 50}) as emulator:
        done = run(pycarbon_run(*command, output=output, options=["--root", str(emulator.root)]))
    assert done.returncode == 0, done.stderr
    regions = {region.label: region for region in load(output).regions}
    # THEN the work is in the region that waited, and after the one that did not
    work_s = LAUNCHES * WORK_S
    assert regions["with"].calls == regions["without"].calls == LAUNCHES
    assert regions["with"].time_s >= work_s
    assert regions["without"].time_s < 0.2 * work_s
    assert regions["rest"].time_s >= 0.8 * work_s
