"""A plain MQTT client for tests: another station, the warehouse, or somebody who listens."""

from __future__ import annotations

import queue
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties

from tests.fakes.programs import PATIENCE_S


class Client:
    """Connected, and subscribed to a topic, from the start."""

    def __init__(self, url: str, topic: str | None = None) -> None:
        self._messages: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = lambda _, __, message: self._messages.put(message)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", urlsplit(url).port or 0)
        self.client.loop_start()
        if topic is not None:
            self.client.subscribe(topic, qos=1)
            assert ready.wait(PATIENCE_S)

    def say(self, topic: str, payload: bytes, properties: Properties | None = None, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain, properties=properties).wait_for_publish(PATIENCE_S)

    def message(self) -> mqtt.MQTTMessage:
        """The next one."""
        return self._messages.get(timeout=PATIENCE_S)

    def payload(self) -> bytes:
        return bytes(self.message().payload)

    def payloads(self) -> list[bytes]:
        """Those that came."""
        found = []
        while not self._messages.empty():
            found.append(bytes(self._messages.get().payload))
        return found

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
