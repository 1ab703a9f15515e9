"""Figures between processes of one machine: asked for and answered, by forks and threads, and never by others."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from pycarbon.integrations.exchange import Answering, Asking
from pycarbon.integrations.figure import Figure, unknown
from pycarbon.integrations.span import Span

SPANS = [Span(1, 3, 0.5), Span(4, 10, 0.25, 1.5)]


def answer(spans: list[Span]) -> list[Figure]:
    """A figure that only depends on its span; one of span 0 is not known."""
    return [
        Figure(float(s.end_ns), 0.0, 99.0, "measured", s.cpu_s, 0.0, 1.0, s.time_s, True, f"{s.busy_s}")
        if s.end_ns
        else unknown(0.0, "no counter")
        for s in spans
    ]


@pytest.fixture
def answering():
    found = Answering(answer)
    yield found
    found.close()
    assert not Path(found.address).exists() and not [t for t in threading.enumerate() if "exchange" in t.name]


def test_what_is_answered_is_what_is_heard(answering):
    asking = Asking(answering.address)
    assert asking.figures(SPANS) == answer(SPANS)
    (nothing,) = asking.figures([Span(0, 0, 0.0)])
    assert not nothing.known and nothing.note == "no counter" and nothing.energy_j != nothing.energy_j
    asking.close()


def test_many_threads_may_ask_at_once(answering):
    asking, heard = Asking(answering.address), []

    def ask(number: int) -> None:
        spans = [Span(number, number + 1, 0.0)] * (number + 1)
        heard.append(asking.figures(spans) == answer(spans))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [True] * 20
    asking.close()


def test_a_fork_asks_by_a_connection_of_its_own(answering):
    asking = Asking(answering.address)
    asking.figures(SPANS)
    child = os.fork()
    if not child:
        os._exit(0 if asking.figures(SPANS) == answer(SPANS) else 1)
    assert asking.figures(SPANS) == answer(SPANS)
    assert os.waitpid(child, 0)[1] == 0
    asking.close()


def test_what_goes_wrong_there_is_told_here():
    def fail(spans: list[Span]) -> list[Figure]:
        raise ValueError("the counter has gone")

    answering = Answering(fail)
    asking = Asking(answering.address)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the counter has gone"):
            asking.figures(SPANS)
    # WHEN the other side ends THEN that is an OSError, again and again
    answering.close()
    for _ in range(2):
        with pytest.raises(OSError):
            asking.figures(SPANS)


def test_only_its_user_can_get_at_the_socket(answering, tmp_path):
    assert stat.S_IMODE(Path(answering.address).parent.stat().st_mode) == 0o700


def test_a_long_temporary_folder_does_not_matter(tmp_path, monkeypatch):
    import tempfile

    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    answering = Answering(answer)
    asking = Asking(answering.address)
    assert asking.figures(SPANS) == answer(SPANS)
    asking.close()
    answering.close()
    assert not list(deep.iterdir())
