"""Devices of a trace and GPUs of a run: the surest thing that both tell, and never against it."""

from __future__ import annotations

import dataclasses

import pytest
from kernel_world import MS, POWERS_W, UUID, Card, recorded

from pycarbon.errors import PyCarbonError
from pycarbon.kernel_timeline import Device
from pycarbon.traced_gpus import matched

CARD = Card(power_w=POWERS_W)
CARD.launch("gemm", 400 * MS)
CARD.finish()
OTHER = UUID.replace("1", "9")
BOTH = recorded([CARD, CARD]).data
ONE = recorded([CARD]).data
NAME = "NVIDIA A100-SXM4-40GB"


def trace(number: int = 0, hostname: str | None = None, **told):
    return CARD.timeline(number, devices={number: Device(**told)}, hostname=hostname)


def with_gpus(data, *changes):
    gpus = [gpu | change for gpu, change in zip(data.meta["gpus"], changes, strict=True)]
    return dataclasses.replace(data, meta=data.meta | {"gpus": gpus})


@pytest.mark.parametrize(
    ("timeline", "data", "domain"),
    [
        (trace(uuid=OTHER), BOTH, "gpu-1"),
        (trace(uuid=OTHER.removeprefix("GPU-").upper()), BOTH, "gpu-1"),
        (trace(uuid="MIG-aa-bb"), with_gpus(BOTH, {}, {"slices": ["MIG-aa-bb"]}), "gpu-1"),
        (trace(3, pci_bus_id="00000000:3B:00.0"), BOTH, "gpu-0"),
        (trace(3), with_gpus(BOTH, {"cuda_index": 1}, {"cuda_index": 3}), "gpu-1"),
        (trace(3), ONE, "gpu-0"),
        (trace(name="A100-SXM4-40GB"), ONE, "gpu-0"),
        (trace(hostname="node7.cluster"), ONE, "gpu-0"),
        (trace(hostname="another", uuid=UUID), ONE, "gpu-0"),  # a container has a name of its own
        (trace(), dataclasses.replace(ONE, meta={"start_ns": 0}), "gpu-0"),
    ],
)
def test_a_device_is_found(timeline, data, domain):
    found, notes = matched(timeline, data)
    assert [gpu.domain for gpu in found.values()] == [domain] and notes == []


@pytest.mark.parametrize(
    ("timeline", "data", "reason"),
    [
        (
            trace(uuid="GPU-77"),
            BOTH,
            f"of another GPU: device 0 (GPU-77); this run has gpu-0 ({NAME}), gpu-1 ({NAME})",
        ),
        (trace(name="Tesla V100"), ONE, f"device 0 is Tesla V100, and gpu-0 of this run is {NAME}"),
        (trace(hostname="node8"), ONE, "of another machine: it is from node8, and this run from node7"),
        (trace(), BOTH, "of another GPU: device 0; this run has"),
    ],
)
def test_another_machines_or_gpus_trace_is_refused(timeline, data, reason):
    with pytest.raises(PyCarbonError) as error:
        matched(timeline, data)
    assert reason in str(error.value) and "\n" not in str(error.value)


def test_a_device_that_nothing_tells_can_be_named():
    found, _ = matched(trace(5), BOTH, ["gpu-1"])
    assert found[5].domain == "gpu-1"
    with pytest.raises(PyCarbonError, match=r"no GPU 'gpu-2'; it has gpu-0 .*, gpu-1"):
        matched(trace(5), BOTH, ["gpu-2"])


def test_what_the_run_has_nothing_of_is_left_out_and_said():
    timeline = CARD.timeline(devices={0: Device(uuid=UUID), 1: Device(name="T4", uuid="GPU-5")})
    spans = timeline.spans.repeat(2)
    spans["device"] = [0, 1]
    found, notes = matched(dataclasses.replace(timeline, spans=spans), ONE)
    assert list(found) == [0] and notes == [
        f"what ran on device 1 (T4 GPU-5) is left out: this run has gpu-0 ({NAME})"
    ]


def test_a_run_without_a_gpu_says_what_it_has_and_why():
    obstacle = {"source": "nvml", "what": "libnvidia-ml.so.1 is not there", "remedy": "apt install it"}
    (channel,) = ONE.channels
    channels = [dataclasses.replace(channel, domain="package-0", source="powercap")]
    data = dataclasses.replace(ONE, channels=channels, meta=ONE.meta | {"obstacles": [obstacle]})
    with pytest.raises(PyCarbonError) as error:
        matched(trace(), data)
    assert str(error.value) == (
        "this run has no energy of a GPU, only of package-0: libnvidia-ml.so.1 is not there; type: apt install it"
    )
