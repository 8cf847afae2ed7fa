"""One look at all stations, for a command that comes and goes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bintally.brokers import BrokerAccess
from bintally.errors import UnavailableError
from deploy.fleet.rollout.fold import Listener
from deploy.fleet.rollout.link import NO_ANSWER, FleetLink
from deploy.fleet.rollout.view import StationView

_SETTLE_S = 0.5


def look(access: BrokerAccess, known: Mapping[str, StationView], now: float, patience_s: float) -> dict[str, StationView]:
    """Ask the broker for what it retains of all stations.

    Args:
        access: to the broker.
        known: what the database has of them.
        now: Unix seconds.
        patience_s: in which the broker must have told all.

    Raises:
        UnavailableError: the broker does not answer.
    """
    link, listener = FleetLink(access, _SETTLE_S), Listener(dict(known))
    link.start()
    try:
        deadline = time.monotonic() + patience_s
        while not link.is_settled():
            if time.monotonic() > deadline or link.problem not in (None, NO_ANSWER):
                raise UnavailableError(f"broker {access.url}: {link.problem or 'does not come to an end with what it retains'}")
            time.sleep(0.02)
            listener.hear(link.take(), now)
        listener.hear(link.take(), now)
    finally:
        link.stop()
    return listener.views
