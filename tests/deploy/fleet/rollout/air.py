"""Simulated stations on a real broker, all through one connection, in a hurry."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bintally.topics import PREFIX
from tests.fakes.stations import Station

HASTE = 600.0
"""Seconds of a station's life in one of ours."""


@contextmanager
def on_air(url: str, stations: list[Station]) -> Iterator[None]:
    """Stations on a real broker, all through one connection, in a hurry."""
    by_source = {one.source: one for one in stations}
    client, stop, lock = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5), threading.Event(), threading.Lock()

    def say(source: str, kind: str, payload: bytes) -> None:
        client.publish(f"{PREFIX}/{source}/{kind}", payload, qos=1, retain=True)

    def obey(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        with lock:
            by_source["/".join(message.topic.split("/")[2:4])].obey(bytes(message.payload), say)

    def hear(*_: object) -> None:
        client.subscribe(f"{PREFIX}/+/+/model/desired", 1)

    def live() -> None:
        began = time.time()
        while not stop.wait(0.2):
            with lock:
                for one in stations:
                    one.live(began + (time.time() - began) * HASTE, say)

    client.on_message = obey
    client.on_connect = hear
    client.connect("127.0.0.1", int(url.rpartition(":")[2]))
    client.loop_start()
    for one in stations:
        one.begin(time.time(), say)
    thread = threading.Thread(target=live, name="stations")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        client.disconnect()
        client.loop_stop()
