"""Sites with counts, books, places and discrepancies."""

from __future__ import annotations

from datetime import timedelta

from bintally.messages import CountEvent
from bintally.messages.base import utc_now
from bintally.topics import Station
from tests.fakes.events import EPOCH, count_event
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger
from warehouse.ledger.events import Arrived, take
from warehouse.ledger.expectations import Row, expect
from warehouse.ledger.places import Place, import_layout, import_places

HERE, THERE = Station("berlin", "pick-3"), Station("köln/ost", "s 1")
"""Two sites; the names of the second one need encoding."""
WRONG, RIGHT = "A/17", "A/18"
LAYOUT = """[layout]
aisles = 4
aisle_pitch_m = 3.0
depot = { x_m = 0.0, cross_aisle = "front" }

[[layout.blocks]]
length_m = 12.0
"""


def count(station: Station, number: int, bin_: str, counted: int, evidence: bool = True) -> CountEvent:
    """A count that is sure of itself."""
    event_id = f"{EPOCH}-{number}"
    event = count_event(event_id, station.source, counted)
    probabilities = [0.97 if one == counted else 0.005 for one in range(7)]
    data = event.data.model_copy(
        update={"probabilities": probabilities, "confidence": 0.97, "trigger": "settled", "evidence": event_id if evidence else None}
    )
    return event.model_copy(update={"subject": bin_, "data": data})


def fill(ledger: Ledger, station: Station) -> None:
    """A site of which the books expect 5 in each of two bins, and one of them holds 2."""
    now = utc_now()
    with ledger.begin() as tx:
        import_layout(tx, station.site, LAYOUT, "tests", now)
        import_places(tx, [Place(station.site, WRONG, 1, 3.0, 0, "cold"), Place(station.site, RIGHT, 2, 5.0)], "tests", now)
        rows = [Row(station.site, bin_, 5, now - timedelta(hours=1), "4006381333931", 2.5) for bin_ in (WRONG, RIGHT)]
        expect(tx, rows, "tests", "csv", now)
        counts = [count(station, number, bin_, counted) for number, bin_, counted in ((1, WRONG, 2), (2, RIGHT, 5), (3, WRONG, 2))]
        take(tx, [Arrived(station, one) for one in counts], Rules(), now)
