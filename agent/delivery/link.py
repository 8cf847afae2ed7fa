"""The connection to the broker: paho with MQTT 5, a last will, and reconnecting with capped back-off."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bintally.brokers import broker_address
from bintally.errors import InputError
from bintally.messages import CONTENT_TYPE, Range, State, parse_ack
from bintally.topics import Station

KEEPALIVE_S = 30
MIN_RECONNECT_S, MAX_RECONNECT_S = 1, 30
log = structlog.get_logger()


class Link:
    """One station's connection.

    Paho's thread calls back into this class; it only puts things into queues and calls ``wake``. ``acks`` is bounded: an
    acknowledgement that does not fit is dropped, and comes again because the event is then sent again.

    Args:
        broker: ``mqtt://host:port``.
        station: whose topics.
        state: the retained birth; the last will is the same with the status ``lost``.
        wake: called when the connection came up or an acknowledgement arrived.
    """

    def __init__(self, broker: str, station: Station, state: State, wake: Callable[[], None]) -> None:
        self._host, self._port = broker_address(broker)
        self.broker, self._station, self._state, self._wake = broker, station, state, wake
        self.acks: queue.Queue[list[Range]] = queue.Queue(maxsize=1000)
        self.published: queue.Queue[int] = queue.Queue(maxsize=10_000)
        self.connections = 0
        self.problem = "no answer yet"
        self._up = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, client_id=f"bintally-{state.session}")
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_connect_fail, client.on_publish, client.on_message = self._on_connect_fail, self._on_publish, self._on_message
        client.will_set(station.topic("state"), state.model_copy(update={"status": "lost"}).model_dump_json(), qos=1, retain=True)
        client.reconnect_delay_set(MIN_RECONNECT_S, MAX_RECONNECT_S)
        self._client = client

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._up.is_set()

    def start(self) -> None:
        """Begin to connect, and go on for as long as it takes."""
        self._client.connect_async(self._host, self._port, KEEPALIVE_S, clean_start=True)
        self._client.loop_start()

    def publish(self, payload: bytes) -> int | None:
        """Hand a count to paho with QoS 1.

        Returns:
            Its message id, or None where there is no connection (the event stays in the outbox).
        """
        if not self.up:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.ContentType = CONTENT_TYPE
        sent = self._client.publish(self._station.topic("count"), payload, qos=1, properties=properties)
        return sent.mid if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def stop(self, timeout_s: float = 3.0) -> None:
        """Say ``stopped`` where there is a connection, and disconnect."""
        if self.up:
            stopped = self._state.model_copy(update={"status": "stopped"}).model_dump_json()
            sent = self._client.publish(self._station.topic("state"), stopped, qos=1, retain=True)
            if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                sent.wait_for_publish(timeout_s)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _: object, __: mqtt.ConnectFlags, reason: ReasonCode, ___: object) -> None:
        if reason.is_failure:
            self.problem = str(reason)
            log.warning("broker refused the connection", broker=self.broker, reason=str(reason))
            return
        client.subscribe([(self._station.topic(kind), SubscribeOptions(qos=1)) for kind in ("ack", "state")])
        self._say_birth()
        self.connections += 1
        self._up.set()
        log.info("connected", broker=self.broker)
        self._wake()

    def _on_connect_fail(self, _: mqtt.Client, __: object) -> None:
        self.problem = "no connection"
        log.warning("broker does not answer", broker=self.broker, again_within_s=MAX_RECONNECT_S)

    def _on_disconnect(self, _: mqtt.Client, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        if self.up:
            self.problem = str(reason)
            log.warning("disconnected", broker=self.broker, reason=str(reason))
        self._up.clear()

    def _on_publish(self, _: mqtt.Client, __: object, mid: int, reason: ReasonCode, ___: object) -> None:
        if reason.is_failure:
            log.warning("broker refused a message", reason=str(reason))
            return
        with contextlib.suppress(queue.Full):
            self.published.put_nowait(mid)
        self._wake()

    def _say_birth(self) -> None:
        self._client.publish(self._station.topic("state"), self._state.model_dump_json(), qos=1, retain=True)

    def _on_subscribe(self, _: mqtt.Client, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
        if any(reason.is_failure for reason in reasons):
            log.warning("broker refused a subscription, acknowledgements may not arrive", reasons=[str(reason) for reason in reasons])

    def _on_state(self, payload: bytes) -> None:
        """A will of an older session that comes late must not make a living station look lost."""
        try:
            said = State.model_validate_json(payload)
        except ValueError:
            return
        if said.status == "lost" and said.session != self._state.session:
            self._say_birth()

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == self._station.topic("state"):
            self._on_state(bytes(message.payload))
            return
        try:
            ack = parse_ack(bytes(message.payload))
            self.acks.put_nowait(ack.data.ranges)
        except InputError as error:
            log.warning("not an acknowledgement", topic=message.topic, reason=str(error))
        except queue.Full:
            pass
        self._wake()
