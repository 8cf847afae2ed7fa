"""The subscriber: batches of what stations say, each until it is acknowledged."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from typing_extensions import Self

from bintally import topics
from bintally.brokers import BrokerAccess, broker_access
from bintally.errors import UnavailableError, UsageError
from bintally.messages import CONTENT_TYPE
from warehouse.subscriber.acks import Acknowledger
from warehouse.subscriber.batch import Batch, Raw
from warehouse.subscriber.line import Line, Session

IN_FLIGHT, MOST, EXPIRY_S = 1000, 500, 300
_PATIENCE_S, _LOOK_S, _LINGER_S, _AGAIN_S = 10.0, 0.2, 0.02, 1.0
_SLACK = 10_000
"""Mosquitto 2.0.11 sends up to two messages for each that is acknowledged, so that in a long backlog ever more is in hand; and after a
reconnect all of it comes again behind what still waits here."""
_RUMQTTD = {"TopicAliasMaximum": 4096}
log = structlog.get_logger()


class Subscriber:
    """Receives counts and gaps of all stations over a persistent session; several workers share them.

    Nothing is acknowledged but by ``Batch.acknowledge``, to the broker and to the stations; a batch that is not acknowledged comes
    again. At most ``in_flight`` messages are in hand, the others wait at the broker: that is the back-pressure.

    A worker that is taken away for good keeps its share of the messages until its session expires; stations send them again, so they
    are late then, and not lost.

    Args:
        broker: its URL, or all that it takes to get in (``bintally.brokers.broker_access``).
        worker: names this worker among those of its group, the same at each start.
        group: workers of one group share the messages; every group gets all of them.
        site: only this site's stations; None for all.
        states: also what stations say of themselves (state and health); each worker that asks gets all of it.
        in_flight: most messages that are received and not acknowledged.
        most: messages in a batch.
        expiry_s: seconds for which the broker keeps what comes while this worker is away.
        mqtt311: speak MQTT 3.1.1, for brokers that know no other.
        patience_s: seconds in which the broker must answer first; later the subscriber connects again for as long as it takes.
    """

    def __init__(
        self,
        broker: str | BrokerAccess,
        worker: str,
        *,
        group: str = "wms",
        site: str | None = None,
        states: bool = False,
        in_flight: int = IN_FLIGHT,
        most: int = MOST,
        expiry_s: int = EXPIRY_S,
        mqtt311: bool = False,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Check the settings; nothing is connected yet.

        Raises:
            UsageError: a setting cannot be.
        """
        if not 1 <= in_flight <= 65_535 or most < 1 or expiry_s < 0:
            raise UsageError(
                f"in_flight is {in_flight}, most {most}, expiry_s {expiry_s}: must be 1 to 65535, at least 1, and not negative"
            )
        access = broker_access(broker) if isinstance(broker, str) else broker
        self._plain = topics.subscription("count", site)
        self._shared = topics.shared(group, self._plain)
        self._others = [(topics.subscription("state", site), 1), (topics.subscription("health", site), 0)] if states else []
        session = Session(_client_id(worker, [self._shared, *(one for one, _ in self._others)]), expiry_s, in_flight, mqtt311)
        self._worker, self._most, self._patience_s, self._access = worker, most, patience_s, access
        self._waiting: queue.Queue[Raw] = queue.Queue(2 * in_flight + _SLACK)
        self._overflowed: mqtt.Client | None = None
        self._held: Batch | None = None
        self._acknowledger = Acknowledger()
        self._stopping = threading.Event()
        self._line = Line(access, session, f"subscriber {worker}")
        self._line.on_up, self._line.on_subscribed, self._line.on_message = self._subscribe, self._subscribed, self._take

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Connect and subscribe.

        Raises:
            UnavailableError: the broker did not answer in time, or it refuses.
        """
        self._line.start()
        deadline = time.monotonic() + self._patience_s
        while not (self._line.wait_up(0.1) or self._stopping.is_set()):
            if time.monotonic() > deadline:
                problem = self._line.problem
                self.close()
                raise UnavailableError(f"broker {self._access.url} does not answer ({problem}); check --broker and that it runs")

    def batches(self) -> Iterator[Batch]:
        """What arrives, until ``stop`` is called; a batch that was not acknowledged comes again after a second.

        Raises:
            UsageError: another program took this worker's session.
        """
        while not self._stopping.is_set():
            batch = self._held or self._collect()
            if batch is None:
                self._look_after()
                continue
            self._held = batch
            yield batch
            if batch.acknowledged:
                self._held = None
            else:
                self._stopping.wait(_AGAIN_S)

    def stop(self) -> None:
        """End ``batches``; may be called from a signal's handler and from other threads."""
        self._stopping.set()

    def close(self) -> None:
        """Disconnect; what was not acknowledged comes again."""
        self._stopping.set()
        self._line.close()

    def _collect(self) -> Batch | None:
        """Everything that waits or comes within a moment, at most one batch of it: a transaction costs more than most events in it."""
        messages = []
        try:
            messages.append(self._waiting.get(timeout=_LOOK_S))
            until = time.monotonic() + _LINGER_S
            while len(messages) < self._most:
                messages.append(self._waiting.get(timeout=max(0.0, until - time.monotonic())))
        except queue.Empty:
            pass
        return Batch(messages, self._acknowledge) if messages else None

    def _look_after(self) -> None:
        """While nothing waits."""
        if self._line.taken_over:
            raise UsageError(
                f"worker {self._worker!r}: another program uses this name at {self._access.url} and took its session; "
                "give each worker a name of its own (--worker)"
            )
        if self._overflowed is not None:
            self._line.again(self._overflowed)

    def _acknowledge(self, batch: Batch) -> None:
        for message in batch.messages:
            if message.mid is not None:
                self._line.acknowledge(message.client, message.mid)
        for station, ack in self._acknowledger.of(batch):
            # one that gets lost is said again: the station sends its events until it hears it
            self._line.publish(station.topic("ack"), ack.model_dump_json(), CONTENT_TYPE)

    def _subscribe(self, client: mqtt.Client, properties: Properties | None) -> None:
        if properties is not None and properties.json() == _RUMQTTD:  # type: ignore[no-untyped-call]  # paho leaves it untyped
            # rumqttd 0.20, the embedded broker, ends itself when a persistent session with a shared subscription is left;
            # another broker that is taken for it sends each worker everything, which is slower and not wrong
            log.info("no shared subscription at this broker: each worker gets everything", broker=self._access.url)
            self._ask(client, self._plain)
        else:
            self._ask(client, self._shared)

    def _ask(self, client: mqtt.Client, counts: str) -> None:
        client.user_data_set(counts)
        client.subscribe([(counts, 1), *self._others])

    def _subscribed(self, client: mqtt.Client, reasons: list[ReasonCode]) -> None:
        counts, *others = reasons
        if not counts.is_failure:
            if any(reason.is_failure for reason in others):
                log.warning("broker refuses what stations say of themselves", reasons=[str(reason) for reason in others])
            self._line.ready()
        elif client.user_data_get() == self._shared:
            log.warning("no shared subscription at this broker: each worker gets everything", broker=self._access.url, reason=str(counts))
            self._ask(client, self._plain)
        else:
            self._line.unfit(client, f"it refuses the subscription to {self._plain}: {counts}")

    def _take(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        if client is self._overflowed:
            return  # what follows a message that was left out must not be acknowledged before it (MQTT-4.6.0-2)
        topic: bytes = message._topic  # noqa: SLF001 - its public name raises where a topic is no UTF-8
        try:
            self._waiting.put_nowait(Raw(client, message.mid if message.qos else None, topic, bytes(message.payload)))
        except queue.Full:
            if message.qos:
                self._overflowed = client
                log.warning("the broker sends more than it was asked for; the rest comes again later", most=self._waiting.maxsize)


def _client_id(worker: str, filters: list[str]) -> str:
    """A worker's name at the broker; another one for other subscriptions, so that no session holds those of an earlier start."""
    return f"bintally-{topics.encode(worker)}-{hashlib.sha256(' '.join(filters).encode()).hexdigest()[:8]}"
