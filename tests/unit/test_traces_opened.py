"""Tests for pycarbon.traces.opened: plain bytes, and how far they are."""

import gzip

import pytest

from pycarbon.errors import TraceError
from pycarbon.traces.opened import opened


@pytest.mark.parametrize("zipped", [False, True])
def test_progress_is_in_bytes_of_the_file(tmp_path, zipped):
    path, told = tmp_path / "trace", []
    data = bytes(range(256)) * 1000
    path.write_bytes(gzip.compress(data) if zipped else data)
    with opened(path, lambda done, size: told.append((done, size))) as stream:
        assert b"".join(iter(lambda: stream.read(1000), b"")) == data
    assert told == sorted(told) and told[-1] == (path.stat().st_size, path.stat().st_size)


def test_a_gzip_cut_short_or_damaged_is_one_line(tmp_path):
    path = tmp_path / "trace.gz"
    whole = gzip.compress(bytes(range(256)) * 10)
    for data, said in ((whole[:-4], "cut short"), (whole[:20], "cut short"), (whole[:-6] + b"......", "damaged")):
        path.write_bytes(data)
        with pytest.raises(TraceError, match=said), opened(path) as stream:
            while stream.read(100):
                pass


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(TraceError, match="cannot be read: No such file"), opened(tmp_path / "none"):
        pass
