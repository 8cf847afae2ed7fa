"""Simulated stations on a real broker, over a few connections, in a hurry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bintally.topics import PREFIX
from tests.fakes.stations import Station

HASTE = 600.0
"""Seconds of a station's life in one of ours."""


@dataclass(frozen=True)
class Clock:
    """A time that hurries.

    Attributes:
        began: Unix seconds, when it was right.
        haste: of its seconds in one of ours.
    """

    began: float
    haste: float = HASTE

    def __call__(self) -> float:
        return self.began + (time.time() - self.began) * self.haste


class Air:
    """Stations that live on, all by one clock.

    Args:
        port: of the broker on this machine.
        stations: what says and obeys.
        clock: of them all.
        connections: over which they are spread.
        round_s: real seconds from one life sign of each to the next.

    Attributes:
        said: messages so far.
    """

    def __init__(
        self, port: int, stations: Sequence[Station], clock: Callable[[], float], connections: int = 1, round_s: float = 0.2
    ) -> None:
        self.said, self._clock, self._round_s = 0, clock, round_s
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._parts = [stations[number::connections] for number in range(connections)]
        self._clients = [self._connected(port, part) for part in self._parts]
        self._thread = threading.Thread(target=self._live, name="stations")

    def start(self) -> None:
        """Everybody begins."""
        for client in self._clients:
            client.loop_start()
        with self._lock:
            self._all(lambda one, say: one.begin(self._clock(), say))
        self._thread.start()

    def stop(self) -> None:
        """Nobody says anything any more."""
        self._stop.set()
        self._thread.join()
        for client in self._clients:
            client.disconnect()
            client.loop_stop()

    def _connected(self, port: int, part: Sequence[Station]) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.max_inflight_messages_set(200)
        by_source = {one.source: one for one in part}

        def hear(*_: object) -> None:
            topics = [f"{PREFIX}/{source}/model/desired" for source in by_source]
            for first in range(0, len(topics), 50):
                client.subscribe([(topic, 1) for topic in topics[first : first + 50]])

        def obey(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
            with self._lock:
                by_source["/".join(message.topic.split("/")[2:4])].obey(bytes(message.payload), self._say(client))

        client.on_connect, client.on_message = hear, obey
        client.connect("127.0.0.1", port)
        return client

    def _say(self, client: mqtt.Client) -> Callable[[str, str, bytes], None]:
        def say(source: str, kind: str, payload: bytes) -> None:
            self.said += 1
            client.publish(f"{PREFIX}/{source}/{kind}", payload, qos=0 if kind == "health" else 1, retain=True)

        return say

    def _all(self, does: Callable[[Station, Callable[[str, str, bytes], None]], None]) -> None:
        for client, part in zip(self._clients, self._parts, strict=True):
            say = self._say(client)
            for one in part:
                does(one, say)

    def _live(self) -> None:
        while not self._stop.wait(self._round_s):
            with self._lock:
                now = self._clock()
                self._all(lambda one, say: one.live(now, say))  # noqa: B023 - called in this round


@contextmanager
def on_air(url: str, stations: list[Station]) -> Iterator[None]:
    """Stations on a real broker, all through one connection."""
    air = Air(int(url.rpartition(":")[2]), stations, Clock(time.time()))
    air.start()
    try:
        yield
    finally:
        air.stop()
