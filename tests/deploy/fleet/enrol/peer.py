"""An MQTT 5 client that tells what the broker said to each thing it did."""

from __future__ import annotations

import queue
import ssl
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from typing_extensions import Self

PATIENCE_S = 30.0
NOT_AUTHORIZED = 0x87
"""Source: MQTT 5.0, table 2-6."""


@dataclass(frozen=True)
class Files:
    """What somebody shows to the broker."""

    certificate: Path
    key: Path


class Refused(Exception):  # noqa: N818 - it is what the tests want to see
    """The broker did not let this one in."""


class Peer:
    """A connection.

    Args:
        port: of the broker on the loopback.
        ca: whom it trusts.
        files: what it shows; None for nothing.
        will: topic of a last will.
        client_id: a random one by default.
        keep: whether the broker keeps the session after the connection.

    Raises:
        Refused: there is no connection.
    """

    def __init__(
        self, port: int, ca: Path, files: Files | None, will: str | None = None, client_id: str | None = None, *, keep: bool = False
    ) -> None:
        self.inbox: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.closed = threading.Event()
        self._told: queue.Queue[ReasonCode | str] = queue.Queue()
        self._client = client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id or f"test-{uuid.uuid4().hex}", protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        context = ssl.create_default_context(cafile=str(ca))
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        client.tls_set_context(context)
        client.max_queued_messages_set(0)
        if will is not None:
            client.will_set(will, b"will", qos=1, retain=True)
        client.on_connect = lambda _, __, ___, reason, ____: self._told.put(reason)
        client.on_disconnect = lambda _, __, ___, reason, ____: self._end(str(reason))
        client.on_publish = lambda _, __, ___, reason, ____: self._told.put(reason)
        client.on_subscribe = lambda _, __, ___, reasons, ____: self._told.put(reasons[0])
        client.on_message = lambda _, __, message: self.inbox.put((message.topic, bytes(message.payload)))
        self._enter(port, keep)

    def _enter(self, port: int, keep: bool) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        if keep:
            properties.SessionExpiryInterval = 3600
        try:
            self._client.connect("127.0.0.1", port, clean_start=not keep, properties=properties)
        except OSError as error:
            raise Refused(str(error)) from error
        self._client.loop_start()
        reason = self._told.get(timeout=PATIENCE_S)
        if isinstance(reason, str) or reason.is_failure:
            self.close()
            raise Refused(str(reason))

    def _end(self, reason: str) -> None:
        self.closed.set()
        self._told.put(reason)

    def publish(self, topic: str, payload: bytes = b"x", *, qos: int = 1, retain: bool = False) -> int:
        """Publish; the reason code of the broker's answer, 0 where there is none (QoS 0)."""
        self._client.publish(topic, payload, qos=qos, retain=retain)
        return self._code()

    def throw(self, topic: str, payload: bytes) -> None:
        """Publish, and do not wait for an answer."""
        self._client.publish(topic, payload, qos=1)

    def publish_many(self, topic: str, payloads: list[bytes]) -> list[int]:
        """Publish with QoS 1, and collect all reason codes."""
        for payload in payloads:
            self._client.publish(topic, payload, qos=1)
        return [self._code() for _ in payloads]

    def subscribe(self, topic: str) -> int:
        """The reason code of the SUBACK; what Mosquitto's access list does not allow is granted, and not delivered."""
        self._client.subscribe(topic, qos=1)
        return self._code()

    def until(self, topic: str) -> list[tuple[str, bytes]]:
        """What came before the next message of a topic, without it."""
        found: list[tuple[str, bytes]] = []
        while True:
            one = self.inbox.get(timeout=PATIENCE_S)
            if one[0] == topic:
                return found
            found.append(one)

    def before(self, payload: bytes) -> list[tuple[str, bytes]]:
        """What came before the next message with a payload, without it."""
        found: list[tuple[str, bytes]] = []
        while (one := self.inbox.get(timeout=PATIENCE_S))[1] != payload:
            found.append(one)
        return found

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _code(self) -> int:
        reason = self._told.get(timeout=PATIENCE_S)
        assert isinstance(reason, ReasonCode), f"the connection ended: {reason}"
        return reason.value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
