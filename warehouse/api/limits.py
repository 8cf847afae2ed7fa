"""How many requests one may make: token buckets (pure).

Source:
    RFC 2697's token bucket, with one colour; draft-ietf-httpapi-ratelimit-headers-10 for the header fields.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

_MOST = 10_000


@dataclass(frozen=True)
class Quota:
    """How many may come at once, and how fast they grow again.

    Attributes:
        name: in the header fields.
        burst: as many as may come at once.
        per_s: as many as come back each second.
    """

    name: str
    burst: int
    per_s: float

    @property
    def policy(self) -> str:
        """The value of ``RateLimit-Policy``: ``burst`` within the seconds that an empty bucket takes to fill."""
        return f'"{self.name}";q={self.burst};w={math.ceil(self.burst / self.per_s)}'


@dataclass(frozen=True)
class Left:
    """What a bucket holds.

    Attributes:
        wait_s: until the next one may come; 0 when it may now.
        remaining: how many may come now.
        full_s: until as many may come as ever.
    """

    wait_s: float
    remaining: int
    full_s: float

    def field(self, quota: Quota) -> str:
        """The value of ``RateLimit``."""
        return f'"{quota.name}";r={self.remaining};t={math.ceil(self.full_s)}'


class Buckets:
    """A bucket for each key; one that is full again need not be remembered.

    Args:
        quota: of each.
        most: so many keys are remembered; of more, the one that asked longest ago begins anew.
    """

    def __init__(self, quota: Quota, most: int = _MOST) -> None:
        self.quota, self._most = quota, most
        self._held: dict[str, tuple[float, float]] = {}

    def look(self, key: str, now: float) -> Left:
        """What there is, nothing taken.

        Args:
            key: whose.
            now: monotonic seconds.
        """
        return self._left(self._level(key, now))

    def take(self, key: str, now: float) -> Left:
        """Take one out, if there is one; ``wait_s`` above 0 says that there was none."""
        level = self._level(key, now)
        if level < 1:
            return self._left(level)
        self._held.pop(key, None)  # put in at the end again, so that the first one is the longest silent
        self._held[key] = (level - 1, now)
        if len(self._held) > self._most:
            del self._held[next(iter(self._held))]
        after = self._left(level - 1)
        return Left(0.0, after.remaining, after.full_s)

    def _level(self, key: str, now: float) -> float:
        level, at = self._held.get(key, (self.quota.burst, now))
        return min(float(self.quota.burst), level + max(0.0, now - at) * self.quota.per_s)

    def _left(self, level: float) -> Left:
        quota = self.quota
        return Left(max(0.0, 1 - level) / quota.per_s, int(level), (quota.burst - level) / quota.per_s)


def network(client: str) -> str:
    """What one person has of addresses: one of IPv4, 2^64 of IPv6."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client
