"""Who shows bad tokens is slowed down, by address, within bounded memory."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

AT_ONCE, EVERY_S = 10, 6.0
MOST_ADDRESSES = 4096


class Tries:
    """Failed tries of each address: some at once, then one in a while.

    It is asked only after a token was found to be bad: nobody can shut out a colleague who shares an address, and 256
    random bits do not need it; what it spares is work, and the log. Of too many addresses the oldest are forgotten.
    """

    def __init__(self) -> None:
        """Nobody has tried yet."""
        self._free_at_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """Note a failed try; 0, or how many seconds this address has to wait before the next one counts."""
        name = _network(address)
        free_at_s = max(self._free_at_s.pop(name, now_s), now_s) + EVERY_S
        waiting_s = free_at_s - now_s - AT_ONCE * EVERY_S
        self._free_at_s[name] = min(free_at_s, now_s + (AT_ONCE + 1) * EVERY_S)
        if len(self._free_at_s) > MOST_ADDRESSES:
            self._free_at_s.popitem(last=False)
        return max(0.0, waiting_s)

    def __len__(self) -> int:
        """Count the addresses that are remembered."""
        return len(self._free_at_s)


def _network(address: str) -> str:
    """Give what one party holds: an IPv4 address, or the 64 bits that any IPv6 host may choose from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 6:
        return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
