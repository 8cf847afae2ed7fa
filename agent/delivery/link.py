"""The connection to the broker: paho with MQTT 5, a last will, retained state, and reconnecting with capped back-off and jitter."""

from __future__ import annotations

import queue
import random
import secrets
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
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.delivery.mail import Mail
from agent.settings import AgentSettings
from bintally import __version__
from bintally.brokers import BrokerAccess, broker_access
from bintally.errors import UsageError
from bintally.messages import CONTENT_TYPE, ModelName, State
from bintally.topics import Station

KEEPALIVE_S = 30
MIN_PAUSE_S, MAX_PAUSE_S = 1.0, 30.0
STEADY_S = 5.0
"""A connection that lasted so long was a good one: the next pause is short again."""
REFUSED_S = 30.0
"""So long a refusal is the link's problem, whatever else the broker takes: longer than until a refused count is sent again."""
MAX_RETAINED = 1000
_IN_FLIGHT, _QUEUED = 200, 10_000
_LOOK_S = 5.0
_LEVELS = {LogLevel.MQTT_LOG_ERR, LogLevel.MQTT_LOG_WARNING}
Token = tuple[int, int]
"""Names a publication: the number of the connection, and its message id there."""
log = structlog.get_logger()


@dataclass(frozen=True)
class _Retained:
    payload: bytes
    qos: int
    expires_at: float | None


