"""CUDA_VISIBLE_DEVICES: numbers, UUIDs and slices, as CUDA reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.cuda_devices import Physical, Seen, Slice, visible

HALF = Slice("MIG-1111aaaa-0000-0000-0000-000000000001", 3, 0, 3 / 7)
REST = Slice("MIG-2222bbbb-0000-0000-0000-000000000002", 5, 1, 4 / 7)
GPUS = [
    Physical("GPU-aaaa0000-1111-2222-3333-444444444444"),
    Physical("GPU-aaaa9999-1111-2222-3333-444444444444"),
    Physical("GPU-cccc0000-1111-2222-3333-444444444444", (HALF, REST)),
]


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, [Seen(0), Seen(1), Seen(2, (HALF, REST))]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1", [Seen(1)]),
        ("1,0", [Seen(1), Seen(0)]),
        (" 0 , 1 ", [Seen(0), Seen(1)]),
        ("0,-1,1", [Seen(0)]),
        ("2", [Seen(2, (HALF,))]),
        ("GPU-aaaa9", [Seen(1)]),
        ("gpu-aaaa9", [Seen(1)]),
        ("GPU-CCCC", [Seen(2, (HALF,))]),
        (HALF.uuid, [Seen(2, (HALF,))]),
        (f"{REST.uuid},{HALF.uuid}", [Seen(2, (REST, HALF))]),
        (f"{REST.uuid},0,{REST.uuid}", [Seen(2, (REST,)), Seen(0)]),
        (f"MIG-{GPUS[2].uuid}/5/1", [Seen(2, (REST,))]),
    ],
)
def test_what_is_named_is_seen(value, seen):
    assert visible(value, GPUS)[0] == seen


@pytest.mark.parametrize(
    ("value", "left"),
    [("7", 0), ("0,7,1", 1), ("GPU-aaaa", 0), ("GPU-dddd", 0), (f"MIG-{GPUS[2].uuid}/9/9", 0), ("all", 0), ("٣", 0)],
)
def test_what_names_nothing_or_two_ends_the_list_and_is_said(value, left):
    seen, complaint = visible(value, GPUS)
    assert len(seen) == left
    assert "CUDA_VISIBLE_DEVICES names" in complaint and "\n" not in complaint


@given(st.text(max_size=40) | st.lists(st.sampled_from(["0", "1", "2", "-1", "", HALF.uuid, "x"])).map(",".join))
def test_whatever_it_says_no_gpu_is_seen_twice(value):
    seen, _ = visible(value, GPUS)
    assert len({one.index for one in seen}) == len(seen) <= len(GPUS)
    for one in seen:
        assert len(set(one.slices)) == len(one.slices) and set(one.slices) <= set(GPUS[one.index].slices)
