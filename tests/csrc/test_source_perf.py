"""The perf source counts as the kernel counts: its clock of each CPU is an event whose true rate is known."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from core import ffi, lib
from handles import open_files, opened, read, read_error, renew

SOFTWARE, CPU_CLOCK = 1, 0  # from linux/perf_event.h: one count each nanosecond, of each CPU
ENABLE, DISABLE = 0x2400, 0x2401  # its ioctls

# The kernel slews CLOCK_MONOTONIC, but not the CPU's own clock, by 500 ppm at most; what is beyond is how well the
# two were matched at boot.  3 to 5 ppm were seen.
CLOCKS_DIFFER = 1e-3

Event = tuple[int, int, int]  # type, config, CPU


def try_open(*events: Event) -> tuple[int, Any]:
    """The code of pc_source_perf_open, and the source if it is 0."""
    out = ffi.new("struct pc_source **")
    code = lib.pc_source_perf_open(out, ffi.new("struct pc_perf_event[]", list(events)), len(events))
    return code, out[0]


@contextmanager
def perf(*events: Event) -> Iterator[Any]:
    code, source = try_open(*events)
    assert code == 0, errno.errorcode[-code]
    with opened(source):
        yield source


def why_not() -> str | None:
    """Why this process may not count system-wide, if it may not."""
    code, source = try_open((SOFTWARE, CPU_CLOCK, a_cpu()))
    if code == 0:
        source.close(source)
    elif -code in (errno.EACCES, errno.EPERM, errno.ENOSYS):
        return f"perf_event_open answers {errno.errorcode[-code]}: counting needs CAP_PERFMON and a kernel with perf"
    return None


def cpus() -> list[int]:
    return sorted(os.sched_getaffinity(0))  # which are online


def a_cpu() -> int:
    return cpus()[0]


def event_fds() -> set[int]:
    """The descriptors of this process that are perf events."""
    links = {fd: fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}
    return {int(fd.name) for fd, link in links.items() if str(link) == "anon_inode:[perf_event]"}


allowed = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@allowed
def test_every_event_counts_at_the_rate_of_its_cpus_clock():
    # GIVEN the clocks of up to four CPUs as counters
    with perf(*((SOFTWARE, CPU_CLOCK, cpu) for cpu in cpus()[:4])) as source:
        assert source.count == len(cpus()[:4])
        for index in range(source.count):
            # WHEN one is read twice, each time between two looks at CLOCK_MONOTONIC
            before_ns, first, after_ns = time.monotonic_ns(), read(source, index), time.monotonic_ns()
            time.sleep(0.05)
            last_before_ns, last, last_after_ns = time.monotonic_ns(), read(source, index), time.monotonic_ns()
            # THEN it rose by more than the time surely between the readings, and by less than that around them
            shortest_ns, longest_ns = last_before_ns - after_ns, last_after_ns - before_ns
            assert shortest_ns * (1 - CLOCKS_DIFFER) <= last - first <= longest_ns * (1 + CLOCKS_DIFFER)


@allowed
def test_a_count_begins_at_the_opening_and_never_falls():
    start_ns = time.monotonic_ns()
    with perf((SOFTWARE, CPU_CLOCK, a_cpu())) as source:
        counts = [read(source) for _ in range(1000)]
        lasted_ns = time.monotonic_ns() - start_ns
    assert counts == sorted(counts)
    assert 0 < counts[-1] <= lasted_ns * (1 + CLOCKS_DIFFER)


@allowed
def test_events_are_open_until_closed():
    before = open_files()
    event = (SOFTWARE, CPU_CLOCK, a_cpu())
    for _ in range(20):
        with perf(event, event, event):
            assert len(open_files()) == len(before) + 3
        assert open_files() == before


@allowed
def test_events_are_not_handed_to_programs_that_are_started():
    before = event_fds()
    with perf((SOFTWARE, CPU_CLOCK, a_cpu())):
        (fd,) = event_fds() - before
        assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


@allowed
@pytest.mark.parametrize(
    ("bad", "errors"),
    [
        pytest.param((SOFTWARE, CPU_CLOCK, 10**6), {errno.EINVAL, errno.ENODEV}, id="a CPU that is not there"),
        pytest.param((SOFTWARE, CPU_CLOCK, -1), {errno.EINVAL}, id="no CPU"),
        pytest.param((10**6, 0, 0), {errno.ENOENT}, id="an unknown type"),
        pytest.param((SOFTWARE, 10**6, 0), {errno.ENOENT}, id="an unknown event"),
    ],
)
def test_the_error_of_the_first_event_that_cannot_be_opened_is_said_and_nothing_stays_open(bad, errors):
    before = open_files()
    good = (SOFTWARE, CPU_CLOCK, a_cpu())
    for events in ((bad,), (good, bad), (good, bad, good, (10**6, 10**6, -1))):
        code, source = try_open(*events)
        assert -code in errors
        assert source == ffi.NULL
        assert open_files() == before


def test_no_event_is_a_source_without_counters():
    with perf() as source:
        assert source.count == 0


def paranoid() -> int:
    try:
        return int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    except OSError:
        return 0


@allowed
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up what it may")
@pytest.mark.skipif(paranoid() < 1, reason="kernel.perf_event_paranoid is below 1 here: everybody may count")
def test_who_may_not_count_is_told_so():
    os.seteuid(65534)
    try:
        code, _ = try_open((SOFTWARE, CPU_CLOCK, a_cpu()))
    finally:
        os.seteuid(0)
    assert code == -errno.EACCES


@allowed
def test_an_event_that_was_taken_out_of_service_is_noticed_and_opened_anew():
    # GIVEN an event that has counted, in the state that it gets when its CPU goes offline
    before = event_fds()
    with perf((SOFTWARE, CPU_CLOCK, a_cpu())) as source:
        (fd,) = event_fds() - before
        fcntl.ioctl(fd, DISABLE)
        read(source)  # what it counted up to then
        # WHEN it is read on, THEN it answers ENODEV instead of its last count, until it is renewed
        assert {read_error(source) for _ in range(10)} == {"ENODEV"}
        before_ns = time.monotonic_ns()
        renew(source)
        count = read(source)
        # THEN it counts from 0, and the old one is closed
        assert 0 < count <= (time.monotonic_ns() - before_ns) * (1 + CLOCKS_DIFFER)
        assert read(source) > count
        assert len(event_fds() - before) == 1
    assert event_fds() == before


@allowed
def test_an_event_that_counts_again_is_good_at_once():
    before = event_fds()
    with perf((SOFTWARE, CPU_CLOCK, a_cpu())) as source:
        (fd,) = event_fds() - before
        fcntl.ioctl(fd, DISABLE)
        last = read(source)
        assert {read_error(source) for _ in range(10)} == {"ENODEV"}
        fcntl.ioctl(fd, ENABLE)
        count = read(source)
        assert count >= last
        # WHEN it is renewed, THEN it goes on: there is no need for another
        renew(source)
        assert read(source) > count
        assert event_fds() - before == {fd}


@allowed
def test_one_event_that_fails_leaves_the_others_alone():
    before = event_fds()
    with perf((SOFTWARE, CPU_CLOCK, a_cpu()), (SOFTWARE, CPU_CLOCK, cpus()[-1])) as source:
        fcntl.ioctl(min(event_fds() - before), DISABLE)
        read(source, 0)
        assert [read_error(source, index) for index in (0, 1, 0, 1)] == ["ENODEV", None, "ENODEV", None]


@allowed
def test_a_quiet_counter_is_no_failure():
    # GIVEN the kernel's count of alignment faults, which stands still on a CPU that fixes them itself
    with perf((SOFTWARE, 7, a_cpu())) as source:
        for _ in range(3):
            assert read_error(source) is None
            renew(source)
