"""Spans of work: their time, their CPU time, and how busy the machine was."""

from __future__ import annotations

import os
import time

from pycarbon.integrations.span import Stopwatch, busy_s


def spend(cpu_s: float) -> None:
    end_s = time.process_time() + cpu_s
    while time.process_time() < end_s:
        pass


def test_a_span_has_its_own_cpu_time_and_that_of_its_children():
    watch = Stopwatch()
    spend(0.02)
    child = os.fork()
    if not child:
        spend(0.02)
        os._exit(0)
    os.waitpid(child, 0)
    span = watch.span()
    assert 0.04 <= span.cpu_s <= 2 * span.time_s and span.busy_s is None


def test_where_the_machine_is_shared_its_busy_time_is_told(tmp_path):
    # GIVEN a machine that was busy for 3 s, then for 4.5
    stat = tmp_path / "stat"
    tick = os.sysconf("SC_CLK_TCK")
    stat.write_text(f"cpu  {tick} 0 {tick} 9999 8888 {tick} 0 7777 {tick} 0\ncpu0 1 1 1\n")
    assert busy_s(tmp_path) == 3.0
    watch = Stopwatch(shared=True, proc=tmp_path)
    stat.write_text(f"cpu  {2 * tick} {tick // 2} {tick} 9999 8888 {tick} 0 7777 {tick} 0\n")
    assert watch.span().busy_s == 1.5
    # WHEN that cannot be read THEN it is what the span itself used
    stat.write_text("rubbish")
    assert busy_s(tmp_path) is None and busy_s(tmp_path / "nowhere") is None
    span = watch.span()
    assert span.busy_s == span.cpu_s
