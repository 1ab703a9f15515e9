"""A channel renews its source about once a second while that fails or shows nothing new."""

import os
from pathlib import Path

import pytest
from core import ffi, lib
from handles import FIRST, FOUND, LOST, FakeClock, created_ring, created_sampler, drain, opened

SECOND, MS = 1_000_000_000, 1_000_000


@pytest.fixture
def zone(ram_path: Path) -> Path:
    path = ram_path / "energy_uj"
    path.write_text("1\n")
    return path


def powercap(path: Path):
    names = [ffi.new("char[]", os.fsencode(path))]
    out = ffi.new("struct pc_source **")
    assert lib.pc_source_powercap_open(out, ffi.new("char *[]", names), 1) == 0
    return out[0]


@pytest.mark.parametrize("period_ns", [0, MS, 10 * SECOND], ids=["at edges", "at 1 kHz", "every ten seconds"])
def test_a_zone_that_goes_and_comes_back_is_lost_and_found_in_good_time(zone, period_ns):
    clock = FakeClock(reading_ns=500)
    good_time_ns = 1200 * MS + 2 * period_ns

    with (
        created_ring(1024) as ring,
        opened(powercap(zone)) as source,
        created_sampler(ring, [source], clock.pointer, period_ns=period_ns, gap_ns=100 * SECOND) as sampler,
    ):

        def live(lasting_ns):
            lib.test_live(sampler, clock.clock, clock.now_ns + lasting_ns, [0], 1)
            return [(edge.flags, edge.raw) for edge in drain(ring)]

        # GIVEN a zone that changes and then stands still
        assert live(SECOND) == [(FIRST, 1)]
        zone.write_text("5\n")
        assert live(good_time_ns) == [(0, 5)]
        assert live(5 * SECOND) == []
        # WHEN it is removed on a file system that goes on answering, THEN it is lost once
        zone.unlink()
        assert live(good_time_ns) == [(LOST, 5)]
        assert live(5 * SECOND) == []
        # WHEN it comes back, THEN it is found
        zone.write_text("9\n")
        assert live(good_time_ns) == [(FOUND, 9)]
        zone.write_text("10\n")
        assert live(good_time_ns) == [(0, 10)]


def test_a_source_is_renewed_once_a_second_and_not_while_there_is_news():
    # GIVEN a source that counts
    readings: list[int] = []
    renewals: list[int] = []
    values = {"now": 0, "error": 0}
    clock = FakeClock()

    @ffi.callback("int(struct pc_source *, size_t, uint64_t *)")
    def read(_, __, raw):
        readings.append(clock.now_ns)
        raw[0] = values["now"]
        return -values["error"]

    @ffi.callback("void(struct pc_source *, size_t)")
    def renew(_, index):
        assert index == 0
        renewals.append(clock.now_ns)

    source = ffi.new("struct pc_source *", {"read": read, "renew": renew, "count": 1})
    channel = ffi.new("struct pc_channel *", {"source": source})
    with created_ring(1024) as ring:

        def read_for(seconds, step=0):
            renewals.clear()
            for _ in range(seconds * 20):
                clock.now_ns += SECOND // 20
                values["now"] += step
                lib.pc_channel_read(channel, ring, clock.pointer, clock.now_ns)
            return len(renewals)

        # THEN
        assert read_for(5, step=1) == 0
        assert read_for(5) == 5
        values["error"] = 5
        assert read_for(5) == 5
        values["error"] = 0
        assert read_for(5, step=1) <= 1
        # a source without anything to renew is left alone
        source.renew = ffi.NULL
        assert read_for(5) == 0
