"""What was stored a moment ago (pure): after an outage stations send the same events again and again, and the database need not look at each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from warehouse.ledger.events import Key

LASTS_S, MOST = 60.0, 200_000
"""No longer, so that a database that somebody sets back behind the listener's back gets the events that it lost from the stations."""


class Recent:
    """Keys of events that are surely in the ledger."""

    def __init__(self) -> None:
        self._since: OrderedDict[Key, float] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._since

    def forget(self, now_s: float) -> None:
        """Forget what was stored too long ago.

        Args:
            now_s: monotonic.
        """
        while self._since and (len(self._since) > MOST or next(iter(self._since.values())) < now_s - LASTS_S):
            self._since.popitem(last=False)

    def add(self, keys: Iterable[Key], now_s: float) -> None:
        """These were committed; what is known already keeps its time."""
        for key in keys:
            self._since.setdefault(key, now_s)
