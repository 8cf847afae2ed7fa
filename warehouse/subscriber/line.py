"""A connection to the broker that is made again for as long as it takes, each time with a new paho client.

A client that lives on would acknowledge, after a reconnect, messages by the ids of the connection before; where the session was lost
those name other messages, which would then be lost, too.

Source: MQTT 5.0, sections 3.1 (session expiry, receive maximum), 4.1 (session state), 4.6 (order of acknowledgements).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bintally.brokers import BrokerAccess

KEEPALIVE_S = 30
MIN_PAUSE_S, MAX_PAUSE_S = 1.0, 30.0
STEADY_S = 5.0
"""A connection that lasted so long was a good one: the next pause is short again."""
_IN_FLIGHT, _QUEUED = 200, 10_000
_LOOK_S, _FAREWELL_S = 5.0, 3.0
_SUSPICIOUS = 3
"""So many connections that end at once are no accident: Mosquitto 2.0.11 and MQTT 3.1.1 do not say who took the session."""
_TAKEN_OVER = 0x8E
_LOST = "the connection was lost; a new one is being made"
_LEVELS = {LogLevel.MQTT_LOG_ERR, LogLevel.MQTT_LOG_WARNING}
log = structlog.get_logger()


@dataclass(frozen=True)
class Session:
    """What the broker is to keep for a client while it is away, and how it is to speak.

    Attributes:
        client_id: names it; a second client of this name ends the first one's connection.
        expiry_s: seconds for which the broker keeps it; None begins anew with each connection.
        receive_maximum: messages that the broker may send before one is acknowledged; MQTT 3.1.1 leaves that to the broker.
        mqtt311: MQTT 3.1.1, for brokers that know no other; they keep the session for as long as they like.
    """

    client_id: str
    expiry_s: int | None = None
    receive_maximum: int = 65_535
    mqtt311: bool = False


class Line:
    """One client's connection, in a thread of its own; callbacks come on paho's thread and must not wait.

    Args:
        access: to the broker.
        session: of this client.
        name: of the thread.

    Attributes:
        on_up: called with each new connection; ``up`` is set by who is content with it (``ready``).
        on_message: called with each message and the client that must acknowledge it.
        on_subscribed: called with the broker's answers to a subscription.
        on_published: called with a publication's message id, and whether the broker took it.
        connections: how many there were.
        problem: why there is no connection, for people; None while there is one.
        taken_over: another client of the same name took the session; the line does not connect again.
    """

    def __init__(self, access: BrokerAccess, session: Session, name: str) -> None:
        self.access, self.session = access, session
        self.on_up: Callable[[mqtt.Client, Properties | None], None] = lambda *_: self.ready()
        self.on_message: Callable[[mqtt.Client, mqtt.MQTTMessage], None] = lambda *_: None
        self.on_subscribed: Callable[[mqtt.Client, list[ReasonCode]], None] = lambda *_: None
        self.on_published: Callable[[int, bool], None] = lambda *_: None
        self.connections = 0
        self.problem: str | None = "no answer"
        self.taken_over = False
        self._client: mqtt.Client | None = None
        self._said: mqtt.MQTTMessageInfo | None = None
        self._detail, self._refused, self._wanted = "", False, False
        self._up, self._closed, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def up(self) -> bool:
        """Whether there is a connection that is of use."""
        return self._up.is_set()

    def wait_up(self, timeout_s: float) -> bool:
        """Wait until there is one; returns whether there is."""
        return self._up.wait(timeout_s)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def ready(self) -> None:
        """This connection is of use: whatever was asked of the broker was granted."""
        self.problem = None
        self._up.set()

    def unfit(self, client: mqtt.Client, problem: str) -> None:
        """This connection is of no use, though it stands; later another one may be."""
        self._refused = True
        self._fail(problem)
        client.disconnect()

    def again(self, client: mqtt.Client) -> None:
        """Drop this client's connection and make a new one: the broker sends again what was not acknowledged."""
        if client is self._client:
            self._wanted = True
            client.disconnect()

    def acknowledge(self, client: mqtt.Client, mid: int) -> None:
        """Acknowledge a message to the broker; one of an earlier connection is left to be sent again."""
        if client is self._client:
            client.ack(mid, 1)

    def publish(self, topic: str, payload: str, content_type: str, *, retain: bool = False) -> int | None:
        """Hand a message to paho with QoS 1.

        Returns:
            Its id, as ``on_published`` names it, or None where there is no connection or too much waits.
        """
        client = self._client
        if client is None or not self.up:
            return None
        sent = client.publish(topic, payload, qos=1, retain=retain, properties=self._properties(content_type))
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        self._said = sent
        return sent.mid

    def close(self, timeout_s: float = _FAREWELL_S) -> None:
        """Say farewell where there is a connection, after the broker has what was published last.

        A socket that is closed before its last answer was read is reset, and what the broker has not read by then is lost.
        """
        self._stopping.set()
        deadline = time.monotonic() + timeout_s
        while self.up and self._said is not None and not self._said.is_published() and time.monotonic() < deadline:
            self._closed.wait(0.01)
        client = self._client
        if client is not None:
            client.disconnect()
            self._closed.wait(timeout_s)
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _properties(self, content_type: str) -> Properties | None:
        if self.session.mqtt311:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.ContentType = content_type
        return properties

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set() and not self.taken_over:
            began, self._wanted = time.monotonic(), False
            self._connect_once()
            good = self._wanted or (time.monotonic() - began > STEADY_S and self.problem == _LOST)
            attempt = 0 if good else attempt + 1
            if attempt == _SUSPICIOUS and self.problem == _LOST:
                log.warning(
                    "the broker ends each connection at once; does another program use this name?", client_id=self.session.client_id
                )
            self._stopping.wait(pause_s(attempt, random.random()))  # noqa: S311 - jitter, no secret

    def _connect_once(self) -> None:
        """Connect, and stay until the connection ends."""
        self._closed.clear()
        client = self._new_client()
        try:
            self._connect(client)
        except (OSError, ValueError) as error:
            self._fail(self.access.failed(error))
            return
        client.loop_start()
        # paho's thread ends without a word where a broker sends what it cannot read
        while not self._closed.wait(_LOOK_S) and client._thread is not None:  # noqa: SLF001 - nothing public tells
            pass
        self._up.clear()
        self._client = None
        client.disconnect()
        client.loop_stop()

    def _connect(self, client: mqtt.Client) -> None:
        where = self.access.address
        if self.session.mqtt311:
            client.connect(where.host, where.port, KEEPALIVE_S)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = self.session.expiry_s or 0
        properties.ReceiveMaximum = self.session.receive_maximum
        client.connect(where.host, where.port, KEEPALIVE_S, clean_start=self.session.expiry_s is None, properties=properties)

    def _new_client(self) -> mqtt.Client:
        old = self.session.mqtt311
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.session.client_id,
            clean_session=self.session.expiry_s is None if old else None,
            protocol=mqtt.MQTTv311 if old else mqtt.MQTTv5,
            transport=self.access.address.transport,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self.access.prepare(client)
        client.suppress_exceptions = True  # they would end paho's thread; on_log tells them
        client.max_queued_messages_set(_QUEUED)
        client.on_connect, client.on_disconnect, client.on_log = self._on_connect, self._on_disconnect, self._on_log
        client.on_message = lambda client, _, message: self.on_message(client, message)
        client.on_subscribe = lambda client, _, __, reasons, ___: self.on_subscribed(client, reasons)
        client.on_publish = lambda _, __, mid, reason, ___: self.on_published(mid, not reason.is_failure)
        self._detail, self._refused = "", False
        return client

    def _fail(self, problem: str) -> None:
        if problem != self.problem:  # once, however long the broker stays away
            log.warning("no connection to the broker", broker=self.access.url, reason=problem)
        self.problem = problem

    def _on_log(self, _: mqtt.Client, __: object, level: int, text: str) -> None:
        if level in _LEVELS:
            self._detail = text
            if text.startswith("Caught exception"):
                log.error("connection failed", reason=text)

    def _on_connect(self, client: mqtt.Client, _: object, __: mqtt.ConnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            self._refused = True
            self._fail(self.access.refused(str(reason)))
            return
        # its public setter refuses to, though only now the broker has said how many it takes; nothing is in flight yet
        client._max_inflight_messages = min(_IN_FLIGHT, getattr(properties, "ReceiveMaximum", _IN_FLIGHT))  # noqa: SLF001
        self.connections += 1
        self._client = client
        log.info("connected", broker=self.access.url)
        self.on_up(client, properties)

    def _on_disconnect(self, _: mqtt.Client, __: object, flags: mqtt.DisconnectFlags, reason: ReasonCode, ___: object) -> None:
        if flags.is_disconnect_packet_from_server and reason.value == _TAKEN_OVER:
            self.taken_over = True
        if self.up:
            self._up.clear()
            self.problem = _LOST
            if not self._stopping.is_set():
                log.warning("disconnected", broker=self.access.url, reason=self._detail or str(reason))
        elif not self._refused and not self._stopping.is_set():
            self._fail(self.access.closed(self._detail))
        self._closed.set()


def pause_s(attempt: int, share: float) -> float:
    """How long to wait before the next attempt.

    Args:
        attempt: how many failed in a row, 0 after a good connection.
        share: random, 0 to 1, so that all clients do not come back at once.
    """
    return float(min(MAX_PAUSE_S, MIN_PAUSE_S * 2 ** min(attempt, 10)) * (0.5 + share / 2))
