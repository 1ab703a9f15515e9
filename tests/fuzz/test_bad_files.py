"""Named bad files: each is refused in one line, or told of, in little time and memory; never anything else.

`tests/golden/make_bad.py` wrote them, and makes the large ones anew. They stay, like golden files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
KEPT = sorted((GOLDEN / "bad").glob("*.pcr"))

TOLD = None
DAMAGED_BEGINNING = "was cut before its metadata"
COLUMNS, TIMES = "holds edges of other columns than", "holds edges whose times do not go forward"
OTHER_TIME, CHANNELS = "holds edges of another time than", "holds edges of other channels than"
EARLY, ZSTD = "holds an edge that was seen before it came", "that do not decompress"
INDEX, WRONG_INDEX = "holds an index of frames that cannot be", "holds an index that is wrong about its frames"
ROOM, JSON = "more than there is memory for", "holds metadata that cannot be read"
GRID = f"{JSON}: intensity cannot be"
TOTALS, SLICES = f"{JSON}: totals cannot be", "holds slices of time that do not go forward"
PLACE, TREE = "holds a region within one, or with a label, that was not", "holds a tree of regions larger or deeper"

EXPECTED = {
    "a-million-failures": TOLD,
    "a-million-gaps": TOLD,
    "a-million-resets": TOLD,
    "before-after-seen": EARLY,
    "before-below-zero": EARLY,
    "before-none-before": "holds an edge that refers to one before the first",
    "before-of-overlapping-looks": TOLD,
    "channel-65535": CHANNELS,
    "channel-65535-raw": "holds edges of no channel",
    "channel-beyond-65534": f"{JSON}: no channel",
    "channel-of-another-raw": "holds edges of another channel than",
    "channel-twice": CHANNELS,
    "channel-without-a-curve": f"{JSON}: a modelled channel has no curve",
    "channels-more-than-edges": "holds a frame of 3 edges of 4 channels",
    "channels-none": "holds a frame of 3 edges of 0 channels",
    "channels-with-one-id": f"{JSON}: two channels have one id",
    "claims-2-20-edges-in-no-bytes": ZSTD,
    "claims-2-63-values": "holds edges of 0 bytes where 90 were announced",
    "claims-huge-count": ROOM,
    "column-cut": COLUMNS,
    "column-too-long": COLUMNS,
    "count-of-nothing": "holds a frame of 0 edges",
    "domain-a-terminal-obeys": TOLD,
    "empty": "is empty",
    "error-beyond": "holds edges with flags or errors that cannot be",
    "first-time-no-whole-tick": "in ticks of 100 ns",
    "flags-beyond": "holds edges with flags or errors that cannot be",
    "flags-to-ignore": TOLD,
    "footer-before-metadata": "holds metadata where none belongs",
    "frame-twice": TOLD,
    "frame-twice-renumbered": TIMES,
    "frames-go-back": TIMES,
    "header-alone": DAMAGED_BEGINNING,
    "header-cut": DAMAGED_BEGINNING,
    "header-damaged": "has a damaged header",
    "hours-fewer-than-a-year": GRID,
    "hours-nan": GRID,
    "hours-of-a-later-version": TOLD,
    "hours-of-another-time": TOLD,
    "hours-of-the-first-day": TOLD,
    "hours-of-the-last-day": TOLD,
    "index-beyond-the-end": INDEX,
    "index-claims-2-40-edges": ROOM,
    "index-in-circles": INDEX,
    "index-leaves-out-a-frame": "holds an index that lacks frames",
    "index-of-another-channel": WRONG_INDEX,
    "index-of-another-channel-once": WRONG_INDEX,
    "index-of-another-channel-raw": WRONG_INDEX,
    "index-of-another-time": WRONG_INDEX,
    "index-of-another-type": WRONG_INDEX,
    "index-of-channel-65535": WRONG_INDEX,
    "index-of-other-counts": WRONG_INDEX,
    "index-of-two-types": INDEX,
    "index-overlapping-frames": WRONG_INDEX,
    "index-points-at-itself": INDEX,
    "json-deep": JSON,
    "json-deep-command": JSON,
    "json-deep-unknown": TOLD,
    "json-lone-surrogates": TOLD,
    "json-names-twice": TOLD,
    "json-no-object": f"{JSON}: it is no object",
    "json-no-text": JSON,
    "json-not-ended": JSON,
    "json-number-of-10000-digits": JSON,
    "json-with-mark": JSON,
    "kernels-a-device-twice": f"{JSON}: devices cannot be",
    "kernels-a-terminal-obeys": TOLD,
    "kernels-with-a-hole": "holds names of kernels that do not go on",
    "last-time-of-another": OTHER_TIME,
    "launches-before-kernels": "holds launches of kernels that were not announced",
    "launches-beyond-2-62": "holds launches of kernels that do not go forward",
    "launches-go-back": "holds launches of kernels that do not go forward",
    "launches-in-no-bytes": TOLD,
    "launches-of-another-kind": "holds launches of an unknown kind 3",
    "launches-of-another-time": "holds launches of kernels at another time than was announced",
    "launches-of-no-kernel": "holds launches of a kernel that was not announced",
    "launches-skipped-kernels": TOLD,
    "length-beyond-the-end": TOLD,
    "marks-beyond-2-62": "holds marks whose times cannot be",
    "marks-of-another-kind": "holds marks of an unknown kind 3",
    "marks-of-no-node": "holds marks of a region that was not announced",
    "marks-that-do-not-nest": TOLD,
    "metadata-not-first": "holds metadata where none belongs",
    "names-cycle": PLACE,
    "names-parent-of-itself": PLACE,
    "names-with-a-hole": "holds names of regions that do not go on",
    "names-without-label": PLACE,
    "no-run-file": "is not a pycarbon run file",
    "nodes-1025-deep": TREE,
    "one-byte": DAMAGED_BEGINNING,
    "place-a-terminal-obeys": TOLD,
    "pue-outside-its-range": f"{JSON}: it has a PUE outside its range",
    "range-2-62": f"{JSON}: no channel",
    "reserved-bits": TOLD,
    "rings-elsewhere": f"{JSON}: rings cannot be",
    "rows-before-names": "holds rows of regions out of order, or of a slice",
    "rows-in-no-bytes": TOLD,
    "rows-longer-than-their-slice": TOLD,
    "rows-of-no-node": "holds rows of regions of a region that was not announced",
    "rows-of-no-slice": "holds rows of regions out of order, or of a slice",
    "rows-out-of-order": "holds rows of regions out of order, or of a slice",
    "rows-skipped-before-marks": TOLD,
    "rows-with-too-many-calls": "holds rows of regions with more calls than can be",
    "run-ends-before-it-begins": "holds a run that ends before it begins",
    "seen-overflow": OTHER_TIME,
    "sequence-jumps": TOLD,
    "slices-beyond-2-62": SLICES,
    "slices-overlap": SLICES,
    "step-overflow": TOLD,
    "table-counts-overflow": CHANNELS,
    "table-counts-zero": CHANNELS,
    "table-divides-by-zero": CHANNELS,
    "table-reserved-bits": TOLD,
    "text-a-terminal-obeys": TOLD,
    "tick-zero": "in ticks of 0 ns",
    "time-below-zero": OTHER_TIME,
    "time-beyond-2-62": OTHER_TIME,
    "totals-below-zero": TOTALS,
    "totals-infinite": TOTALS,
    "totals-low-above-high": TOTALS,
    "totals-nan": TOTALS,
    "totals-of-arithmetic-1.0": TOTALS,
    "totals-of-hours-of-no-energy": TOLD,
    "totals-of-hours-that-overflow": TOLD,
    "totals-of-other-arithmetic": TOLD,
    "totals-of-other-channels": "holds figures of other channels than were recorded",
    "trailer-alone": DAMAGED_BEGINNING,
    "trailer-beyond-the-end": TOLD,
    "trailer-to-the-metadata": TOLD,
    "trailer-to-the-trailer": TOLD,
    "trailing-garbage": TOLD,
    "turn-beyond": "holds edges of a channel that was not announced",
    "two-footers": TOLD,
    "two-metadata": "holds metadata where none belongs",
    "unit-1e9999": f"{JSON}: a unit of '1e9999'",
    "unit-divides-by-zero": f"{JSON}: a unit of '1/0'",
    "unit-of-many-digits": f"{JSON}: a unit of '9999",
    "unknown-codec": "unknown codec 9 or flags 0x0; update pycarbon",
    "unknown-flags": "has flags 0x1 that this pycarbon does not know",
    "unknown-frame-flags": "unknown codec 2 or flags 0x2; update pycarbon",
    "unknown-frame-type": "holds a frame of unknown type 99; update pycarbon",
    "unknown-version": "is a run file of version 2, and this pycarbon reads version 1",
    "width-9": COLUMNS,
    "width-overflow": EARLY,
    "zone-of-2025-digits": TOLD,
    "zstd-bomb-1-gib": "holds edges of more bytes than the 90 that were announced",
    "zstd-cut": ZSTD,
    "zstd-garbage-behind": ZSTD,
    "zstd-too-few": "holds edges of 89 bytes where 90 were announced",
    "zstd-two-frames": ZSTD,
    "zstd-window-2-gib": ZSTD,
}
"""With what each is refused, or that it is told of: some are only cut, odd, or of a kind that a reader skips."""

EXPECTED_OF_LARGE = {
    "65536-channels": f"{JSON}: no channel",
    "a-million-channels": JSON,
    "edges-of-zero-bytes-per-edge-4000-frames": ROOM,
    "alternatives-10000": TOLD,
    "hours-300000": TOLD,
    "json-beyond-2-24-bytes": f"{JSON}: it has",
    "json-number-of-10-mb": JSON,
    "name-of-4-mb": TOLD,
    "nodes-10000-flat": TOLD,
    "nodes-2-14-in-chains-of-1024": TOLD,
    "nodes-2-16-and-one": TREE,
    "nodes-2-16-in-a-chain": TREE,
    "notes-of-4-mb": TOLD,
    "payload-beyond-2-26-bytes": TOLD,
    "totals-of-hours-beyond-9999": TOTALS,
}


def what_comes_of(paths):
    """Use each file in a child with 1 GiB of memory and a minute; by name, what came of it."""
    environ = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, HERE / "limited.py", *paths]
    told = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert told.returncode == 0, told.stderr
    return {found["name"]: found for found in map(json.loads, told.stdout.splitlines())}


@pytest.fixture(scope="module")
def kept():
    return what_comes_of(KEPT)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    maker = [sys.executable, GOLDEN / "make_bad.py", folder]
    subprocess.run(maker, check=True, capture_output=True)
    return what_comes_of(sorted(folder.glob("*.pcr")))


def check(found, expected):
    """Check what came of a file: refused by the library, and by the command in one line, or told of by both."""
    assert not {"raised", "signal"} & found.keys(), found
    refused = found["refused"]
    assert (refused is None) if expected is TOLD else (refused is not None and expected in refused), refused
    for status, letters, complaint in (found["text"], found["json"]):
        if status == 0:  # what the report does not need may be wrong
            assert letters > 0 and complaint == ""
        else:
            assert (status, letters, complaint) == (1, 0, f"pycarbon: {refused}\n") and refused.isprintable()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_bad_file(kept, name):
    check(kept[name], EXPECTED[name])


@pytest.mark.lengthy
@pytest.mark.parametrize("name", EXPECTED_OF_LARGE)
def test_a_large_bad_file(large, name):
    check(large[name], EXPECTED_OF_LARGE[name])


def test_no_bad_file_is_forgotten(kept, large):
    assert kept.keys() == EXPECTED.keys() and large.keys() == EXPECTED_OF_LARGE.keys()
