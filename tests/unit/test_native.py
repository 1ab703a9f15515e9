"""What the boundary hands to the core arrives there, and the core's errors say what they are about."""

import errno

import pytest

from pycarbon._native import Source, read_msr

SOFTWARE, CPU_CLOCK = 1, 0
UNIT, PACKAGE, DRAM = 0x606, 0x611, 0x619


@pytest.fixture
def register_file(tmp_path):
    path = tmp_path / "msr"
    content = bytearray(DRAM + 8)
    for number, value in ((UNIT, 2**63 + 5), (PACKAGE, 2**32 + 6), (DRAM, 7)):
        content[number : number + 8] = value.to_bytes(8, "little")
    path.write_bytes(content)
    return path


def test_registers_arrive_with_their_paths(tmp_path, register_file):
    absent = tmp_path / "absent"
    source = Source.msr([([absent, register_file], PACKAGE), ((str(register_file),), DRAM)])
    assert (source.read(0), source.read(1)) == (6, 7)
    with pytest.raises(IndexError):
        source.read(2)
    assert read_msr(register_file, UNIT) == 2**63 + 5


def test_an_error_names_the_registers(tmp_path, register_file):
    absent = tmp_path / "absent"
    with pytest.raises(FileNotFoundError) as caught:
        Source.msr([([register_file], PACKAGE), ([absent, register_file], DRAM + 100)])
    assert caught.value.filename == (
        f"register {PACKAGE:#x} of {register_file}, register {DRAM + 100:#x} of {absent} or {register_file}"
    )
    with pytest.raises(OSError) as caught:
        read_msr(register_file, DRAM + 1)
    assert (caught.value.errno, caught.value.filename) == (errno.EBADMSG, f"register 0x61a of {register_file}")


def test_an_error_names_the_events():
    with pytest.raises(OSError) as caught:
        Source.perf([(10**6, 2, 0)])
    assert caught.value.filename == "event 0x2 of PMU 1000000 on CPU 0"


def test_events_arrive_whole():
    try:
        source = Source.perf([(SOFTWARE, CPU_CLOCK, 0), (SOFTWARE, CPU_CLOCK, 0)])
    except PermissionError as error:
        pytest.skip(f"counting needs CAP_PERFMON: {error}")
    counts = [source.read(index) for index in (0, 1, 0, 1)]
    assert counts[2] > counts[0] > 0
    assert counts[3] > counts[1] > 0


@pytest.mark.parametrize("event", [(-1, 0, 0), (2**32, 0, 0), (0, -1, 0), (0, 2**64, 0), (0, 0, 2**31)])
def test_a_number_out_of_range_is_refused(event):
    with pytest.raises(OverflowError):
        Source.perf([event])


def test_a_register_number_out_of_range_is_refused(register_file):
    with pytest.raises(OverflowError):
        Source.msr([([register_file], 2**32)])
    with pytest.raises(OverflowError):
        read_msr(register_file, -1)
