"""Rates and quotas by key (a visitor, a network address), in bounded memory.

Everything here is forgotten at a restart: limits slow a flood down, they prove nothing.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST_KEYS: Final = 20_000


class Buckets:
    """A token bucket for each key. The keys used longest ago are forgotten first."""

    def __init__(
        self, amount: float, *, per_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._amount = amount
        self._rate = amount / per_seconds
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, key: str, cost: float = 1.0) -> float:
        """Take ``cost`` from the key's bucket and return 0; or take nothing and say how long to wait.

        A cost above the whole amount never fits.
        """
        now = self._clock()
        level, since = self._levels.get(key, (self._amount, now))
        level = min(self._amount, level + (now - since) * self._rate)
        missing = cost - level
        self._levels[key] = (level if missing > 0 else level - cost, now)
        self._levels.move_to_end(key)
        if len(self._levels) > _MOST_KEYS:
            self._levels.popitem(last=False)
        return max(0.0, missing / self._rate)


def network_of(remote: str | None) -> str:
    """Return what a network address counts as: itself, or its /64 when it is IPv6.

    One household has a whole /64, so that single IPv6 addresses are no limit. Source: RFC 6177.
    """
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return remote or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
