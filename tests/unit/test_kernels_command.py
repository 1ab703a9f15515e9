"""pycarbon kernels: from a run file and a trace to figures, and one line for everything that is missing."""

from __future__ import annotations

import dataclasses
import json

import pytest
from kernel_world import SECOND, START_NS, WALL_NS, recorded, shuffled

from pycarbon import fold
from pycarbon.commands import main
from pycarbon.run import RunData

CARD = shuffled(2, 8)
RUN = recorded([CARD])
LATE_NS = 3600 * SECOND


def write_run(data: RunData, path):
    fold.write(fold.frames_of(data), path)
    return path


def write_trace(path, by_ns: int = 0, name: str = "NVIDIA A100-SXM4-40GB"):
    """Write what torch.profiler would: events among others, in µs since a base."""
    events = [{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 1.0, "dur": 2.0}]
    for start_ns, length_ns, label, stream in CARD.launches:
        events.append(
            {
                **{"ph": "X", "cat": "gpu_memcpy" if label.startswith("copy") else "kernel", "name": label},
                **{"pid": 0, "tid": stream, "ts": (start_ns - START_NS) / 1e3, "dur": length_ns / 1e3},
                "args": {"device": 0, "stream": stream, "correlation": 5},
            }
        )
    told = {"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": name}], "baseTimeNanoseconds": WALL_NS + by_ns}
    path.write_text(json.dumps(told | {"traceEvents": events}))
    return path


@pytest.fixture
def files(tmp_path):
    return write_run(RUN.data, tmp_path / "run.pcr"), write_trace(tmp_path / "trace.json")


def test_figures_go_to_standard_output(capsys, files):
    run, trace = map(str, files)
    assert main(["kernels", run, "--trace", trace]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "aligned by the wall clock" in out and "gemm" in out and "static power" in out
    # AND as JSON, with the truth in their intervals
    assert main(["kernels", run, "--trace", trace, "--json", "--device", "gpu-0"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == "" and len(found["kernels"]) == 3 and found["trace"]["clock"] == "wall"
    for kernel in found["kernels"]:
        assert kernel["low_j"] <= CARD.true_of(kernel["label"]) <= kernel["high_j"]


def test_the_trace_is_written_with_joules_in_its_slices(capsys, tmp_path, files):
    run, trace = files
    words = ["kernels", str(run), "--trace", str(trace), "--write-trace"]
    assert main([*words, str(tmp_path / "out.json")]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "gemm" in out
    # THEN events are as they were, launches have their energies, and there is the power of the GPU
    told = json.loads((tmp_path / "out.json").read_text())
    before = json.loads(trace.read_text())["traceEvents"]
    events = [event for event in told["traceEvents"] if event["ph"] == "X"]
    assert [event["name"] for event in events] == [event["name"] for event in before]
    assert "args" not in events[0]
    for event in events[1:]:
        args = event["args"]
        assert args["correlation"] == 5 and 0 < args["low_j"] <= args["energy_j"] <= args["high_j"]
        assert (
            args["energy_j"] == pytest.approx(args["power_w"] * event["dur"] / 1e6) and args["kind"] == "attributed"
        )
    assert {event["name"] for event in told["traceEvents"] if event["ph"] == "C"} == {"gpu-0 power"}
    # AND nothing is replaced unasked, the run and the trace never
    for name, more, reason in [
        ("out.json", [], "exists: --force replaces it"),
        (run, ["--force"], "is the run itself"),
        (trace, ["--force"], "is the trace itself"),
        ("no/folder", [], "cannot be written"),
    ]:
        assert main([*words, str(tmp_path / name), *more]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and reason in err
    assert main([*words, str(tmp_path / "out.json"), "--force"]) == 0


def test_what_cannot_be_joined_is_one_line(capsys, tmp_path, files):
    run, trace = files
    (channel,) = RUN.data.channels
    package = dataclasses.replace(channel, domain="package-0")
    no_gpu = write_run(
        dataclasses.replace(RUN.data, channels=[package], meta=RUN.data.meta | {"channels": [package.to_dict()]}),
        tmp_path / "cpu.pcr",
    )
    (tmp_path / "cut.json").write_text(trace.read_text()[:2000])
    for words, reason in [
        ([run], "--trace names one"),
        ([run, "--trace", tmp_path / "none.json"], "none.json"),
        ([run, "--trace", tmp_path / "cut.json"], "cut.json"),
        ([tmp_path / "none.pcr", "--trace", trace], "none.pcr"),
        ([run, "--trace", write_trace(tmp_path / "early.json", -LATE_NS)], "ends before the run begins (by 59 min"),
        ([run, "--trace", write_trace(tmp_path / "late.json", LATE_NS)], "begins after the run ends (by 59 min"),
        ([run, "--trace", write_trace(tmp_path / "t4.json", name="Tesla T4")], "device 0 is Tesla T4, and gpu-0"),
        ([run, "--trace", trace, "--device", "gpu-7"], "no GPU 'gpu-7'; it has gpu-0"),
        ([no_gpu, "--trace", trace], "no energy of a GPU, only of package-0"),
    ]:
        assert main(["kernels", *map(str, words)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("pycarbon: ") and err.count("\n") == 1 and reason in err, err
