"""Who guesses tokens (pure)."""

from __future__ import annotations

import ipaddress
from collections import deque

_GUESSES, _GUESS_S, _MOST_GUESSERS = 5, 60.0, 1024


class Guesses:
    """Wrong tokens of each client: a few a minute, then none are looked at."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def wait_s(self, client: str, now: float) -> float:
        """Seconds until the client may try again; 0 when it may now.

        Args:
            client: its address.
            now: monotonic seconds.
        """
        recent = [at for at in self._wrong.get(_network(client), ()) if now - at < _GUESS_S]
        return _GUESS_S - (now - recent[0]) if len(recent) >= _GUESSES else 0.0

    def wrong(self, client: str, now: float) -> None:
        """The client sent a wrong token."""
        network = _network(client)
        # put at the end again, so that the first one is the longest silent, and is forgotten when there are too many
        self._wrong[network] = self._wrong.pop(network, deque(maxlen=_GUESSES))
        self._wrong[network].append(now)
        if len(self._wrong) > _MOST_GUESSERS:
            del self._wrong[next(iter(self._wrong))]

    def right(self, client: str) -> None:
        """What the client sent last, and was taken for a wrong token, is a right one."""
        recent = self._wrong.get(_network(client))
        if recent:
            recent.pop()


def _network(client: str) -> str:
    """What one person has of addresses: one of IPv4, 2^64 of IPv6."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client
