"""Packages that some formats need and pycarbon does not: imported when asked for, else one line says what to type."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pycarbon.errors import PyCarbonError


def needed(module: str, extra: str) -> Any:
    """Import a module of an optional package; PyCarbonError where it is missing or does not work."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        absent = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package
        why = "" if absent else f", which fails here ({' '.join(str(error).split())[:200]})"
        raise PyCarbonError(f"this needs {package}{why}; type: pip install 'pycarbon-energy[{extra}]'") from None
