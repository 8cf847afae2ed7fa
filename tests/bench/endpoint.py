"""The endpoint's own overhead: a whole request over HTTP beside the bare session, in turn, in one run."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2

from bintally.bundle import open_bundle
from bintally.frames import Frame, resize
from bintally.scenes import render_scene
from tests.bench.edge import THREADS, in_turn
from tests.conftest import free_port

SIZE = (224, 224)


@dataclass(frozen=True)
class Overhead:
    """Median milliseconds.

    Attributes:
        request_ms: of a request with a 224×224 JPEG to a server on the loopback.
        bare_ms: of ``session.run`` in this process, measured in turn with the requests.
        around_ms: of what a request takes besides its own resize, inference and decision, as its answer tells them. Another
            program that takes the cores away lengthens both sides alike, so this one holds on a busy machine too.
    """

    request_ms: float
    bare_ms: float
    around_ms: float


def overhead(rounds: int = 12) -> Overhead:
    """Measure a server with the shipped bundle."""
    bundle = open_bundle(threads=THREADS)
    photo = resize(render_scene(4).frame, SIZE)
    ready = resize(photo, bundle.size)[None]
    image = _jpeg(photo)
    around: list[float] = []
    with _server() as connection:

        def request() -> None:
            started = time.perf_counter()
            frame_ms = _frame_ms(connection, image)
            around.append((time.perf_counter() - started) * 1000 - frame_ms)

        request_ms, bare_ms = in_turn(request, lambda: bundle.probabilities(ready), rounds)
    return Overhead(request_ms, bare_ms, statistics.median(around))


def _jpeg(frame: Frame) -> bytes:
    done, data = cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, 90))
    assert done
    return data.tobytes()


def _frame_ms(connection: http.client.HTTPConnection, image: bytes) -> float:
    connection.request("POST", "/invocations", image, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return float(json.loads(content)["frame_ms"])


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
    found = overhead()
    print(
        f"endpoint, 224×224 JPEG: a request {found.request_ms:.1f} ms, bare session.run {found.bare_ms:.1f} ms: "
        f"{found.request_ms - found.bare_ms:.2f} ms over it; around a request's own resize, inference and decision {found.around_ms:.2f} ms"
    )
