"""A crowd of simulated stations that do as agents do: count by the clock, and send each event until an ``ack`` names it.

    python -m tests.bench.crowd PORT STATIONS CONNECTIONS SECONDS OUT

Stations share connections, each of which is a plain MQTT 5 client of bytes: paho in a thousand threads would take the machine that is to be
measured. It prints ``ready`` when every connection has its subscriptions, and writes the time that each event was due and the time at which
it was acknowledged (monotonic seconds) to OUT, an .npz file.

Source: MQTT 5.0, chapter 3.
"""

from __future__ import annotations

import asyncio
import heapq
import re
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from bintally.messages import new_epoch, utc_now
from tests.fakes.events import count_event

BINS = 10
"""Each station counts so many bins, one after the other."""
SITE = "crowd"
EXPECTED = 3
_FIRST_WAIT_S, _MAX_WAIT_S = 5.0, 20.0  # the agent's: agent/delivery/window.py
_PATIENCE_S = 120.0
_IN_FLIGHT = 20
_TICK_S = 0.01
_RANGE = re.compile(rb'"epoch":"([0-9a-f]{22})","first":(\d+),"last":(\d+)')
_SURE, _UNSURE = [0.005, 0.005, 0.01, 0.96, 0.01, 0.005, 0.005], [0.01, 0.02, 0.45, 0.45, 0.05, 0.01, 0.01]


def name_of(station: int) -> str:
    """A station's name."""
    return f"pick-{station:04d}"


def bin_of(station: int, number: int) -> str:
    """The bin that a station counts with its event of that number."""
    return f"{name_of(station)}-{number % BINS}"


class Connection(asyncio.Protocol):
    """One MQTT client; ``heard`` gets topics and payloads."""

    def __init__(self, crowd: Crowd, filters: list[bytes], number: int) -> None:
        self._crowd, self._filters, self._number = crowd, filters, number
        self._buffer = bytearray()
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._in_flight, self._mid = 0, 1
        self.ready = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send(0x10, _text(b"MQTT") + bytes([5, 2]) + struct.pack(">H", 60) + b"\0" + _text(b"crowd-%d" % self._number))

    def connection_lost(self, _: Exception | None) -> None:
        if not self._crowd.over:
            sys.exit("crowd: the broker ended a connection")

    def publish(self, topic: bytes, payload: bytes) -> None:
        self._waiting.append((topic, payload))
        self._flush()

    def ping(self) -> None:
        self._send(0xC0, b"")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for kind, body in self._packets():
            if kind == 0x20:
                self._send(0x82, struct.pack(">HB", 1, 0) + b"".join(_text(one) + b"\1" for one in self._filters))
            elif kind == 0x90:
                self.ready.set()
            elif kind == 0x40:
                self._in_flight -= 1
            elif kind & 0xF0 == 0x30:
                self._heard(kind, body)
        self._flush()

    def _heard(self, kind: int, body: bytes) -> None:
        end = 2 + struct.unpack_from(">H", body)[0]
        if kind & 0x06:
            self._send(0x40, body[end : end + 2])
        self._crowd.acknowledged(body[2:end], body[end:])

    def _flush(self) -> None:
        while self._waiting and self._in_flight < _IN_FLIGHT:
            topic, payload = self._waiting.popleft()
            self._mid = self._mid % 65_535 + 1
            self._in_flight += 1
            self._send(0x32, _text(topic) + struct.pack(">H", self._mid) + b"\0" + payload)

    def _send(self, kind: int, body: bytes) -> None:
        self._transport.write(bytes([kind]) + _length(len(body)) + body)

    def _packets(self) -> Iterator[tuple[int, bytes]]:
        while len(self._buffer) >= 2:
            size, shift, at = 0, 0, 1
            while at < len(self._buffer):
                size |= (self._buffer[at] & 0x7F) << shift
                shift, at = shift + 7, at + 1
                if not self._buffer[at - 1] & 0x80:
                    break
            else:
                return
            if len(self._buffer) < at + size:
                return
            kind, body = self._buffer[0], bytes(self._buffer[at : at + size])
            del self._buffer[: at + size]
            yield kind, body


