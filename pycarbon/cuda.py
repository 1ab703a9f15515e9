"""The work that this thread gave to a CUDA device: waiting until it is done, where the program uses one at all."""

from __future__ import annotations

import sys
import threading
import warnings
from contextlib import suppress

try:
    from pycarbon._marks import cuda_context_synchronise
except ImportError:  # no compiled core here
    from pycarbon.unmarked import cuda_context_synchronise

_once = threading.Lock()


def synchronise() -> None:
    """Wait for all that was queued on the current device; at once where the program uses no CUDA, or not yet.

    Through torch where that has begun to use CUDA, else through the driver library that the program has loaded:
    nothing is imported, loaded or initialised for it. While torch captures a graph nothing runs, and waiting would
    spoil the capture. Never raises: the first error becomes a warning, and the program meets it itself.
    """
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        if cuda is not None and cuda.is_initialized():
            if not cuda.is_current_stream_capturing():
                cuda.synchronize()
        elif code := cuda_context_synchronise():
            _complain(f"cuCtxSynchronize gave the error {code}")
    except Exception as error:
        _complain(str(error).partition("\n")[0])


def _complain(what: str) -> None:
    if _once.acquire(blocking=False):  # and never released
        with suppress(RuntimeWarning):  # where warnings are errors
            warnings.warn(
                f"pycarbon could not wait for the CUDA device: {what}; marks may lie before the end of its work",
                RuntimeWarning,
                stacklevel=3,
            )
