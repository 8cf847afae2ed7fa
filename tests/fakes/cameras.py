"""Cameras for tests: recordings, and a server of moving JPEGs over HTTP that can hang, freeze, go dark, vanish and return."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from bintally.frames import Frame
from tests.fakes.rtsp import CELL_PX, time_code

_PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def grey(value: int, height: int = 48, width: int = 64) -> Frame:
    """A picture of one brightness."""
    return np.full((height, width, 3), value, np.uint8)


def noise(number: int, height: int = 48, width: int = 64) -> Frame:
    """A picture as a sensor gives it: no two are the same."""
    return np.random.default_rng(number).integers(60, 200, (height, width, 3), np.uint8)


def timed(number: int, height: int = 64, width: int = 256) -> Frame:
    """A picture that holds the time it was made, and some noise."""
    top = np.frombuffer(time_code(width), np.uint8).reshape(-1, width)
    picture = noise(number, height, width)
    picture[: len(top)] = top[:, :, None]
    return picture


def made_at(frame: Frame) -> float:
    """Monotonic seconds when a ``timed`` picture, or one of the RTSP server, was made."""
    cells = frame[CELL_PX // 2 : 2 * CELL_PX : CELL_PX, CELL_PX // 2 : 16 * CELL_PX : CELL_PX, 1].reshape(-1)
    return sum(int(cell > 127) << (31 - place) for place, cell in enumerate(cells)) / 1000


def write_video(path: Path, frames: Sequence[Frame], frames_per_s: float) -> Path:
    """Write an MJPG recording."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), frames_per_s, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


class HttpCamera:
    """A live camera: sends ``picture(number)`` at its rate to everyone who is connected.

    Attributes:
        picture: gives the frames; may be replaced at any time.
        speaks: whether frames are sent; without, connections stay open and silent.
    """

    def __init__(self, picture: Callable[[int], Frame] = noise, frames_per_s: float = 25.0) -> None:
        self.picture, self.speaks = picture, True
        self._period_s = 1 / frames_per_s
        self._clients: list[socket.socket] = []
        self._server: socket.socket | None = None
        self._closed = threading.Event()
        self.port = 0
        self.appear()
        threading.Thread(target=self._send, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bin.mjpg"

    @property
    def watched(self) -> bool:
        """Whether somebody is connected."""
        return bool(self._clients)

    def appear(self) -> None:
        """Listen, on the same port as before."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def vanish(self) -> None:
        """Close the port and all connections, like a camera without power."""
        if self._server is not None:
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = None
        for client in self._clients[:]:
            self._drop(client)

    def close(self) -> None:
        self._closed.set()
        self.vanish()

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
                client.recv(65_536)
                client.sendall(_HEAD)
            except OSError:
                if server.fileno() < 0 or self._server is not server:
                    return
                continue
            self._clients.append(client)

    def _send(self) -> None:
        number = 0
        while not self._closed.wait(self._period_s):
            if not self.speaks or not self._clients:
                continue
            number += 1
            jpeg = cv2.imencode(".jpg", self.picture(number))[1].tobytes()
            for client in self._clients[:]:
                try:
                    client.sendall(_PART % len(jpeg) + jpeg + b"\r\n")
                except OSError:
                    self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        if client in self._clients:
            self._clients.remove(client)
        client.close()