class Link:
    """One station's connection, in a thread named ``link``, with a new client for each attempt.

    A client that lives on would send again, after a reconnect, what was in its queue before, behind what is newer by then; here
    the outbox and the retained topics alone know what is to be said.

    Paho's thread calls back into this class; it only puts things into queues and calls ``wake``.

    Args:
        access: to the broker.
        station: whose topics.
        session: the epoch of this start; birth and last will carry it.
        updates: whether ``model/desired`` is listened to.

    Attributes:
        mail: what came for this station.
        published: what the broker acknowledged, and whether it took it.
        ask_past: whether a new connection asks for the bins' states that the broker kept from before.
        connections: how many there were.
        problem: why there is no connection, or what the broker refuses, for people; None while all is well.
        wake: called when the connection came up or went, or an acknowledgement arrived.
    """

    def __init__(self, access: BrokerAccess, station: Station, session: str, *, updates: bool = False) -> None:
        self.access, self.station, self._updates = access, station, updates
        self.mail = Mail(station, session)
        self.published: queue.Queue[tuple[Token, bool]] = queue.Queue(maxsize=_QUEUED)
        self.ask_past = True
        self.connections = 0
        self.problem: str | None = "no answer yet"
        self.wake: Callable[[], None] = lambda: None
        self._client_id = f"bintally-{secrets.token_hex(11)}"  # told to nobody: who knows it can take the connection over
        self._state = State(status="online", session=session, version=__version__, model=None)
        self._retained: dict[str, _Retained] = {}
        self._lock = threading.RLock()  # never taken in on_publish, which paho calls while it holds its own
        self._client: mqtt.Client | None = None
        self._closed = threading.Event()
        self._detail, self._refused, self._refused_at = "", False, float("-inf")
        self._up = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._up.is_set()

    def start(self) -> None:
        """Begin to connect, and go on for as long as it takes."""
        self._thread.start()

    def set_model(self, model: ModelName | None) -> None:
        """The counter is another one: say it in the birth, at once where there is a connection."""
        with self._lock:
            self._state = self._state.model_copy(update={"model": model})
            self._say_birth()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> Token | None:
        """Hand a message to paho with QoS 1.

        Returns:
            Its name in ``published``, or None where there is no connection.
        """
        return self._publish(topic, payload, _EVENT, qos=1, retain=retain)

    def retain(self, topic: str, payload: bytes, expires_s: float | None = None, qos: int = 1) -> None:
        """Keep a topic's newest payload at the broker: now where there is a connection, and right after each new one.

        Raises:
            UsageError: there are too many such topics.
        """
        with self._lock:
            if topic not in self._retained and len(self._retained) >= MAX_RETAINED:
                raise UsageError(f"{topic}: more than {MAX_RETAINED} retained topics")
            self._retained[topic] = _Retained(payload, qos, None if expires_s is None else time.monotonic() + expires_s)
            self._say_retained(topic)

    def say(self, topic: str, payload: bytes, qos: int = 1, expires_s: float | None = None, correlation: bytes | None = None) -> bool:
        """Say something once; returns whether there was a connection to say it on. What is lost with the connection stays lost."""
        return self._publish(topic, payload, _properties(expires_s=expires_s, correlation=correlation), qos=qos) is not None

    def stop(self, timeout_s: float = 3.0) -> None:
        """Say ``stopped`` where there is a connection, and disconnect."""
        with self._lock:
            self._stopping.set()
            client = self._client
            self._state = self._state.model_copy(update={"status": "stopped"})
            sent = client.publish(self._topic_of_state, self._state.model_dump_json(), qos=1, retain=True) if client and self.up else None
        if client is not None:
            if sent is not None and sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                sent.wait_for_publish(timeout_s)
            client.disconnect()
            self._closed.wait(timeout_s)  # until it is sent, or the broker would publish the will
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def _topic_of_state(self) -> str:
        return self.station.topic("state")

    def _publish(self, topic: str, payload: bytes, properties: Properties, *, qos: int, retain: bool = False) -> Token | None:
        client, number = self._client, self.connections
        if client is None or not self.up:
            return None
        sent = client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        return (number, sent.mid) if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def _say_birth(self) -> None:
        if not self._stopping.is_set():
            self._publish(self._topic_of_state, self._state.model_dump_json().encode(), _properties(), qos=1, retain=True)

    def _say_retained(self, topic: str) -> None:
        one = self._retained[topic]
        left_s = None if one.expires_at is None else one.expires_at - time.monotonic()
        if left_s is None or left_s > 0:
            self._publish(topic, one.payload, _properties(expires_s=left_s), qos=one.qos, retain=True)

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            self._connect_once()
            attempt = 0 if time.monotonic() - began > STEADY_S and self.problem == _LOST else attempt + 1
            self._stopping.wait(pause_s(attempt, random.random()))  # noqa: S311 - jitter, no secret

    def _connect_once(self) -> None:
        """Connect, and stay until the connection ends."""
        self._closed.clear()
        try:
            client = self._new_client()
            client.connect(self.access.address.host, self.access.address.port, KEEPALIVE_S, clean_start=True)
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
        if not self._stopping.is_set():
            client.loop_stop()
        self.wake()

    def _fail(self, problem: str) -> None:
        if problem != self.problem:  # once, however long the broker stays away
            log.warning("no connection to the broker", broker=self.access.url, reason=problem)
        self.problem = problem
        self.wake()

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=mqtt.MQTTv5,
            transport=self.access.address.transport,
            reconnect_on_failure=False,
        )
        self.access.prepare(client)
        client.suppress_exceptions = True  # they would end paho's thread; on_log tells them
        client.max_queued_messages_set(_QUEUED)
        client.will_set(self._topic_of_state, self._state.model_copy(update={"status": "lost"}).model_dump_json(), qos=1, retain=True)
        client.on_connect, client.on_disconnect, client.on_log = self._on_connect, self._on_disconnect, self._on_log
        client.on_subscribe, client.on_publish, client.on_message = self._on_subscribe, self._on_publish, self._on_message
        self._detail, self._refused, self._refused_at = "", False, float("-inf")
        return client

    def _on_log(self, _: mqtt.Client, __: object, level: int, text: str) -> None:
        if level in _LEVELS:
            self._detail = text
            if text.startswith("Caught exception"):
                log.error("link failed", reason=text)

    def _on_connect(self, client: mqtt.Client, _: object, __: mqtt.ConnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            self._refused = True
            self._fail(self.access.refused(str(reason)))
            return
        # its public setter refuses to, though only now the broker has said how many it takes; nothing is in flight yet
        client._max_inflight_messages = min(_IN_FLIGHT, getattr(properties, "ReceiveMaximum", _IN_FLIGHT))  # noqa: SLF001
        with self._lock:
            client.subscribe(self._filters())
            self.connections += 1
            self._client = client
            self.problem = None
            self._up.set()
            self._say_birth()
            for topic in self._retained:
                self._say_retained(topic)
        log.info("connected", broker=self.access.url)
        self.wake()

    def _filters(self) -> list[tuple[str, SubscribeOptions]]:
        mine = self.station
        filters = [mine.topic("ack"), mine.topic("state"), mine.topic("config/desired"), mine.all_named("cmd"), mine.all_named("expected")]
        filters += [mine.topic("model/desired")] if self._updates else []
        wanted = [(one, SubscribeOptions(qos=1)) for one in filters]
        if self.ask_past:
            wanted.append((mine.all_named("bin"), SubscribeOptions(qos=1, noLocal=True)))
        return wanted

    def _on_disconnect(self, _: mqtt.Client, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        if self.up:
            self._up.clear()
            if not self._stopping.is_set():
                self.problem = _LOST
                log.warning("disconnected", broker=self.access.url, reason=self._detail or str(reason))
        elif not self._refused and not self._stopping.is_set():
            self._fail(self.access.closed(self._detail))
        self._closed.set()

    def _on_publish(self, _: mqtt.Client, __: object, mid: int, reason: ReasonCode, ___: object) -> None:
        now = time.monotonic()
        if reason.is_failure:
            self._refused_at = max(now, self._refused_at)
            if self.problem is None:
                self.problem = f"it refuses what this station says ({reason}); its access list must let the station write its own topics"
                log.warning("broker refused a message", reason=self.problem)
        elif self.problem is not None and self.up and now - self._refused_at > REFUSED_S:
            self.problem = None
        try:
            self.published.put_nowait(((self.connections, mid), not reason.is_failure))
        except queue.Full:
            log.warning("broker's acknowledgement dropped")
        self.wake()

    def _on_subscribe(self, _: mqtt.Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._refused_at = float("inf")  # until the next connection: it is not asked again
            self.problem = f"it refuses subscriptions ({refused[0]}); its access list must let the station read its own topics"
            log.warning("broker refused a subscription, acknowledgements may not arrive", reasons=refused)

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        if self.mail.sort(message):
            with self._lock:
                self._say_birth()
        self.wake()


_LOST = "the connection was lost; a new one is being made"


def pause_s(attempt: int, share: float) -> float:
    """How long to wait before the next attempt.

    Args:
        attempt: how many failed in a row, 0 after a good connection.
        share: random, 0 to 1, so that the stations of a site do not come back all at once.
    """
    return float(min(MAX_PAUSE_S, MIN_PAUSE_S * 2 ** min(attempt, 10)) * (0.5 + share / 2))


def link_from(settings: AgentSettings, station: Station, session: str) -> Link:
    """Make the link that an agent's settings describe.

    Raises:
        UsageError: the broker's settings do not fit together.
        InputError: one of their files is not what it must be.
    """
    access = broker_access(
        settings.broker,
        user=settings.broker_user,
        password_file=settings.broker_password_file,
        ca=settings.broker_ca,
        certificate=settings.broker_certificate,
        key=settings.broker_key,
        alpn=settings.broker_alpn,
    )
    return Link(access, station, session, updates=settings.updates is not None)


def _properties(content_type: str = "application/json", expires_s: float | None = None, correlation: bytes | None = None) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.ContentType = content_type
    if expires_s is not None:
        properties.MessageExpiryInterval = max(1, round(expires_s))
    if correlation is not None:
        properties.CorrelationData = correlation
    return properties


_EVENT = _properties(CONTENT_TYPE)
"""Made once: paho takes longer to make it than to send an event."""
