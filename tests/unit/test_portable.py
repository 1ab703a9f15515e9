"""Without the compiled core, as on systems other than Linux, recordings still work: on the model alone."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pycarbon
from pycarbon.portable import RusageSampler
from pycarbon.run import Flag

PACKAGE = Path(pycarbon.__file__).parent


@pytest.fixture
def environ(tmp_path):
    """Give an environment in which pycarbon is found without its compiled core, and writes nowhere else."""
    shutil.copytree(PACKAGE, tmp_path / "lib" / "pycarbon", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return os.environ | {"PYTHONPATH": str(tmp_path / "lib"), "XDG_DATA_HOME": str(tmp_path / "data")}


def python(environ, *arguments, cwd):
    return subprocess.run(
        [sys.executable, "-S", *arguments], env=environ, cwd=cwd, capture_output=True, text=True, timeout=60
    )


def site_packages():
    import numpy

    return Path(numpy.__file__).parent.parent


def test_a_command_is_recorded_on_the_model_and_its_share_is_known(environ, tmp_path):
    # GIVEN a pycarbon without its compiled core
    environ["PYTHONPATH"] += os.pathsep + str(site_packages())
    burn = "import time\nwhile time.process_time() < 0.3: pass"

    # WHEN a command is recorded
    done = python(environ, "-m", "pycarbon", "run", "--json", "--", sys.executable, "-c", burn, cwd=tmp_path)

    # THEN the figures are modelled, the reason is given, and the CPU time is the command's
    report = json.loads(done.stderr[done.stderr.index("{") :])
    assert done.returncode == 0
    assert report["energy"]["kind"] == "modelled"
    assert 0 < report["energy"]["low_j"] <= report["energy"]["total_j"] <= report["energy"]["high_j"]
    assert report["energy"]["process_j"] > 0


def test_record_and_load_work_and_doctor_says_what_is_missing(environ, tmp_path):
    # GIVEN a pycarbon without its compiled core
    environ["PYTHONPATH"] += os.pathsep + str(site_packages())
    program = (
        "import pycarbon\n"
        "with pycarbon.record('block', path='block.pcr') as run: sum(range(10**6))\n"
        "again = pycarbon.load('block.pcr')\n"
        "assert again.energy.total_j == run.energy.total_j > 0\n"
    )

    # WHEN a block is recorded, and the doctor asked
    recorded = python(environ, "-c", program, cwd=tmp_path)
    doctor = python(environ, "-m", "pycarbon", "doctor", cwd=tmp_path)

    # THEN the block has its figures, and the doctor names the core
    assert (recorded.returncode, recorded.stderr) == (0, "")
    assert "the compiled core is not here" in doctor.stdout


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted))
def test_readings_keep_the_order_and_amount_of_cpu_time(cpu_s):
    readings, clock = iter(cpu_s), iter(range(10**6))
    sampler = RusageSampler([], lambda: next(readings), lambda: next(clock))
    edges = [sampler.read()[0] for _ in cpu_s]
    assert [int(edge["raw"]) for edge in edges] == [round(value * 1e6) for value in cpu_s]
    assert edges[0]["flags"] == Flag.FIRST
    assert all(before["t_seen_ns"] == after["t_before_ns"] for before, after in pairwise(edges))
