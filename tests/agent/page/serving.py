"""A page on a free port, with a status that tests change, and what it was asked to do."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent.page.server import PageServer
from agent.status import Status, View
from bintally.errors import BintallyError
from bintally.frames import Frame
from bintally.messages import CameraHealth, CountData, CountEvent, ModelName, Region, Verification, utc_now
from bintally.topics import Station
from tests.conftest import free_port
from tests.fakes.events import EPOCH
from tests.fakes.programs import wait_until

TOKEN = "a-token-of-the-tests"  # noqa: S105 - opens only what tests lock
MODEL = ModelName(name="counter", version="1.2.3", digest="d")


@dataclass
class Answer:
    """What the page answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Done:
    """Buttons that were pressed; ``failure`` is what pressing one raises."""

    corrected: list[tuple[str, int, str]] = field(default_factory=list)
    recounted: list[str | None] = field(default_factory=list)
    failure: BintallyError | None = None

    def correct(self, event_id: str, quantity: int, by: str) -> str:
        if self.failure is not None:
            raise self.failure
        self.corrected.append((event_id, quantity, by))
        return f"there are {quantity}"

    def recount(self, bin: str | None) -> str:  # noqa: A002 - as in all messages
        if self.failure is not None:
            raise self.failure
        self.recounted.append(bin)
        return "counting"


@dataclass
class Serving:
    """A running page."""

    port: int
    status: Status
    done: Done
    well: bool = True

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request; header names are given with ``_`` for ``-``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, content: object, **headers: str) -> Answer:
        return self.ask("POST", path, json.dumps(content).encode(), **{"Content_Type": "application/json", **headers})

    def healthy(self) -> tuple[bool, dict[str, Any]]:
        return self.well, {"camera": "live"}


@contextmanager
def serving(token: str | None = None, host: str = "127.0.0.1") -> Iterator[Serving]:
    """A page that ends with the block."""
    page = Serving(free_port(), Status(), Done())
    station = Station("site", "station-7")
    server = PageServer(host, page.port, token, page.status, page.done, station, lambda: b"bintally_up 1\n", page.healthy)
    server.start()
    try:
        wait_until(lambda: server.started, "the page answers")
        yield page
    finally:
        server.stop()


def count(
    number: int = 1, counted: int | None = 3, expected: int | None = None, subject: str = "A-1", probabilities: list[float] | None = None
) -> CountEvent:
    """A count; None is unsure, 6 the open class."""
    against = None
    if expected is not None:
        against = Verification(
            expected=expected, origin="books", verdict="match" if counted == expected else "mismatch", match_probability=0.5
        )
    data = CountData(
        counted=counted if counted is not None and counted < 6 else None,
        at_least=counted if counted is not None and counted >= 6 else None,
        unsure=counted is None,
        confidence=0.9 if counted is not None else 0.4,
        probabilities=probabilities or [0.0, 0.02, 0.02, 0.9, 0.03, 0.02, 0.01],
        taken_at=utc_now(),
        frame_ms=1.0,
        model=MODEL,
        trigger="settled",
        verification=against,
    )
    return CountEvent(source="site/station-7", id=f"{EPOCH}-{number}", subject=subject, time=utc_now(), data=data)


def picture(level: int = 90, height: int = 120, width: int = 160) -> Frame:
    """A grey frame."""
    return np.full((height, width, 3), level, np.uint8)


def look_at(status: Status, frame: Frame, newest: CountEvent | None = None, bin_name: str = "A-1") -> None:
    """A live camera that sees one bin."""
    view = View(bin_name, Region(), "at rest", "a change in the bin", newest)
    status.change(phase="counting", camera=CameraHealth(state="live"), frame=frame, grabbed_at=time.monotonic(), views=(view,), model=MODEL)
