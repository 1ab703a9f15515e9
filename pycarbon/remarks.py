"""What a reader of a run's figures must know, a line each, as it follows from what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pycarbon import oddities
from pycarbon.energy import ChannelEnergy
from pycarbon.gaps import Gaps
from pycarbon.run import Channel, Flag, RunData


def remarks(
    run: RunData, channels: Sequence[Channel], energies: Sequence[ChannelEnergy], gaps: list[Gaps]
) -> list[str]:
    """Say what is odd about the channels of energy, the regions, and the times in which nobody looked."""
    told: list[str] = []
    for channel, used in zip(channels, energies, strict=True):
        told += _of_channel(run, channel, used)
    if run.ledger is not None:
        told += oddities.notes(run.ledger)
    return told + [gap.said() for gap in gaps] + [_said_step(event) for event in run.events]


def _of_channel(run: RunData, channel: Channel, used: ChannelEnergy) -> Iterator[str]:
    if channel.in_total and not used.in_total and not used.is_ambiguous:
        yield f"{used.domain} could not be read once: it is not in the total"
    if channel.accuracy > 0:
        yield (
            f"{used.domain} has no counter of energy here: its power is integrated, right within "
            f"{channel.accuracy:.0%}, and up to {channel.averaged_s:.2g} s late: its interval is wider"
        )
    if channel.source == "nvml" and run.channel(f"{channel.domain}-process") is None:
        yield f"how much of {used.domain} this program used is not known: its driver does not tell processes apart"
    if used.gap_s > 0:
        yield f"{used.domain} gave no news for {used.gap_s:.3g} s: its interval is wider"
    resets = int(((run.edges_of(channel)["flags"] & Flag.RESET) != 0).sum())
    if resets:
        yield (
            f"{used.domain}'s counter jumped {'once' if resets == 1 else f'{resets} times'} as no power "
            "explains: what was used around that is not known"
        )
    if used.is_ambiguous:
        yield (
            f"{used.domain} goes through its whole range about once in every update: its energy cannot be "
            "known, and is not in the total"
        )


def _said_step(event: dict[str, Any]) -> str:
    step_s = event.get("clock_step_ns", 0) / 1e9
    return f"the wall clock was set {'forward' if step_s > 0 else 'back'} by {abs(step_s):.3g} s during the run"
