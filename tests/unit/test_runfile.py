"""Run files: what goes in comes out, whatever is cut or damaged is noticed, and version 1 stays readable."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from report_checks import check_reports

from pycarbon import columns, edge_reader, runfile
from pycarbon.analysis import load
from pycarbon.errors import RunFileError
from pycarbon.frame import (
    EDGES,
    FOOTER,
    FRAME_HEADER_BYTES,
    IGNORABLE,
    LATEST_NS,
    MAX_PER_FRAME,
    META,
    VERSION,
    Frame,
    file_header,
    json_frame,
)
from pycarbon.run import EDGE_DTYPE, Channel, Flag, RunData

GOLDEN = Path(__file__).parents[1] / "golden"
CHANNEL = Channel(0, "package-0", "powercap", "measured", "energy", Fraction(1, 1_000_000), 0, True)
BEGINNING = {"start_ns": 0, "channels": [CHANNEL.to_dict()]}


def golden_maker():
    spec = importlib.util.spec_from_file_location("make_run_v1", GOLDEN / "make_run_v1.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


edges_frame = golden_maker().edges_frame


def encoded(frames):
    return file_header() + b"".join(frame.encode(number) for number, frame in enumerate(frames))


def some_edges(count=3, channel=0):
    edges = np.zeros(count, EDGE_DTYPE)
    edges["t_seen_ns"] = np.arange(1, count + 1) * 1_000_003
    edges["t_before_ns"] = edges["t_seen_ns"] - 900_001
    edges["raw"] = np.arange(count) * 12_345
    edges["channel"] = channel
    edges["flags"][:1] = Flag.FIRST
    return edges


def small_file():
    """A whole file of four frames, and the edges in it."""
    edges = some_edges(7)
    frames = [json_frame(META, BEGINNING), edges_frame(0, edges[:4]), edges_frame(0, edges[4:])]
    return encoded([*frames, json_frame(FOOTER, {"end_ns": 9_000_000})]), edges


@st.composite
def edge_arrays(draw, channel):
    count = draw(st.integers(1, 12))
    edges = np.zeros(count, EDGE_DTYPE)
    times = st.integers(0, LATEST_NS) | st.sampled_from([0, LATEST_NS])
    edges["t_seen_ns"] = sorted(draw(times) for _ in range(count))
    edges["t_before_ns"] = [draw(st.integers(0, int(seen))) for seen in edges["t_seen_ns"]]
    raws = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1])
    edges["raw"] = [draw(raws) for _ in range(count)]
    edges["channel"] = channel
    edges["flags"] = [draw(st.integers(0, 2**16 - 1)) for _ in range(count)]
    edges["error"] = [draw(st.integers(-(2**31), 2**31 - 1)) for _ in range(count)]
    return edges


channels = st.builds(
    Channel,
    st.just(0),
    st.text(),
    st.text().filter(lambda source: source != "model"),
    st.sampled_from(["measured", "attributed", "modelled"]),
    st.sampled_from(["energy", "cpu_time"]),
    st.builds(Fraction, st.integers(1, 10**11), st.integers(1, 10**14)),
    st.integers(0, 2**62 - 1),
    st.booleans(),
)


@st.composite
def runs(draw):
    table = draw(st.lists(channels, max_size=4))
    table = [dataclasses.replace(channel, id=number) for number, channel in enumerate(table)]
    start_ns = draw(st.integers(0, 2**60))
    # Text of any code points: an argument may hold bytes that are no text, which Python keeps as lone surrogates.
    words = st.text(st.characters(codec=None))
    meta = {
        "start_ns": start_ns,
        "name": draw(words),
        "command": draw(st.lists(words)),
        "unknown": [None, {"a": 1.5}],
    }
    meta |= {"channels": [channel.to_dict() for channel in table], "tags": draw(st.dictionaries(words, words))}
    edges = {channel.id: draw(edge_arrays(channel.id)) for channel in table if draw(st.booleans())}
    footer = draw(st.just({}) | st.builds(lambda end_ns: {"end_ns": start_ns + end_ns}, st.integers(0, 2**60)))
    return RunData(meta, table, edges, footer, complete=bool(footer))


@settings(deadline=None)
@given(runs(), st.integers(1, 5))
def test_what_goes_in_comes_out(run, per_frame):
    # GIVEN any run, written in frames of any length
    frames = [json_frame(META, run.meta)]
    for identity, edges in run.edges.items():
        frames += [edges_frame(identity, edges[i : i + per_frame]) for i in range(0, len(edges), per_frame)]
    frames += [json_frame(FOOTER, run.footer)] if run.complete else []
    # WHEN it is read
    found = runfile.parse(encoded(frames), "here")
    # THEN it is the same
    assert (found.meta, found.channels, found.footer, found.complete) == (
        run.meta,
        run.channels,
        run.footer,
        run.complete,
    )
    assert found.edges.keys() == run.edges.keys()
    for identity, edges in run.edges.items():
        assert found.edges[identity].tobytes() == edges.tobytes()


def test_a_file_survives_any_cut():
    data, edges = small_file()
    metadata_ends = len(file_header()) + FRAME_HEADER_BYTES + len(json.dumps(BEGINNING)) // 2
    readable = 0
    for length in range(len(data)):
        try:
            run = runfile.parse(data[:length], "here")
        except RunFileError as error:
            assert readable == 0 and "here" in str(error)
            continue
        readable += 1
        found = run.edges.get(0, edges[:0])
        assert not run.complete
        assert len(found) in (0, 4, 7) and found.tobytes() == edges[: len(found)].tobytes()
    assert readable > 0 and len(data) - readable > metadata_ends
    assert runfile.parse(data, "here").complete


def test_any_damaged_byte_is_noticed():
    data, edges = small_file()
    for place in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[place] ^= flip
            try:
                run = runfile.parse(bytes(damaged), "here")
            except RunFileError:
                continue
            assert not run.complete
            found = run.edges.get(0, edges[:0])
            assert found.tobytes() == edges[: len(found)].tobytes()


def test_frames_that_changed_places_are_noticed():
    frames = [json_frame(META, BEGINNING).encode(0), edges_frame(0, some_edges()).encode(2)]
    assert runfile.parse(file_header() + b"".join(frames), "here").edges == {}


@settings(deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_are_no_run(data, with_header):
    with pytest.raises(RunFileError):
        runfile.parse(file_header() + data if with_header else data, "here")


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_whole_frames_of_random_bytes_raise_nothing_else(payload, kind, codec, count):
    data = encoded([json_frame(META, BEGINNING), Frame(kind, payload, codec, 0, count)])
    with pytest.raises(RunFileError, match="here holds"):
        runfile.parse(data, "here")


def test_an_unknown_version_is_refused_by_name():
    head = bytearray(file_header())
    head[8:10] = (7).to_bytes(2, "little")
    head[12:] = zlib.crc32(bytes(head[:12])).to_bytes(4, "little")
    with pytest.raises(RunFileError, match=rf"version 7.*reads version {VERSION}"):
        runfile.parse(bytes(head), "here")


def test_an_unknown_frame_is_skipped_only_where_it_says_so():
    begin, edges = json_frame(META, BEGINNING), edges_frame(0, some_edges())
    found = runfile.parse(encoded([begin, Frame(99, b"?", flags=IGNORABLE), edges]), "here")
    assert len(found.edges[0]) == 3
    with pytest.raises(RunFileError, match="unknown type 99"):
        runfile.parse(encoded([begin, Frame(99, b"?"), edges]), "here")


def test_edges_that_are_not_what_they_announce():
    good = edges_frame(0, some_edges(3))
    for count in (0, 2, 4, MAX_PER_FRAME + 1):
        data = encoded([json_frame(META, BEGINNING), dataclasses.replace(good, count=count)])
        with pytest.raises(RunFileError):
            runfile.parse(data, "here")


@pytest.mark.parametrize("column, values", [("t_seen_ns", [3, 2, 4]), ("t_before_ns", [1, 3, 3])])
def test_times_that_run_backwards(column, values):
    edges = some_edges()
    edges["t_before_ns"], edges["t_seen_ns"] = [0, 1, 2], [1, 2, 4]
    edges[column] = values
    with pytest.raises(RunFileError, match="do not go forward"):
        runfile.parse(encoded([json_frame(META, BEGINNING), edges_frame(0, edges)]), "here")


def test_frames_that_run_backwards():
    frames = [edges_frame(0, some_edges()), edges_frame(0, some_edges())]
    with pytest.raises(RunFileError, match="do not go forward"):
        runfile.parse(encoded([json_frame(META, BEGINNING), *frames]), "here")


def test_a_decompression_bomb_is_refused_in_bounded_memory(tmp_path):
    # GIVEN a frame of three edges that unpacks to 1 GB, and one that asks for a window of 2 GB
    packer = columns.zstd.ZstdCompressor(level=1)
    bomb = b"".join(packer.compress(bytes(1 << 24)) for _ in range(64)) + packer.flush()
    packer = columns.zstd.ZstdCompressor(options={int(columns.zstd.CompressionParameter.window_log): 31})
    wide = packer.compress(bytes(90)) + packer.flush()
    frames = [Frame(EDGES, payload, 1, 0, 3) for payload in (bomb, wide)]
    files = [tmp_path / "bomb.pcr", tmp_path / "wide.pcr"]
    for file, frame in zip(files, frames, strict=True):
        file.write_bytes(encoded([json_frame(META, BEGINNING), frame]))
    # WHEN each is read with 600 MB of address space
    code = (
        "import resource, sys; from pathlib import Path; from pycarbon import runfile\n"
        "resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))\n"
        "for name in sys.argv[1:]:\n"
        "    try: runfile.read(Path(name))\n"
        "    except runfile.RunFileError as error: print(error)\n"
    )
    environ = {"OPENBLAS_NUM_THREADS": "1", "PATH": ""}
    told = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, env=environ)
    # THEN each is refused for what it is
    lines = told.stdout.splitlines()
    assert (told.returncode, told.stderr, len(lines)) == (0, "", 2)
    assert "more bytes than the 90 that were announced" in lines[0] and "do not decompress" in lines[1]


def test_version_1_stays_readable():
    # GIVEN the golden file, and what was put into it
    maker = golden_maker()
    # WHEN it is read
    run = load(GOLDEN / "run-v1.pcr")
    # THEN it holds that, and its figures are known
    assert run.data.meta == maker.META and run.data.footer == maker.FOOTER and run.complete
    assert run.data.channels == maker.CHANNELS
    parts = {}
    for frame in maker.frames():
        if frame.type == EDGES:
            parts.setdefault(frame.channel, []).append(edge_reader.decode(frame)[0][1])
    for identity, edges in parts.items():
        assert run.data.edges[identity].tobytes() == np.concatenate(edges).tobytes()
    assert (run.name, run.project, run.duration_s, run.exit_status) == ("träin", "golden", 10.0, 0)
    energies = {channel.domain: channel.energy_j for channel in run.energy.channels}
    assert energies == pytest.approx({"package-0": 200.0, "dram-0": 50.0, "core": 150.0})
    assert run.energy.total_j == pytest.approx(250.0) and run.energy.kind == "measured"
    assert (run.energy.low_j, run.energy.high_j) == pytest.approx((249.75, 250.25), abs=0.001)
    assert run.energy.process_j == pytest.approx(125.0)
    assert run.emissions.co2e_g == pytest.approx(250 * 1.2 / 3.6e6 * 50)


def test_files_that_are_none(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "text.pcr").write_text("hello\n")
    (tmp_path / "empty.pcr").touch()
    for name, why in [
        ("missing.pcr", "there is no file"),
        ("folder", "is a folder"),
        ("text.pcr", "is not a pycarbon run file"),
        ("empty.pcr", "is empty"),
        ("n" * 5000, "cannot be (opened|read)"),
        ("\0", "cannot be opened"),
    ]:
        with pytest.raises(RunFileError, match=why) as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just(10**400)
    | st.just("model"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def nearly_right(draw, right):
    """A right value of which one part, somewhere, is replaced by anything or left out."""
    if isinstance(right, dict) and right and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(right)))
        part = draw(nearly_right(right[name]) | st.just(...))
        return {key: value for key, value in (right | {name: part}).items() if value is not ...}
    if isinstance(right, list) and right and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(right) - 1))
        return [*right[:place], draw(nearly_right(right[place])), *right[place + 1 :]]
    return draw(json_values)


def full_meta():
    """Metadata with everything in it, a modelled channel too."""
    maker = golden_maker()
    ends = {"low": 1.0, "best": 2.0, "high": 3.0}
    curve = {"domain": "ram", "basis": "b", "idle_w": ends, "full_w": ends, "exponent": ends}
    ram = dataclasses.replace(CHANNEL, id=9, domain="ram", source="model", kind="modelled")
    more = {"obstacles": [{"source": "s", "what": "w", "remedy": "r"}], "notes": ["n"], "curves": [curve]}
    return (
        maker.META | more | {"channels": [*maker.META["channels"], ram.to_dict()]},
        maker.FOOTER,
        maker.frames()[1:-1],
    )


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), st.booleans())
def test_hostile_metadata_is_refused_or_reported(data, in_meta):
    # GIVEN a file whose checksums are right and whose metadata or footer is not
    meta, footer, between = full_meta()
    meta = data.draw(nearly_right(meta)) if in_meta else meta
    footer = footer if in_meta else data.draw(nearly_right(footer))
    file = encoded([json_frame(META, meta), *between, json_frame(FOOTER, footer)])
    # WHEN it is read and every report is made
    check_reports(file)


@settings(max_examples=100, deadline=None)
@given(json_values)
@example({"channels": [{**CHANNEL.to_dict(), "unit": "1e999999999"}], "start_ns": 0})
@example({"channels": [{**CHANNEL.to_dict(), "unit": "1/0"}], "start_ns": 0})
@example({"channels": [CHANNEL.to_dict()] * 2, "start_ns": 0})
@example({"channels": [{**CHANNEL.to_dict(), "range_raw": 2**62}], "start_ns": 0})
def test_metadata_that_is_anything(meta):
    with pytest.raises(RunFileError, match="metadata"):
        runfile.parse(encoded([json_frame(META, meta)]), "here")


def test_a_run_that_ends_before_it_begins():
    for footer in ({"end_ns": 4}, {"start_ns": 6, "end_ns": 5}):
        frames = [json_frame(META, BEGINNING | {"start_ns": 5}), json_frame(FOOTER, footer)]
        with pytest.raises(RunFileError, match="ends before it begins"):
            runfile.parse(encoded(frames), "here")


def test_metadata_nested_too_deeply():
    with pytest.raises(RunFileError, match="nested too deeply"):
        runfile.parse(encoded([Frame(META, b"[" * 10**6)]), "here")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.integers(0, 9), st.integers(0, 9).flatmap(edge_arrays), max_size=5))
def test_hostile_edges_are_reported(edges):
    meta, footer, _ = full_meta()
    frames = [edges_frame(identity, part) for identity, part in edges.items()]
    check_reports(encoded([json_frame(META, meta), *frames, json_frame(FOOTER, footer)]))
