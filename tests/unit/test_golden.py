"""Golden files: those of version 1 never change, and hold to the value what was put into them."""

from __future__ import annotations

import importlib.util
import zlib
from pathlib import Path

import numpy as np
import pytest

from pycarbon.analysis import load
from pycarbon.frame import EDGES, EVENT, FOOTER, INDEX, META, RAW, TURNS_ZSTD, frames

GOLDEN = Path(__file__).parents[1] / "golden"
CHECKSUMS = {
    "run-v1.pcr": 0x374A37D0,
    "run-v1-folded.pcr": 0xB245E672,
    "run-v1-raw.pcr": 0x2841CAF4,
    "run-v1-live.pcr": 0x907B4327,
    "run-v1-kernels.pcr": 0x9B0C338D,
}


def maker(name="make_run_v1_folded"):
    spec = importlib.util.spec_from_file_location(name, GOLDEN / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_golden_files_never_change():
    found = {path.name: zlib.crc32(path.read_bytes()) for path in GOLDEN.glob("*.pcr")}
    assert found == CHECKSUMS


@pytest.mark.parametrize("name", ["folded", "raw", "live"])
def test_the_content_of_a_golden_file(name):
    # GIVEN what was put into the file
    made = maker()
    ledger = made.ledger()
    # WHEN it is read
    run = load(GOLDEN / f"run-v1-{name}.pcr").data
    # THEN it holds that
    assert run.meta == made.META and run.channels == made.CHANNELS and run.events == [made.EVENT]
    assert dict(run.edges).keys() == made.edges().keys()
    for channel, edges in made.edges().items():
        assert run.edges[channel].tobytes() == edges.tobytes()
    assert run.ledger.labels == ledger.labels
    for part in ("nodes", "slices", "rows", "marks"):
        assert getattr(run.ledger, part).tobytes() == getattr(ledger, part).tobytes()
    # AND it ended as it did
    if name == "live":
        assert (run.complete, run.footer, run.ledger.counts) == (False, {}, {})
    else:
        kept = {key: value for key, value in run.footer.items() if key != "totals"}
        assert (run.complete, kept, run.ledger.counts) == (True, made.FOOTER, ledger.counts)


def test_the_kernels_of_a_golden_file():
    # GIVEN what two programs told
    made = maker("make_run_v1_kernels")
    first, second = made.first(), made.second()
    # WHEN the file is read THEN it has what both told, in order of time
    run = load(GOLDEN / "run-v1-kernels.pcr")
    found = run.kernel_timeline
    assert run.complete and run.data.meta == made.META
    assert found.names == [*first.names, *second.names] and found.devices == first.devices
    assert (found.clock, found.error_ns, found.origin, found.hostname) == (
        "monotonic",
        250,
        "by hand; by another hand",
        None,
    )
    wanted = np.concatenate([first.spans, second.spans])
    wanted["name"][-1] += len(first.names)
    assert found.spans.tobytes() == wanted[np.argsort(wanted["start_ns"], kind="stable")].tobytes()


@pytest.mark.parametrize("name", ["folded", "raw"])
def test_the_figures_in_a_golden_file(name):
    totals = load(GOLDEN / f"run-v1-{name}.pcr").data.footer["totals"]
    assert totals["arithmetic"] == 1
    energy = totals["energy"]
    assert (energy["total_j"], energy["low_j"], energy["high_j"]) == (
        83.95001622258889,
        79.13989392968749,
        88.8301843206205,
    )
    used = {channel["domain"]: (channel["energy_j"], channel["edges"]) for channel in energy["channels"]}
    assert used == {
        "package-0": (60.00001622258889, 250),
        "dram-0": (14.95, 250),
        "core": (45.0, 224),
        "ram": (9.0, 0),
    }
    assert [(region["label"], region["energy_j"]) for region in totals["regions"]] == [
        ("épöque", 83.95001622258889),
        ("schritt", None),
    ]
    assert totals["outside"]["time_s"] == 0.0 and len(totals["remarks"]) == 6


def test_golden_files_are_of_each_kind():
    # GIVEN the frames of each file
    kinds = {}
    for name in ("folded", "raw", "live"):
        path = GOLDEN / f"run-v1-{name}.pcr"
        kinds[name] = [(frame.type, frame.codec) for _, frame in frames(path.read_bytes(), name)]
    # THEN the closed ones end with index and footer, and each is coded in its own way
    for name, codec in [("folded", TURNS_ZSTD), ("raw", RAW)]:
        assert [kind for kind, _ in kinds[name][-2:]] == [INDEX, FOOTER]
        assert {code for kind, code in kinds[name] if kind == EDGES} == {codec}
    # AND the live one has edges by the second, and a clock step between them
    types = [kind for kind, _ in kinds["live"]]
    assert types[0] == META and FOOTER not in types and types.count(EDGES) == 8
    assert types.index(EVENT) < len(types) - 1 - types[::-1].index(EDGES)
    assert {code for kind, code in kinds["live"] if kind == EDGES} == {TURNS_ZSTD}


def test_what_the_golden_run_is_about():
    flags = {channel: int(np.bitwise_or.reduce(edges["flags"])) for channel, edges in maker().edges().items()}
    assert flags == {0: 1 | 2 | 8 | 64, 1: 1 | 4 | 8 | 64, 2: 1 | 8 | 16 | 32 | 64, 3: 1 | 64, 4: 1 | 64}
