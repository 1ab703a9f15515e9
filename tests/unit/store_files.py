"""Run files for tests of the store: the golden run with what it says of itself changed, in the blink of an eye."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any

from pycarbon import analysis, fold
from pycarbon.frame import FOOTER, META, json_frame

_GOLDEN = Path(__file__).parents[1] / "golden" / "make_run_v1.py"
_spec = importlib.util.spec_from_file_location("make_run_v1", _GOLDEN)
assert _spec is not None and _spec.loader is not None
maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(maker)


def recorded(path: Path, id: str, *, footer: dict[str, Any] | None = None, **said: Any) -> Path:
    """Write a whole run file with figures, of an id, whose metadata says something else in the members `said`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = copy.deepcopy(maker.META) | {"id": id} | said
    frames = [json_frame(META, meta), *(frame for frame in maker.frames()[1:])]
    if footer is not None:
        frames = [*(frame for frame in frames if frame.type != FOOTER), json_frame(FOOTER, maker.FOOTER | footer)]
    fold.write(frames, path, figures=lambda data: analysis.figures(analysis.Run(data)))
    return path
