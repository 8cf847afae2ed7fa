"""The fleet's connection to the broker: what stations say comes in, signed desires go out.

paho's thread only fills queues; the controller empties them. After each new connection the broker tells all retained messages again, so
nothing that matters is lost with a connection, or with a queue that was full.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from dataclasses import dataclass

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from bintally import topics
from bintally.brokers import BrokerAccess
from bintally.errors import InputError
from bintally.messages.base import new_epoch
from bintally.topics import Kind

KINDS: tuple[Kind, ...] = ("state", "health", "model/reported", "model/desired")
QUEUE_SIZE = 200_000
"""About ten minutes of a thousand stations; what comes then is dropped, and all retained messages are asked for again."""
SETTLE_S = 2.0
"""After a new connection the broker tells what it retains; so long without more of that, and it is told."""
NO_ANSWER = "no answer yet"
log = structlog.get_logger()


@dataclass(frozen=True)
class Heard:
    """A message of a station.

    Attributes:
        source: of the station.
        kind: as in topics.
        payload: bytes.
        live: whether it was said just now; else the broker had it.
    """

    source: str
    kind: str
    payload: bytes
    live: bool


class FleetLink:
    """A connection that comes back by itself.

    Args:
        access: to the broker.
        settle_s: seconds without a retained message after which a new connection has told all.

    Attributes:
        problem: why there is no connection, for people; None while there is one.
        desired: source → what the broker retains on ``model/desired``, as this connection told it.
    """

    def __init__(self, access: BrokerAccess, settle_s: float = SETTLE_S) -> None:
        self._access, self._settle_s = access, settle_s
        self.problem: str | None = NO_ANSWER
        self.desired: dict[str, bytes] = {}
        self._heard: queue.Queue[Heard] = queue.Queue(QUEUE_SIZE)
        self._acknowledged: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._up = threading.Event()
        self._connections, self._told_at, self._overrun = 0, 0.0, False
        self._client = self._new_client()

    @property
    def connections(self) -> int:
        """How many there were, counted when they are settled on both sides."""
        return self._connections

    def start(self) -> None:
        """Begin to connect, and go on for as long as it takes."""
        self._client.connect_async(self._access.address.host, self._access.address.port, keepalive=30, clean_start=True)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect; what was not acknowledged is said again by the next one."""
        self._client.disconnect()
        self._client.loop_stop()

    def is_settled(self) -> bool:
        """Whether there is a connection, and it has told all that the broker retains: the next ``take`` has it, with what stations say meanwhile."""
        return self._up.is_set() and time.monotonic() - self._told_at > self._settle_s

    def take(self) -> list[Heard]:
        """What came since the last call."""
        found = []
        while True:
            try:
                found.append(self._heard.get_nowait())
            except queue.Empty:
                break
        if self._overrun:
            self._overrun = False
            self.ask_again()
        return found

    def ask_again(self) -> None:
        """Have the broker tell all retained messages."""
        if self._client.is_connected():
            self._told_at = time.monotonic()
            self._client.subscribe([(topics.subscription(kind), 1) for kind in KINDS])

    def publish(self, topic: str, payload: bytes) -> int | None:
        """Retain a message; returns its number for ``acknowledged``, None where there is no connection."""
        if not self._up.is_set():
            return None
        sent = self._client.publish(topic, payload, qos=1, retain=True)
        return sent.mid if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def acknowledged(self) -> list[int]:
        """Numbers of messages that the broker has, since the last call."""
        found = []
        while not self._acknowledged.empty():
            found.append(self._acknowledged.get())
        return found

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"bintally-fleet-{new_epoch()}",
            protocol=mqtt.MQTTv5,
            transport=self._access.address.transport,
        )
        self._access.prepare(client)
        client.reconnect_delay_set(1, 30)
        client.suppress_exceptions = True  # they would end paho's thread; on_log tells them
        client.on_connect, client.on_connect_fail, client.on_disconnect = self._on_connect, self._on_connect_fail, self._on_disconnect
        client.on_subscribe, client.on_message, client.on_publish = self._on_subscribe, self._on_message, self._on_publish
        client.on_log = self._on_log
        return client

    def _on_log(self, _: mqtt.Client, __: object, ___: int, text: str) -> None:
        if text.startswith("Caught exception"):
            log.error("link failed", reason=text)

    def _fail(self, problem: str) -> None:
        if problem != self.problem:  # once, however long the broker stays away
            log.warning("no connection to the broker, waiting", broker=self._access.url, reason=problem)
        self.problem = problem

    def _on_connect(self, _: mqtt.Client, __: object, ___: mqtt.ConnectFlags, reason: ReasonCode, ____: object) -> None:
        if reason.is_failure:
            self._fail(self._access.refused(str(reason)))
            return
        self.desired = {}
        self.ask_again()

    def _on_connect_fail(self, _: mqtt.Client, __: object) -> None:
        self._fail(self._access.failed(sys.exc_info()[1]))  # paho calls this while it handles the error, and does not hand it on

    def _on_subscribe(self, _: mqtt.Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._fail(f"it refuses subscriptions ({refused[0]}); its access list must let the fleet read the stations' topics")
            return
        self._told_at = time.monotonic()
        if not self._up.is_set():
            self._connections += 1
            self.problem = None
            self._up.set()
            log.info("connected", broker=self._access.url)

    def _on_disconnect(self, _: mqtt.Client, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        if self._up.is_set():
            self._up.clear()
            if reason.is_failure:  # not our own farewell
                self._fail(f"the connection was lost ({reason}); a new one is being made")
        elif self.problem == NO_ANSWER:
            self._fail(self._access.closed(""))

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        try:
            station, kind, _name = topics.parse(message.topic)
            if kind == "model/desired":
                self.desired[station.source] = bytes(message.payload)
            else:
                self._heard.put_nowait(Heard(station.source, kind, bytes(message.payload), live=not message.retain))
        except InputError as error:
            log.warning("message refused", topic=message.topic[:200], reason=str(error))
        except queue.Full:
            self._overrun = True
            log.warning("queue full, all retained messages are asked for again", size=QUEUE_SIZE)
        if message.retain:
            self._told_at = time.monotonic()

    def _on_publish(self, _: mqtt.Client, __: object, mid: int, reason: ReasonCode, ___: object) -> None:
        if reason.is_failure:
            log.warning("broker refused a message", reason=f"{reason}; its access list must let the fleet write model/desired")
        else:
            self._acknowledged.put(mid)
