"""What somebody said at a station becomes a correction in the ledger."""

from __future__ import annotations

import hashlib

import structlog

from bintally.topics import Station
from warehouse.api.deps import Api
from warehouse.api.evidence.protocol import label_in
from warehouse.ledger.corrections import Correction, correct
from warehouse.ledger.evidence import bin_shown

log = structlog.get_logger()


def keep_label(api: Api, station: Station, event_id: str, content: bytes) -> None:
    """Record what a description says of the quantity, once however often it comes.

    Args:
        api: the ledger, and the time.
        station: whose description.
        event_id: its name.
        content: JSON.

    Raises:
        RefusedError: it is no description.
        UnavailableError: the ledger does not answer; then the station sends it again.
    """
    label = label_in(content, event_id, station)
    if label is None:
        return
    now = api.now()
    # a station's clock may be ahead: nobody can have looked later than now
    at = min(label.at, now)
    said = f"{station.source} {event_id} {label.quantity} {label.by} {label.at.isoformat()}"
    with api.ledger.begin("a correction was not kept; its station sends it again") as tx:
        told = None if label.event is None else label.event.subject
        bin_ = bin_shown(tx, station.source, event_id) or told
        if bin_ is None:
            log.warning("a picture was corrected whose count nobody knows", station=station.source, id=event_id)
            return
        key = f"station:{hashlib.sha256(said.encode()).hexdigest()}"
        one = Correction(station.site, bin_, label.quantity, label.by, at, "station", key, station.source, event_id)
        correct(tx, one, now, api.rules)
