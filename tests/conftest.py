"""Settings of the whole suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from alone_last import LIVE
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from alone_last import AloneLast

# These machines are small and shared: how long an example takes says nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What measures a live machine is tried again, after a while: other tenants of the host starve it at times.

    A sampler that is not scheduled says so in its run, and then there is nothing that a test could find exact.
    """
    for item in items:
        if item.nodeid.startswith(LIVE):
            item.add_marker(pytest.mark.flaky(reruns=3, reruns_delay=10))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> AloneLast | None:
    """`--dist loadfile`, as `make test` says, keeps apart what measures."""
    if config.option.dist != "loadfile":
        return None
    from alone_last import AloneLast

    return AloneLast(config, log)
