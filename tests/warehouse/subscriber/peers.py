"""The other sides of a subscriber: a station that collects its acknowledgements, and a program that uses the SDK."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bintally.errors import BintallyError
from bintally.messages import CountEvent, GapEvent, Range, parse_ack
from bintally.topics import Station
from tests.fakes.events import EPOCH, count_event
from tests.fakes.programs import PATIENCE_S
from warehouse.subscriber import Batch, Letter, Subscriber


class FakeStation:
    """Publishes what it is told, and collects the acknowledgements."""

    def __init__(self, broker: str, site: str, name: str = "s") -> None:
        self.station = Station(site, name)
        self.messages: queue.Queue[bytes] = queue.Queue()
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _, __, message: self.messages.put(bytes(message.payload))
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", urlsplit(broker).port or 0)
        self._client.loop_start()
        self._client.subscribe(self.station.topic("ack"), qos=1)
        assert subscribed.wait(PATIENCE_S)

    def event(self, number: int) -> CountEvent:
        return count_event(f"{EPOCH}-{number}", self.station.source)

    def send(self, payload: CountEvent | GapEvent | bytes, topic: str | None = None) -> None:
        data = payload if isinstance(payload, bytes) else payload.model_dump_json().encode()
        self._client.publish(topic or self.station.topic("count"), data, qos=1).wait_for_publish(PATIENCE_S)

    def acknowledged(self) -> list[tuple[int, int]]:
        """The ranges of the next acknowledgement."""
        ack = parse_ack(self.messages.get(timeout=PATIENCE_S))
        assert all(isinstance(one, Range) and one.epoch == EPOCH for one in ack.data.ranges)
        return [(one.first, one.last) for one in ack.data.ranges]

    def hears_nothing(self) -> None:
        """What comes next is what is said next: so nothing was said before."""
        self.send(b"marker", self.station.topic("ack"))
        assert self.messages.get(timeout=PATIENCE_S) == b"marker"

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Program:
    """Stores batches in a thread, as the ten lines of the documentation do.

    Args:
        subscriber: not started yet.
        store: called with each batch; what it raises is a transaction that failed.

    Attributes:
        events: numbers of the events of the batches that were stored.
        letters: of those batches.
        failure: why the subscriber ended.
    """

    def __init__(self, subscriber: Subscriber, store: Callable[[Batch], None] = lambda _: None) -> None:
        self.events: queue.Queue[int] = queue.Queue()
        self.letters: queue.Queue[Letter] = queue.Queue()
        self.failure: BintallyError | None = None
        self._subscriber, self._store = subscriber, store
        self.started = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            with self._subscriber as subscriber:
                self.started.set()
                for batch in subscriber.batches():
                    self._one(batch)
        except BintallyError as error:
            self.failure = error
            self.started.set()

    def _one(self, batch: Batch) -> None:
        try:
            self._store(batch)
        except OSError:
            return
        for arrived in batch:
            self.events.put(arrived.event.position[1])
        for letter in batch.letters:
            self.letters.put(letter)
        batch.acknowledge()

    def next_event(self) -> int:
        return self.events.get(timeout=PATIENCE_S)

    def all_events(self) -> list[int]:
        """Those that were stored so far."""
        return [self.events.get() for _ in range(self.events.qsize())]

    def close(self) -> None:
        self._subscriber.stop()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
