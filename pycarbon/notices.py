"""Lines that pycarbon says to whoever runs the measured program, where it has nothing else to say them with."""

from __future__ import annotations

import contextlib


def notice(text: str) -> None:
    """Say one line to whoever runs the program; never raises, whatever became of standard error."""
    import logging

    with contextlib.suppress(Exception):  # a handler that somebody else installed
        logging.getLogger("pycarbon").warning("pycarbon: %s", text)
