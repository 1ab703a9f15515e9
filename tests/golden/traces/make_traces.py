"""Writes the traces of this folder: `python tests/golden/traces/make_traces.py`; what is in them, WANTED says.

Small traces in the layout of real ones, whose versions tests/unit/trace_writer.py names. They are kept: what reads
them must go on reading them.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "unit"))

from trace_writer import BASE_NS, kineto, nsight  # noqa: E402

from pycarbon.traces.collected import Launch  # noqa: E402

GEMM = "sm90_xmma_gemm_f32f32_tf32f32_f32_tn_n_tilesize128x128x32_warpgroupsize1x1x1_execute_segment_k_off_kernel"
FILL = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>>(int, at::native::FillFunctor)"
)
AT_NS = BASE_NS + 198_093_488_368_463

WANTED = [
    Launch(AT_NS, AT_NS + 4_096, "Memcpy HtoD", 0, 1, 7),
    Launch(AT_NS + 10_000, AT_NS + 11_504, "Memset", 0, 2, 7),
    Launch(AT_NS + 12_000, AT_NS + 14_017, FILL, 0, 0, 7),
    Launch(AT_NS + 20_001, AT_NS + 220_002, GEMM, 0, 0, 7),
    Launch(AT_NS + 100_000, AT_NS + 102_016, FILL, 0, 0, 20),
    Launch(AT_NS + 230_000, AT_NS + 430_000, GEMM, 0, 0, 7),
]

if __name__ == "__main__":
    (HERE / "torch-2.8.json").write_text(kineto(WANTED))
    (HERE / "torch-1.10.json").write_text(kineto(WANTED, None))
    (HERE / "nsight-2025.sqlite").unlink(missing_ok=True)
    nsight(HERE / "nsight-2025.sqlite", WANTED)
