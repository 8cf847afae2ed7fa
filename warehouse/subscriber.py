"""Receive counts over MQTT, commit them to the ledger, then acknowledge them to their station."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bintally import topics
from bintally.brokers import broker_address
from bintally.errors import InputError, UnavailableError
from bintally.messages import CONTENT_TYPE, AckData, AckEvent, CountEvent, new_epoch, parse_count, to_ranges, utc_now
from bintally.topics import Station
from warehouse.ledger import Ledger

QUEUE_SIZE, BATCH_SIZE = 10_000, 200
log = structlog.get_logger()


@dataclass(frozen=True)
class Received:
    """A count that is in the ledger: from which station, and whether it was there before."""

    station: Station
    event: CountEvent
    repeat: bool


def listen(broker: str, ledger: Ledger, stop: threading.Event, site: str | None = None, patience_s: float = 10.0) -> Iterator[Received]:
    """Receive until ``stop`` is set; each count is committed before it is acknowledged and yielded.

    A message that finds the queue full is dropped: nobody acknowledged it, so its station sends it again.

    Args:
        broker: ``mqtt://host:port``.
        ledger: where the counts go.
        stop: ends the iteration.
        site: only this site's stations, None for all.
        patience_s: seconds in which the broker must answer first; later the subscriber reconnects for as long as it takes.

    Raises:
        UsageError: the URL is not MQTT's.
        UnavailableError: the broker did not answer, or the ledger failed.
    """
    waiting: queue.Queue[tuple[str, bytes]] = queue.Queue(QUEUE_SIZE)
    up = threading.Event()
    problem = ["no answer"]
    client = _client(waiting, up, problem, topics.subscription("count", site))
    host, port = broker_address(broker)
    client.connect_async(host, port, keepalive=30, clean_start=True)
    client.loop_start()
    try:
        deadline = time.monotonic() + patience_s
        while not up.wait(0.1):
            if stop.is_set():
                return
            if time.monotonic() > deadline:
                raise UnavailableError(f"broker {broker} does not answer ({problem[0]}); check --broker and that it runs")
        numbers, session = itertools.count(1), new_epoch()
        while not stop.is_set():
            received = _commit(ledger, _batch(waiting))
            for station, ack in _acknowledgements(received, session, numbers):
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
                properties.ContentType = CONTENT_TYPE
                client.publish(station.topic("ack"), ack.model_dump_json(), qos=1, properties=properties)
            yield from received
    finally:
        client.disconnect()
        client.loop_stop()


def _client(waiting: queue.Queue[tuple[str, bytes]], up: threading.Event, problem: list[str], topic: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, client_id=f"bintally-ledger-{new_epoch()}")
    client.reconnect_delay_set(1, 30)

    def on_connect(_: mqtt.Client, __: object, ___: mqtt.ConnectFlags, reason: ReasonCode, ____: object) -> None:
        if reason.is_failure:
            problem[0] = str(reason)
            log.warning("broker refused the connection", reason=str(reason))
            return
        client.subscribe(topic, qos=1)

    def on_subscribe(_: mqtt.Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        if any(reason.is_failure for reason in reasons):
            problem[0] = f"it refuses the subscription to {topic}: {reasons[0]}"
            log.warning("broker refused the subscription", topic=topic, reason=str(reasons[0]))
            return
        up.set()

    def on_disconnect(_: mqtt.Client, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        if up.is_set():
            log.warning("disconnected", reason=str(reason))

    def on_message(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        try:
            waiting.put_nowait((message.topic, bytes(message.payload)))
        except queue.Full:
            log.warning("queue full, stations will send again", size=QUEUE_SIZE)

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    client.on_disconnect, client.on_message = on_disconnect, on_message
    return client


def _batch(waiting: queue.Queue[tuple[str, bytes]]) -> list[tuple[Station, CountEvent]]:
    """Everything that waits, at most ``BATCH_SIZE``, without what is no count event of its topic's station."""
    messages = []
    try:
        messages.append(waiting.get(timeout=0.2))
        while len(messages) < BATCH_SIZE:
            messages.append(waiting.get_nowait())
    except queue.Empty:
        pass
    batch = []
    for topic, payload in messages:
        try:
            batch.append(_read(topic, payload))
        except InputError as error:
            log.warning("message refused", topic=topic, reason=str(error))
    return batch


def _read(topic: str, payload: bytes) -> tuple[Station, CountEvent]:
    station, _, _ = topics.parse(topic)
    event = parse_count(payload)
    if event.source != station.source:
        raise InputError(f"its source says {event.source!r}")
    return station, event


def _commit(ledger: Ledger, batch: list[tuple[Station, CountEvent]]) -> list[Received]:
    unique = {(event.source, event.id): event for _, event in batch}
    fresh = ledger.add(list(unique.values()))
    received = []
    for station, event in batch:
        received.append(Received(station, event, repeat=(event.source, event.id) not in fresh))
        fresh.discard((event.source, event.id))
    return received


def _acknowledgements(received: list[Received], session: str, numbers: Iterator[int]) -> Iterator[tuple[Station, AckEvent]]:
    positions: dict[Station, list[tuple[str, int]]] = defaultdict(list)
    for one in received:
        positions[one.station].append(one.event.position)
    for station, of_station in positions.items():
        data = AckData(ranges=to_ranges(of_station))
        yield station, AckEvent(source="warehouse", id=f"{session}-{next(numbers)}", time=utc_now(), data=data)