class Crowd:
    """All stations, and what they sent."""

    def __init__(self, stations: int, seconds: int) -> None:
        self.over = False
        self._stations, self._seconds = stations, seconds
        self._epoch = new_epoch().encode()
        self.due = np.full((stations, seconds), np.nan)
        self.acked: npt.NDArray[np.float64] = np.full((stations, seconds), np.nan)
        self.sent, self.left = 0, stations * seconds
        self._again: list[tuple[float, float, int, int]] = []
        self._topics = [f"bintally/v1/{SITE}/{name_of(station)}/count".encode() for station in range(stations)]
        self._of_topic = {topic.replace(b"/count", b"/ack"): station for station, topic in enumerate(self._topics)}
        self._payloads = [_template(_SURE), _template(_UNSURE)]
        self.connections: list[Connection] = []

    def filters(self) -> list[bytes]:
        """The stations' ``ack`` topics."""
        return list(self._of_topic)

    async def run(self) -> None:
        """Count once a second for so many seconds, and wait for the last acknowledgement."""
        began = time.monotonic()
        turns = [
            (began + number + station / self._stations, station, number)
            for number in range(self._seconds)
            for station in range(self._stations)
        ]
        at, pinged = 0, began
        while self.left and time.monotonic() < began + self._seconds + _PATIENCE_S:
            now = time.monotonic()
            while at < len(turns) and turns[at][0] <= now:
                due, station, number = turns[at]
                self.due[station, number] = due
                self._publish(station, number, now, _FIRST_WAIT_S)
                at += 1
            while self._again and self._again[0][0] <= now:
                _, wait_s, station, number = heapq.heappop(self._again)
                if np.isnan(self.acked[station, number]):
                    self._publish(station, number, now, min(_MAX_WAIT_S, 2 * wait_s))
            if now - pinged > 20:
                pinged = now
                for connection in self.connections:
                    connection.ping()
            await asyncio.sleep(_TICK_S)
        self.over = True

    def acknowledged(self, topic: bytes, rest: bytes) -> None:
        """An ``ack`` came."""
        now, station = time.monotonic(), self._of_topic[topic]
        for epoch, first, last in _RANGE.findall(rest):
            if epoch != self._epoch:
                continue
            for number in range(int(first) - 1, int(last)):
                if np.isnan(self.acked[station, number]):
                    self.acked[station, number] = now
                    self.left -= 1

    def _publish(self, station: int, number: int, now: float, wait_s: float) -> None:
        payload = self._payloads[(station + number) % 33 == 0]
        said = (
            name_of(station).encode(),
            b"%s-%d" % (self._epoch, number + 1),
            bin_of(station, number).encode(),
            utc_now().isoformat().encode(),
        )
        for mark, value in zip((b"@station", b"@id", b"@bin", b"@time"), said, strict=True):
            payload = payload.replace(mark, value)
        self.connections[station % len(self.connections)].publish(self._topics[station], payload)
        heapq.heappush(self._again, (now + wait_s, wait_s, station, number))
        self.sent += 1


def _template(probabilities: list[float]) -> bytes:
    event = count_event(source=f"{SITE}/@station", counted=EXPECTED)
    time_ = event.time.isoformat().replace("+00:00", "Z")
    data = event.data.model_copy(update={"probabilities": probabilities, "trigger": "settled", "confidence": max(probabilities)})
    text = event.model_copy(update={"subject": "@bin", "data": data}).model_dump_json().replace(event.id, "@id").replace(time_, "@time")
    return text.replace(data.taken_at.isoformat().replace("+00:00", "Z"), "@time").encode()


def _same(connection: Connection) -> Connection:
    return connection


def _text(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _length(size: int) -> bytes:
    found = bytearray()
    while True:
        size, digit = divmod(size, 128)
        found.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(found)


async def main(port: int, stations: int, connections: int, seconds: int, out: str) -> None:
    """Connect, say ``ready``, wait for a line on standard input, run, write the times."""
    crowd = Crowd(stations, seconds)
    loop = asyncio.get_running_loop()
    filters = crowd.filters()
    for number in range(connections):
        connection = Connection(crowd, filters[number::connections], number)
        await loop.create_connection(partial(_same, connection), "127.0.0.1", port)
        crowd.connections.append(connection)
        await connection.ready.wait()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    before_s = time.process_time()
    await crowd.run()
    np.savez(out, due=crowd.due, acked=crowd.acked, sent=crowd.sent, cpu_s=time.process_time() - before_s)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
