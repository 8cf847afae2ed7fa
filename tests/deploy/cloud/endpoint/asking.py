"""Ask a server over HTTP, at once or bit by bit."""

from __future__ import annotations

import base64
import http.client
import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import cv2

from tests.fakes.bundle import grey
from tests.fakes.programs import Program, wait_until

JPEG, PNG, JSON = "image/jpeg", "image/png", "application/json"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Answered:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: Any


class Request:
    """A request of which the body can be sent in parts."""

    def __init__(self, port: int, method: str, path: str, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.putrequest(method, path)
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()

    def send(self, part: bytes) -> None:
        self._connection.send(part)

    def answer(self) -> Answered:
        answer = self._connection.getresponse()
        body = answer.read()
        self._connection.close()
        return Answered(answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(body or b"null"))

    def leave(self) -> None:
        self._connection.close()


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> Answered:
    """One whole request."""
    request = Request(port, method, path, {**({"Content-Length": str(len(body))} if method == "POST" else {}), **headers})
    request.send(body)
    return request.answer()


def invoke(port: int, body: bytes, kind: str = JPEG, **headers: str) -> Answered:
    return ask(port, "POST", "/invocations", body, **{"Content-Type": kind, **headers})


def half_sent(port: int, image: bytes) -> Request:
    """A request whose second half is still to come."""
    request = Request(port, "POST", "/invocations", {"Content-Type": JPEG, "Content-Length": str(len(image))})
    request.send(image[: len(image) // 2])
    return request


def batch(*images: bytes) -> bytes:
    return json.dumps({"images": [base64.b64encode(image).decode() for image in images]}).encode()


def grey_file(count: float, suffix: str = ".jpg", side: int = 48) -> bytes:
    """A file that the tiny bundle counts as ``count``."""
    done, data = cv2.imencode(suffix, grey(count, side, side + 16))
    assert done
    return data.tobytes()


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has a size, with a few bytes of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(100_000))) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_of(width: int, height: int) -> bytes:
    """A JPEG that says it has a size."""
    data = grey_file(1)
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def many_scans(number: int) -> bytes:
    """A progressive JPEG whose last scan stands there again and again."""
    done, data = cv2.imencode(".jpg", grey(3, 64, 64), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))
    assert done
    whole = data.tobytes()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * number + whole[-2:]


def wait_ready(program: Program, port: int) -> None:
    """Until ``/ping`` says 200."""

    def ready() -> bool:
        assert program.running, program.stderr
        try:
            return ask(port, "GET", "/ping").status == 200
        except OSError:
            return False

    wait_until(ready, "the server is ready")
