"""A warehouse that commands a station: a real MQTT 5 client with a response topic and correlation data."""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from typing_extensions import Self

from bintally.messages import Answer, parse_answer
from bintally.topics import Station

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Request:
    """A command that was sent, and the answers that came to it."""

    correlation: bytes
    _heard: queue.Queue[Answer] = field(default_factory=queue.Queue)

    def answer(self, timeout_s: float = PATIENCE_S) -> Answer:
        """The next answer.

        Raises:
            AssertionError: none came in time.
        """
        try:
            return self._heard.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(f"no answer within {timeout_s} s") from None

    def result(self, timeout_s: float = PATIENCE_S) -> Answer:
        """The answer that ends it, ``done`` or ``rejected``, after ``accepted`` where it was."""
        deadline = time.monotonic() + timeout_s
        while (answer := self.answer(max(0.0, deadline - time.monotonic()))).status == "accepted":
            pass
        return answer

    def waiting(self) -> int:
        """Answers that nobody has read."""
        return self._heard.qsize()


class Commander:
    """Sends commands to one station and collects the answers; a context manager.

    Args:
        broker: ``mqtt://host:port``.
        station: whom to command.
    """

    def __init__(self, broker: str, station: Station) -> None:
        self._station, self._address = station, urlsplit(broker)
        self.reply_topic = f"replies/{uuid.uuid4().hex}"
        self.strays: list[tuple[str, bytes]] = []
        self._requests: dict[bytes, Request] = {}
        self._ready = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, client_id=f"commander-{uuid.uuid4().hex[:12]}")
        client.on_connect, client.on_message = self._on_connect, self._on_message
        client.on_subscribe = lambda *_: self._ready.set()
        self._client = client

    def __enter__(self) -> Self:
        assert self._address.hostname is not None
        self._client.connect(self._address.hostname, self._address.port or 1883)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S), "no connection to the broker"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(
        self,
        name: str,
        arguments: dict[str, Any] | bytes = b"",
        *,
        repeats: Request | None = None,
        expires_s: int | None = 60,
        retain: bool = False,
        wants_answers: bool = True,
    ) -> Request:
        """Publish a command with QoS 1, and wait until the broker has it.

        Args:
            name: of the command.
            arguments: its payload, or what becomes one.
            repeats: an earlier request, whose correlation data is used again.
            expires_s: MQTT 5 message expiry; None for never.
            retain: as no commander should.
            wants_answers: whether to name a response topic.
        """
        request = repeats or Request(uuid.uuid4().bytes)
        self._requests[request.correlation] = request
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        if wants_answers:
            properties.ResponseTopic, properties.CorrelationData = self.reply_topic, request.correlation
        if expires_s is not None:
            properties.MessageExpiryInterval = expires_s
        payload = arguments if isinstance(arguments, bytes) else json.dumps(arguments).encode()
        sent = self._client.publish(self._station.named("cmd", name), payload, qos=1, retain=retain, properties=properties)
        sent.wait_for_publish(PATIENCE_S)
        return request

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(self.reply_topic, qos=1)

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        request = self._requests.get(getattr(message.properties, "CorrelationData", b""))
        if request is None:
            self.strays.append((message.topic, bytes(message.payload)))
        else:
            request._heard.put(parse_answer(bytes(message.payload)))
