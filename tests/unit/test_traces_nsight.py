"""Tests for pycarbon.traces.nsight: launches as Nsight Systems exported them."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_writer import BASE_NS, PID, UUID, global_pid, nsight

from pycarbon.errors import TraceError
from pycarbon.kernel_timeline import Device
from pycarbon.traces.collected import Launch
from pycarbon.traces.nsight import read

NAMES = {0: st.sampled_from(["gemm<float>", "é", "k"]), 1: st.just("Memcpy HtoD"), 2: st.just("Memset")}
LAUNCHES = st.lists(
    st.integers(0, 2).flatmap(
        lambda kind: st.builds(
            lambda start, length, name, device, stream: Launch(
                BASE_NS + start, BASE_NS + start + length, name, device, kind, stream
            ),
            st.integers(-(10**9), 10**13),
            st.integers(0, 10**12),
            NAMES[kind],
            st.integers(0, 7),
            st.integers(0, 200),
        )
    ),
    min_size=1,
    max_size=8,
)
ONE = Launch(BASE_NS + 10, BASE_NS + 30, "gemm", 0, 0, 7)
GPU_1 = Device("NVIDIA H100 80GB HBM3", f"GPU-{UUID}", "0000:2b:00.0")


def launches(timeline):
    return [Launch(s, e, timeline.names[n], d, k, t) for s, e, n, d, k, t, _ in timeline.spans.tolist()]


def changed(folder, *statements, wanted=(ONE,)):
    path = folder / "x.sqlite"
    nsight(path, wanted)
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


@settings(max_examples=30)
@given(wanted=LAUNCHES)
def test_launches_come_back(wanted, tmp_path_factory):
    path = tmp_path_factory.mktemp("n") / "x.sqlite"
    nsight(path, wanted)
    told = []
    got = read(path, lambda done, size: told.append((done, size)))
    assert sorted(launches(got)) == sorted(wanted)
    assert (got.clock, got.hostname, got.devices) == ("wall", "node7", {0: GPU_1})
    assert told == sorted(told) and told[-1] == (path.stat().st_size, path.stat().st_size)


def test_the_error_grows_with_the_session(tmp_path):
    assert read(changed(tmp_path)).error_ns == 1000
    late = ONE._replace(end_ns=BASE_NS + 10**10)
    nsight(tmp_path / "late.sqlite", [late])
    assert read(tmp_path / "late.sqlite").error_ns == 501_000


def test_damaged_rows_are_left_out_and_counted(tmp_path):
    row = "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({}, {}, {}, 1, 0, 7, 1, 0, 10, 10, 10, NULL)"
    damaged = [
        (30, 10, 0),
        ("'x'", 10, 0),
        (1, 2.5, 0),
        (0, 2**63 - 1, 0),
        (-(2**62), 5, 0),
        (1, 2, -1),
        (1, 2, "'0'"),
    ]
    got = read(changed(tmp_path, *(row.format(*values) for values in damaged)))
    # SQLite itself turns '0' into a number in a column of numbers
    assert len(got.spans) == 2 and "without 6 launches" in got.origin


def test_one_number_of_two_processes_may_be_two_gpus(tmp_path):
    # GIVEN two processes whose device 0 is not the same GPU
    path = changed(
        tmp_path,
        f"INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (0, 0, {PID + 1}, '', 132)",
        "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES "
        f"(50, 60, 0, 1, 0, 7, 1, {global_pid(PID + 1)}, 10, 10, 10, NULL)",
    )
    # WHEN it is read, THEN they are told apart, by Nsight's numbers
    got = read(path)
    assert got.spans["device"].tolist() == [1, 0]
    assert got.devices[1] == GPU_1 and got.devices[0].pci_bus_id == "0000:2a:00.0"


def test_graphs_are_whole_where_their_kernels_were_not_traced(tmp_path):
    path = changed(
        tmp_path,
        "CREATE TABLE CUPTI_ACTIVITY_KIND_GRAPH_TRACE (start INT, end INT, deviceId INT, streamId INT, graphId INT)",
        "INSERT INTO CUPTI_ACTIVITY_KIND_GRAPH_TRACE VALUES (100, 200, 0, 7, 3)",
    )
    got = read(path)
    assert launches(got)[1] == Launch(BASE_NS + 100, BASE_NS + 200, "CUDA graph 3", 0, 0, 7)
    assert "--cuda-graph-trace=node" in got.origin


def test_exports_that_say_less_are_read(tmp_path):
    # GIVEN an old export: a GPU without UUID, nothing on processes, the host, or kernels' whole names
    path = changed(
        tmp_path,
        "DROP TABLE TARGET_INFO_CUDA_DEVICE",
        "DROP TABLE TARGET_INFO_SYSTEM_ENV",
        "DELETE FROM TARGET_INFO_GPU WHERE id = 0",
        "ALTER TABLE TARGET_INFO_GPU DROP COLUMN uuid",
        "ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN demangledName",
        "ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN globalPid",
        "ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN streamId",
        "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL (start, end, deviceId, contextId, shortName) "
        "VALUES (99, 99, 0, 1, 5)",
    )
    got = read(path)
    assert launches(got) == [
        ONE._replace(stream=0),
        Launch(BASE_NS + 99, BASE_NS + 99, "kernel without a name", 0, 0, 0),
    ]
    assert got.devices == {0: Device("NVIDIA H100 80GB HBM3", None, "0000:2b:00.0")} and got.hostname is None


def test_of_several_gpus_none_is_guessed(tmp_path):
    assert read(changed(tmp_path, "DROP TABLE TARGET_INFO_CUDA_DEVICE")).devices == {}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM CUPTI_ACTIVITY_KIND_KERNEL", "no GPU kernels: was it recorded with nsys profile --trace=cuda"),
        ("UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET end = 1", "none of the 1 launches"),
        ("DROP TABLE TARGET_INFO_SESSION_START_TIME", "does not say when it was recorded"),
        ("UPDATE TARGET_INFO_SESSION_START_TIME SET utcEpochNs = 'x'", "does not say when it was recorded"),
        ("INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (5, '', '', 5)", "does not say when it was recorded"),
        ("DROP TABLE StringIds", "no such table: StringIds; export it again"),
        ("ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN deviceId", "no such column: deviceId"),
    ],
)
def test_what_tells_of_no_launches_is_one_line(statement, said, tmp_path):
    with pytest.raises(TraceError, match=said) as caught:
        read(changed(tmp_path, statement))
    assert "\n" not in str(caught.value)


def test_any_other_database_is_refused(tmp_path):
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (id INTEGER)")
    with pytest.raises(TraceError, match="no export of Nsight Systems"):
        read(path)


def test_any_cut_and_any_damage_is_one_line_or_harmless(tmp_path):
    path = changed(tmp_path)
    whole = path.read_bytes()
    for cut in range(16, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(TraceError, match="cut short"):
            read(path)
    for at in range(100, len(whole), 97):
        path.write_bytes(whole[:at] + bytes(255 - byte for byte in whole[at : at + 9]) + whole[at + 9 :])
        try:
            read(path)
        except TraceError as error:
            assert "\n" not in str(error)
