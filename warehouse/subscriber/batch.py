"""Messages that are handled together: in one transaction, then acknowledged in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import paho.mqtt.client as mqtt

from warehouse.subscriber.arrived import Arrived, Letter, Said
from warehouse.subscriber.intake import read


@dataclass(frozen=True)
class Raw:
    """A message as it came.

    Attributes:
        client: whom the broker gave it, and who must acknowledge it.
        mid: its id there; None for one that needs no acknowledgement.
    """

    client: mqtt.Client
    mid: int | None
    topic: bytes
    payload: bytes


class Batch:
    """What is to be stored in one transaction; iterating gives the events in the order in which they came, repeats among them.

    Attributes:
        events: counts and gaps.
        said: states and health of stations, where the subscriber asked for them.
        letters: what cannot be read; keep it before you acknowledge, for nobody sends it again.
        acknowledged: whether ``acknowledge`` was called.
    """

    def __init__(self, messages: Iterable[Raw], acknowledge: Callable[[Batch], None]) -> None:
        self.messages = tuple(messages)
        self.events: list[Arrived] = []
        self.said: list[Said] = []
        self.letters: list[Letter] = []
        self._raws: dict[int, Raw] = {}
        for message in self.messages:
            self._sort(message, read(message.topic, message.payload))
        self.acknowledged = False
        self._acknowledge = acknowledge

    def __iter__(self) -> Iterator[Arrived]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def acknowledge(self) -> None:
        """Everything is committed: tell the broker, and tell the stations that their events are safe."""
        if not self.acknowledged:
            self.acknowledged = True
            self._acknowledge(self)

    def refuse(self, arrived: Arrived, reason: str) -> Letter:
        """An event can be read, but never be stored: it becomes a letter, and its station is not told that it is safe."""
        raw = self._raws[id(arrived)]
        self.events = [one for one in self.events if one is not arrived]
        self.letters.append(Letter(arrived.station.topic("count"), raw.payload, reason))
        return self.letters[-1]

    def _sort(self, message: Raw, what: Arrived | Said | Letter | None) -> None:
        if isinstance(what, Arrived):
            self.events.append(what)
            self._raws[id(what)] = message
        elif isinstance(what, Said):
            self.said.append(what)
        elif isinstance(what, Letter):
            self.letters.append(what)
