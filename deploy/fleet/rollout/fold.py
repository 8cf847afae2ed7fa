"""Turn what stations say into views (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from bintally.errors import InputError
from bintally.messages.model import parse_model_reported
from bintally.messages.station import parse_health, parse_state
from deploy.fleet.rollout.link import Heard
from deploy.fleet.rollout.view import StationView, with_health, with_reported, with_state

log = structlog.get_logger()


@dataclass
class Listener:
    """All stations, as they are told.

    Attributes:
        views: by source.
        changed: sources whose views are others since ``take_changed``.
    """

    views: dict[str, StationView] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def hear(self, messages: Iterable[Heard], now: float) -> None:
        """Take messages in; what cannot be read is refused, and changes nothing."""
        for one in messages:
            try:
                self._hear(one, now)
            except InputError as error:
                log.warning("message refused", station=one.source, kind=one.kind, reason=str(error))

    def take_changed(self) -> list[StationView]:
        """Views that are others since the last call."""
        changed, self.changed = self.changed, set()
        return [self.views[source] for source in sorted(changed)]

    def _hear(self, one: Heard, now: float) -> None:
        if not one.payload:
            return  # a retained message that was deleted; what the station said before holds
        view = self.views.get(one.source) or StationView(source=one.source)
        self.views[one.source] = _said(view, one, now)
        self.changed.add(one.source)


def _said(view: StationView, one: Heard, now: float) -> StationView:
    if one.kind == "state":
        return with_state(view, parse_state(one.payload), now, live=one.live)
    if one.kind == "health":
        return with_health(view, parse_health(one.payload), now)
    return with_reported(view, parse_model_reported(one.payload), now, live=one.live)
