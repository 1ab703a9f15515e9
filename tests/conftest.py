"""Settings of the whole suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from alone_last import AloneLast

# These machines are small and shared: how long an example takes says nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> AloneLast | None:
    """`--dist loadfile`, as `make test` says, keeps apart what measures."""
    if config.option.dist != "loadfile":
        return None
    from alone_last import AloneLast

    return AloneLast(config, log)
