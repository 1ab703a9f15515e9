"""The sampler's thread gets the CPUs and the priority that it is allowed to have, and runs in any case."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from core import lib
from handles import FIRST, LAST, created_ring, created_sampler, drain, opened, replay

NORMAL, NICE, REALTIME = lib.PC_PRIORITY_NORMAL, lib.PC_PRIORITY_NICE, lib.PC_PRIORITY_REALTIME
SECOND = 1_000_000_000


def the_thread() -> Path:
    (task,) = (task for task in Path("/proc/self/task").iterdir() if (task / "comm").read_text() == "pycarbon\n")
    return task


@contextmanager
def started(**place) -> Iterator[tuple[int, int, Path]]:
    """A thread that looks once a minute: what refused its CPUs, what its priority, and its folder in /proc."""
    clock = lib.pc_clock_monotonic()
    options = {"period_ns": 60 * SECOND, "gap_ns": SECOND} | place
    with (
        created_ring(16) as ring,
        opened(replay(clock, [(0, 7, 0)])) as source,
        created_sampler(ring, [source], clock, **options) as sampler,
    ):
        assert lib.pc_sampler_start(sampler) == 0
        grant = lib.pc_sampler_granted(sampler)
        yield grant.cpus, grant.priority, the_thread()
        assert lib.pc_sampler_stop(sampler) == 0
        # in any case it ran
        assert [edge.flags for edge in drain(ring)] == [FIRST, LAST]


def allowed_cpus(task: Path) -> set[int]:
    return os.sched_getaffinity(int(task.name))


def absent_cpu() -> int:
    return next(cpu for cpu in range(1024) if cpu not in os.sched_getaffinity(0))


def test_asked_for_nothing_it_runs_as_its_creator_does():
    with started() as (cpus, priority, task):
        assert (cpus, priority) == (0, 0)
        assert allowed_cpus(task) == os.sched_getaffinity(0)
        assert os.sched_getscheduler(int(task.name)) == os.SCHED_OTHER


@pytest.mark.parametrize("pick", [min, max])
def test_it_runs_on_the_cpus_it_asked_for_and_its_creator_stays_where_it_was(pick):
    before = os.sched_getaffinity(0)
    with started(cpus=[pick(before)]) as (cpus, _, task):
        assert cpus == 0
        assert allowed_cpus(task) == {pick(before)}
        listed = (task / "status").read_text().split("Cpus_allowed_list:")[1].split()[0]
        assert listed == str(pick(before))
    assert os.sched_getaffinity(0) == before


def test_of_the_cpus_it_asked_for_those_that_are_there_are_enough():
    mine = min(os.sched_getaffinity(0))
    with started(cpus=[-1, absent_cpu(), mine, 10**6, 2**31 - 1]) as (cpus, _, task):
        assert cpus == 0
        assert allowed_cpus(task) == {mine}


@pytest.mark.parametrize("wanted", [lambda: [absent_cpu()], lambda: [-1], lambda: [10**6, -(2**31)]])
def test_without_any_of_its_cpus_it_is_told_and_runs_where_it_may(wanted):
    with started(cpus=wanted()) as (cpus, _, task):
        assert cpus == errno.EINVAL
        assert allowed_cpus(task) == os.sched_getaffinity(0)


def niceness(task: Path) -> int:
    return os.getpriority(os.PRIO_PROCESS, int(task.name))


def test_niceness_is_the_threads_alone():
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with started(priority=NICE) as (_, refused, task):
        if refused in (errno.EPERM, errno.EACCES):
            pytest.skip("only with CAP_SYS_NICE")
        assert refused == 0
        assert niceness(task) == -10
        assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_real_time_is_the_threads_alone_and_at_its_lowest_level():
    with started(priority=REALTIME) as (_, refused, task):
        if refused == errno.EPERM:
            pytest.skip("only with CAP_SYS_NICE, and a share of real time for this control group")
        assert refused == 0
        assert os.sched_getscheduler(int(task.name)) == os.SCHED_FIFO
        assert os.sched_getparam(int(task.name)).sched_priority == os.sched_get_priority_min(os.SCHED_FIFO)
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@contextmanager
def without_privileges() -> Iterator[None]:
    limits = {which: resource.getrlimit(which) for which in (resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE)}
    for which, (_, hard) in limits.items():
        resource.setrlimit(which, (0, hard))
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for which, both in limits.items():
            resource.setrlimit(which, both)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up what it may")
@pytest.mark.parametrize(("priority", "errors"), [(NICE, {errno.EPERM, errno.EACCES}), (REALTIME, {errno.EPERM})])
def test_who_may_not_is_refused_and_runs_as_before(priority, errors):
    with without_privileges(), started(priority=priority) as (cpus, refused, task):
        assert cpus == 0
        assert refused in errors
        assert os.sched_getscheduler(int(task.name)) == os.SCHED_OTHER
        assert niceness(task) == os.getpriority(os.PRIO_PROCESS, 0)
