"""The endpoint's own overhead: a whole request over HTTP beside the bare session, in turn, in one run."""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from bintally.bundle import open_bundle
from bintally.frames import Frame, resize
from bintally.scenes import render_scene
from tests.bench.edge import THREADS, in_turn
from tests.conftest import free_port

SIZE = (224, 224)


def overhead_ms(rounds: int = 12) -> tuple[float, float]:
    """Median milliseconds of a request with a 224×224 JPEG to a server on the loopback, and of the bare ``session.run``."""
    bundle = open_bundle(threads=THREADS)
    photo = resize(render_scene(4).frame, SIZE)
    ready = resize(photo, bundle.size)[None]
    image = _jpeg(photo)
    with _server() as connection:
        return in_turn(lambda: _invoke(connection, image), lambda: bundle.probabilities(ready), rounds)


def work_ms() -> float:
    """Median milliseconds of decoding and resizing that image, which no server can do without."""
    bundle = open_bundle(threads=THREADS)
    image = np.frombuffer(_jpeg(resize(render_scene(4).frame, SIZE)), np.uint8)
    spent = []
    for _ in range(200):
        started = time.perf_counter()
        resize(np.asarray(cv2.imdecode(image, cv2.IMREAD_COLOR)), bundle.size)
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def _jpeg(frame: Frame) -> bytes:
    done, data = cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, 90))
    assert done
    return data.tobytes()


def _invoke(connection: http.client.HTTPConnection, image: bytes) -> None:
    connection.request("POST", "/invocations", image, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content


@contextmanager
def _server() -> Iterator[http.client.HTTPConnection]:
    """A server that is ready, and a connection that stays open."""
    port = free_port()
    words = [sys.executable, "-m", "deploy.cloud.endpoint", "--port", str(port), "--threads", str(THREADS)]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            yield _connected(port)
        finally:
            process.terminate()


def _connected(port: int) -> http.client.HTTPConnection:
    for _ in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/ping")
            answer = connection.getresponse()
            answer.read()
        except OSError:
            answer = None
        if answer is not None and answer.status == 200:
            return connection
        connection.close()
        time.sleep(0.1)
    raise AssertionError("the server did not become ready within 30 s")


def main() -> None:
    """Print the figures."""
    request_ms, bare_ms = overhead_ms()
    print(
        f"endpoint, 224×224 JPEG: a request {request_ms:.1f} ms, bare session.run {bare_ms:.1f} ms: {request_ms - bare_ms:.2f} ms over it, "
        f"of which decoding and resizing take {work_ms():.2f} ms"
    )
