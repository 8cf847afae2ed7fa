"""What the page shows, at one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.fleet.page.trouble import troubles
from deploy.fleet.rollout.cohorts import Labels
from deploy.fleet.rollout.plan import Rollout
from deploy.fleet.rollout.shown import Views, station_json
from deploy.fleet.rollout.store import Ended, Entry, Store

_YOUNG_S = 2.0
_LOG_LINES = 8
Row = dict[str, Any]
"""A station as ``station_json`` tells it, with ``troubles``: list of words."""


@dataclass(frozen=True)
class Glance:
    """The fleet at one moment.

    Attributes:
        at: Unix seconds.
        controller: who moves roll-outs; None: nobody, and what is shown is as old as its end.
        views, labels: of the stations.
        stations: the same for people.
        rollouts: those that are open.
        ended: the newest of the others.
        log: the newest lines.
    """

    at: float
    controller: str | None
    views: Views
    labels: Labels
    stations: list[Row]
    rollouts: list[Rollout]
    ended: list[Ended]
    log: list[Entry]


class Watch:
    """Looks into the database at most every two seconds, however many look at the page.

    Args:
        store: the database.
        clock: gives Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._last: Glance | None = None

    def look(self) -> Glance:
        """The newest glance.

        Raises:
            UnavailableError: the database does not answer.
        """
        with self._lock:
            if self._last is None or not 0 <= self._clock() - self._last.at < _YOUNG_S:
                self._last = self._glance(self._clock())
            return self._last

    def forget(self) -> None:
        """Something was ordered: look again."""
        with self._lock:
            self._last = None

    def _glance(self, now: float) -> Glance:
        store, views, labels = self._store, self._store.views(), self._store.labels()
        stations = [
            {**station_json(view, labels, now), "troubles": troubles(view, now)} for view in sorted(views.values(), key=lambda v: v.source)
        ]
        return Glance(
            now, store.controller(now), views, labels, stations, store.rollouts(only_open=True), store.ended(), store.audit(_LOG_LINES)
        )
