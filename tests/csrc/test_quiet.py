"""Quiet work in somebody else's thread: that thread finds everything as it was, and no signal was handled within."""

import ctypes
import errno
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from core import ffi, lib
from handles import wait_until
from hypothesis import given
from hypothesis import strategies as st

ENABLE, DISABLE = 0, 1
"""PTHREAD_CANCEL_"""

ORDINARY = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM, signal.SIGXFSZ, signal.SIGCHLD]


@contextmanager
def quiet() -> Iterator[None]:
    state = ffi.new("struct pc_quiet *")
    lib.pc_quiet_begin(state)
    try:
        yield
    finally:
        lib.pc_quiet_end(state)


def cancel_state(new: int) -> int:
    """Set the thread's, and give what it was."""
    old = ctypes.c_int(-1)
    assert ctypes.CDLL(None).pthread_setcancelstate(new, ctypes.byref(old)) == 0
    return old.value


def blocked() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def pending() -> set[int]:
    return set(signal.sigpending())


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """The signals that this process handled, in order."""
    seen: list[int] = []
    kinds = (signal.SIGUSR1, signal.SIGXFSZ)
    before = [signal.signal(kind, lambda number, _: seen.append(number)) for kind in kinds]
    yield seen
    for kind, handler in zip(kinds, before, strict=True):
        signal.signal(kind, handler)


@given(st.sets(st.sampled_from(ORDINARY)), st.sampled_from([ENABLE, DISABLE]), st.integers(0, 133))
def test_everything_is_as_it_was(mask: set[signal.Signals], state: int, error: int) -> None:
    # GIVEN a thread with any mask, state and error
    mask_before, state_before = signal.pthread_sigmask(signal.SIG_SETMASK, mask), cancel_state(state)
    try:
        ffi.errno = error
        with quiet():
            # WHEN it does what it likes THEN nothing disturbs it
            ffi.errno = errno.EXDEV
            assert blocked() >= set(ORDINARY) and cancel_state(DISABLE) == DISABLE
        # THEN all three are what they were
        assert (ffi.errno, blocked(), cancel_state(state)) == (error, mask, state)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask_before)
        cancel_state(state_before)


@given(st.lists(st.booleans(), max_size=5))
def test_it_may_lie_within_itself(deeper: list[bool]) -> None:
    mask = blocked()

    def work(rest: list[bool]) -> None:
        with quiet():
            inside = blocked()
            if rest:
                work(rest[1:])
            assert blocked() == inside

    work(deeper)
    assert blocked() == mask and cancel_state(ENABLE) == ENABLE


def test_a_signal_that_arrives_within_is_handled_after_the_end(handled: list[int]) -> None:
    with quiet():
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        assert handled == [] and signal.SIGUSR1 in pending()
    wait_until(lambda: handled == [signal.SIGUSR1], "the signal is handled")


def grow_too_large(path: Path) -> None:
    """Write beyond RLIMIT_FSIZE: the kernel answers with EFBIG, and SIGXFSZ to the thread."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("wb", buffering=0) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            assert file.write(b"x" * 20) == 10
            with pytest.raises(OSError, match="File too large"):
                file.write(b"x")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_of_ours_that_grew_too_large_is_no_signal_of_the_thread(handled: list[int], tmp_path: Path) -> None:
    with quiet():
        grow_too_large(tmp_path / "file")
        assert signal.SIGXFSZ in pending()
    assert signal.SIGXFSZ not in pending() and handled == []


@pytest.mark.parametrize("grows", [False, True])
def test_a_file_of_the_threads_own_that_grew_too_large_stays_its_signal(
    grows: bool, handled: list[int], tmp_path: Path
) -> None:
    # GIVEN a thread that holds SIGXFSZ back, and has one waiting
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGXFSZ])
    try:
        grow_too_large(tmp_path / "its own")
        # WHEN it is quiet for a while, and a file of ours may grow too large as well
        with quiet():
            if grows:
                grow_too_large(tmp_path / "ours")
        # THEN its own still waits for it
        assert signal.SIGXFSZ in pending() and handled == []
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    wait_until(lambda: handled == [signal.SIGXFSZ], "its own signal is handled")
