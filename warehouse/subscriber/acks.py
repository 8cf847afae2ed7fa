"""What stations are told once their events are safe (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from bintally.messages import AckData, AckEvent, new_epoch, to_ranges, utc_now
from bintally.topics import Station
from warehouse.subscriber.arrived import Arrived


class Acknowledger:
    """Makes ``ack`` events, each with an id of its own."""

    def __init__(self) -> None:
        self._session, self._number = new_epoch(), 0

    def of(self, arrived: Iterable[Arrived]) -> Iterator[tuple[Station, AckEvent]]:
        """One event a station, with the fewest ranges; repeats are named like everything else, for their first ``ack`` may be lost."""
        positions: defaultdict[Station, list[tuple[str, int]]] = defaultdict(list)
        for one in arrived:
            positions[one.station].append(one.event.position)
        for station, of_station in positions.items():
            self._number += 1
            data = AckData(ranges=to_ranges(of_station))
            yield station, AckEvent(source="warehouse", id=f"{self._session}-{self._number}", time=utc_now(), data=data)
