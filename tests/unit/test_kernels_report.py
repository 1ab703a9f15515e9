"""Reports of kernels: lines that fit any terminal, JSON with every figure and its interval."""

from __future__ import annotations

import dataclasses
import json

import pytest
from kernel_world import MS, Card, alternating, recorded, shuffled

from pycarbon.kernel_figures import kernel_figures
from pycarbon.reports.kernels_json import KernelsJson
from pycarbon.reports.kernels_text import MOST_LINES, KernelsText, brief
from pycarbon.reports.text import Style

CUTLASS = "void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_128x64>(cutlass_80_tensorop_s1688gemm_128x64::Params)"
NAMES = {"gemm": CUTLASS, "softmax": "void (anonymous namespace)::softmax_warp_forward<float, 8, false>(float*, int)"}


def joined(card: Card, **more):
    """A run and the figures of its kernels, by names as compilers make them."""
    timeline = card.timeline(clock="wall", error_ns=12_000)
    timeline.names[:] = [NAMES.get(name, name) for name in timeline.names]
    run = recorded([card], **more)
    return kernel_figures(timeline, run), run


def many() -> Card:
    card = Card(power_w={f"kernel {number}\x1b[2J 核": float(number) for number in range(60)})
    for turn in range(30):
        for name in card.power_w:
            card.launch(name, (1 + turn % 3) * 5 * MS)
    return card.finish()


def few() -> Card:
    card = Card(power_w={"gemm": 200.0})
    for _ in range(3):
        card.launch("gemm", 30 * MS)
        card.rest(MS)
    return card.finish()


SHUFFLED = joined(shuffled())
WORLDS = {
    "shuffled": SHUFFLED,
    "alternating": joined(alternating(20_000)),
    "many": joined(many()),
    "few": joined(few()),
}


@pytest.mark.parametrize("width", [60, 69, 70, 77, 78, 80, 97, 98, 100, 116, 128, 200])
@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("unicode", [True, False])
def test_lines_fit_the_terminal(name, width, unicode):
    found, run = WORLDS[name]
    text = KernelsText(Style(width, False, unicode)).render(found, run)
    assert unicode or text.isascii()
    for line in text.split("\n"):
        wide = sum(letter == "核" for letter in line)
        assert len(line) + wide <= width and line == line.rstrip() and line.isprintable()


def test_the_table_shows_what_matters():
    text = KernelsText(Style(128)).render(*SHUFFLED)
    assert "aligned by the wall clock, within 12.5 µs" in text and "NVIDIA A100" in text and "\x1b" not in text
    for what in (
        "launches",
        "a launch",
        "above idle",
        "power",
        "share",
        "CO2e",
        "static power",
        "(idle)",
        "copy HtoD",
    ):
        assert what in text
    assert "\x1b" in KernelsText(Style(128, colour=True)).render(*SHUFFLED)


def test_a_long_list_ends_with_how_many_there_are_more():
    found, run = WORLDS["many"]
    short, whole = (KernelsText(Style(100), everything).render(found, run) for everything in (False, True))
    assert f"… and {60 - MOST_LINES} more, " in short and "--all" in short and "--all" not in whole
    assert whole.count("kernel ") == short.count("kernel ") + 60 - MOST_LINES


def test_a_remedy_is_told_once():
    text = KernelsText(Style(100)).render(*WORLDS["alternating"])
    assert " ".join(text.split()).count("kernels alternate faster") == 1 and "not resolved, as above" in text


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (CUTLASS, "cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_128x64>"),
        (NAMES["softmax"], "(anonymous namespace)::softmax_warp_forward<float, 8, false>"),
        ("f<(E)1>(int (*)(int), std::array<char*, 3ul>)", "f<(E)1>"),
        ("triton_poi_fused_add_0", "triton_poi_fused_add_0"),
        ("copy HtoD", "copy HtoD"),
        ("(a)", "(a)"),
        ("a)", "a)"),
        ("", ""),
    ],
)
def test_a_name_in_brief(name, short):
    assert brief(name) == short


@pytest.mark.parametrize("name", WORLDS)
def test_the_json_has_every_figure_with_its_interval(name):
    found, run = WORLDS[name]
    text = KernelsJson().render(found, run)
    values = json.loads(text, parse_constant=pytest.fail)
    assert text.isascii() and values["schema"] == 1 and values["trace"]["error_s"] == pytest.approx(12.5e-6)
    assert values["duration_s"] == pytest.approx(values["end_s"] - values["start_s"])
    (gpu,) = values["gpus"]
    assert gpu["device"] == "gpu-0" and gpu["low_j"] <= gpu["energy_j"] <= gpu["high_j"]
    assert (gpu["static_power_w"] is None) == bool(gpu["static_power_reason"])
    assert len(values["kernels"]) == len(found.kernels)
    for kernel in values["kernels"]:
        assert kernel["resolved"] == (kernel["energy_j"] is not None) == (kernel["remedy"] == "")
        assert kernel["low_j"] <= kernel["high_j"] and kernel["kind"] in ("measured", "attributed")
        if kernel["resolved"]:
            for figure in ("j", "per_launch_j", "power_w"):
                best = {"j": "energy_j", "per_launch_j": "energy_per_launch_j"}.get(figure, figure)
                assert kernel[f"low_{figure}"] <= kernel[best] <= kernel[f"high_{figure}"]
            assert kernel["energy_per_launch_j"] * kernel["launches"] == pytest.approx(kernel["energy_j"])
        if kernel["above_idle_j"] is not None:
            assert kernel["above_idle_per_launch_j"] * kernel["launches"] == pytest.approx(kernel["above_idle_j"])


def test_a_run_says_what_it_is():
    found, run = SHUFFLED
    named = type(run)(dataclasses.replace(run.data, meta=run.data.meta | {"name": "train\n\x1b[2J", "id": "ab"}))
    assert " train ?[2J · kernels in 20.1 s of its 20.2 s" in KernelsText().render(found, named)
    assert json.loads(KernelsJson().render(found, named))["run"]["id"] == "ab"
