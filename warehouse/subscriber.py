"""Receive counts over MQTT, commit them to the ledger, then acknowledge them to their station."""

from __future__ import annotations

import itertools
import queue
import sys
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
from bintally.brokers import BrokerAccess
from bintally.errors import InputError, UnavailableError
from bintally.messages import CONTENT_TYPE, AckData, AckEvent, CountEvent, GapEvent, new_epoch, parse_event, to_ranges, utc_now
from bintally.topics import Station
from warehouse.ledger import Ledger

QUEUE_SIZE, BATCH_SIZE = 10_000, 500
log = structlog.get_logger()


@dataclass(frozen=True)
class Received:
    """A count or a gap that is in the ledger: from which station, and whether it was there before."""

    station: Station
    event: CountEvent | GapEvent
    repeat: bool


def listen(
    access: BrokerAccess, ledger: Ledger, stop: threading.Event, site: str | None = None, patience_s: float = 10.0
) -> Iterator[Received]:
    """Receive until ``stop`` is set; each event is committed before it is acknowledged and yielded.

    A message that finds the queue full is dropped: nobody acknowledged it, so its station sends it again.

    Args:
        access: to the broker.
        ledger: where the counts go.
        stop: ends the iteration.
        site: only this site's stations, None for all.
        patience_s: seconds in which the broker must answer first; later the subscriber reconnects for as long as it takes.

    Raises:
        UnavailableError: the broker did not answer, or the ledger failed.
    """
    waiting: queue.Queue[tuple[str, bytes]] = queue.Queue(QUEUE_SIZE)
    up = threading.Event()
    problem = ["no answer"]
    client = _client(access, waiting, up, problem, topics.subscription("count", site))
    client.connect_async(access.address.host, access.address.port, keepalive=30, clean_start=True)
    client.loop_start()
    try:
        deadline = time.monotonic() + patience_s
        while not up.wait(0.1):
            if stop.is_set():
                return
            if time.monotonic() > deadline:
                raise UnavailableError(f"broker {access.url} does not answer ({problem[0]}); check --broker and that it runs")
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


def _client(
    access: BrokerAccess, waiting: queue.Queue[tuple[str, bytes]], up: threading.Event, problem: list[str], topic: str
) -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"bintally-ledger-{new_epoch()}",
        protocol=mqtt.MQTTv5,
        transport=access.address.transport,
    )
    access.prepare(client)
    client.reconnect_delay_set(1, 30)

    def on_connect(_: mqtt.Client, __: object, ___: mqtt.ConnectFlags, reason: ReasonCode, ____: object) -> None:
        if reason.is_failure:
            problem[0] = access.refused(str(reason))
            log.warning("broker refused the connection", reason=problem[0])
            return
        client.subscribe(topic, qos=1)

    def on_connect_fail(_: mqtt.Client, __: object) -> None:
        problem[0] = access.failed(sys.exc_info()[1])  # paho calls this while it handles the error, and does not hand it on

    def on_subscribe(_: mqtt.Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        if any(reason.is_failure for reason in reasons):
            problem[0] = f"it refuses the subscription to {topic}: {reasons[0]}"
            log.warning("broker refused the subscription", topic=topic, reason=str(reasons[0]))
            return
        up.set()

    def on_disconnect(_: mqtt.Client, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        if up.is_set():
            if reason.is_failure:  # not our own farewell
                log.warning("disconnected", reason=str(reason))
        elif problem[0] == "no answer":
            problem[0] = access.closed("")

    def on_message(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        try:
            waiting.put_nowait((message.topic, bytes(message.payload)))
        except queue.Full:
            log.warning("queue full, stations will send again", size=QUEUE_SIZE)

    client.on_connect, client.on_connect_fail, client.on_subscribe = on_connect, on_connect_fail, on_subscribe
    client.on_disconnect, client.on_message = on_disconnect, on_message
    return client


def _batch(waiting: queue.Queue[tuple[str, bytes]]) -> list[tuple[Station, CountEvent | GapEvent]]:
    """Everything that waits, at most ``BATCH_SIZE``, without what is no event of its topic's station."""
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


def _read(topic: str, payload: bytes) -> tuple[Station, CountEvent | GapEvent]:
    station, _, _ = topics.parse(topic)
    event = parse_event(payload)
    if event.source != station.source:
        raise InputError(f"its source says {event.source!r}")
    return station, event


def _commit(ledger: Ledger, batch: list[tuple[Station, CountEvent | GapEvent]]) -> list[Received]:
    unique = {(event.source, event.id): event for _, event in batch}
    fresh = ledger.add(list(unique.values()))
    received = []
    for station, event in batch:
        received.append(Received(station, event, repeat=(event.source, event.id) not in fresh))
        if isinstance(event, GapEvent) and not received[-1].repeat:
            log.warning("a station gave up events", station=event.source, reason=event.data.reason, ranges=len(event.data.ranges))
        fresh.discard((event.source, event.id))
    return received


def _acknowledgements(received: list[Received], session: str, numbers: Iterator[int]) -> Iterator[tuple[Station, AckEvent]]:
    positions: dict[Station, list[tuple[str, int]]] = defaultdict(list)
    for one in received:
        positions[one.station].append(one.event.position)
    for station, of_station in positions.items():
        data = AckData(ranges=to_ranges(of_station))
        yield station, AckEvent(source="warehouse", id=f"{session}-{next(numbers)}", time=utc_now(), data=data)
