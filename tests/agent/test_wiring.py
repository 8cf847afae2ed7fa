"""How the parts of a station hang together, in one process: real outbox, settings, names and pages, with a camera made of pictures."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp

from agent.camera.camera import Camera
from agent.camera.shot import Shot
from agent.camera.sources import FolderSource
from agent.clerk import Clerk
from agent.commands.expected import ExpectedBook
from agent.commands.runtime import RuntimeConfig
from agent.counting.counter import FrameCounter
from agent.delivery.incoming import Incoming
from agent.delivery.mail import Mail
from agent.delivery.outbox import Outbox
from agent.evidence.evidence import open_evidence
from agent.health.metrics import Metrics
from agent.health.sensors import Readings
from agent.naming import Naming
from agent.pictures import Pictures
from agent.recorder import RETRY_S, Recorder
from agent.settings import AgentSettings
from agent.status import Status
from agent.watching import Watching
from bintally.bundle import open_bundle
from bintally.errors import UnavailableError
from bintally.frames import Frame
from bintally.messages import Answer, CameraHealth, CountEvent, parse_answer, parse_count
from bintally.topics import Station
from tests.fakes.bins import HEIGHT, WIDTH, Bin
from tests.fakes.bundle import GREY_STEP, write_grey_images

STATION = Station("berlin", "pick-3")


class FilmedCamera(Camera):
    """A camera without a process: it gives the picture that it was handed."""

    def __init__(self) -> None:
        super().__init__("0", 10.0, 3.0)
        self.shot: Shot | None = None

    def newest(self, after: int, timeout_s: float) -> Shot | None:
        del after, timeout_s
        return self.shot

    def health(self) -> CameraHealth:
        return CameraHealth(state="live")


class FullOutbox(Outbox):
    """An outbox whose disk can be full."""

    full = False

    def add(self, make: Callable[[str], CountEvent], folder: str | None = None, file: str | None = None) -> CountEvent:
        if self.full:
            raise UnavailableError("no space left on device")
        return super().add(make, folder, file)


@dataclass
class Line:
    """A link that only writes down what is said."""

    mail: Mail = field(default_factory=lambda: Mail(STATION, "0" * 22))
    connections: int = 1
    said: list[Answer] = field(default_factory=list)

    def say(self, topic: str, payload: bytes, qos: int = 1, expires_s: float | None = None, correlation: bytes | None = None) -> bool:
        del topic, qos, expires_s, correlation
        self.said.append(parse_answer(payload))
        return True

    def retain(self, topic: str, payload: bytes, expires_s: float | None = None, qos: int = 1) -> None: ...


class Rig:
    """A station whose time is set by the test."""

    def __init__(self, folder: Path, bundle: Path, **settings: Any) -> None:
        self.settings = AgentSettings(source="0", bundle=bundle, station="pick-3", **settings)
        self.state, self.now, self.number = folder / "state", time.monotonic(), 0
        self.outbox, self.status, self.line = FullOutbox(self.state, STATION), Status(), Line()
        self.runtime = RuntimeConfig(self.settings, self.state)
        self.naming = Naming(self.runtime.bins, "pick-3", self.settings.read_labels, self.state)
        rng = random.Random(1)  # noqa: S311
        self.evidence = open_evidence(self.settings, STATION, self.state, rng)
        self.metrics = Metrics(self.status.snapshot, lambda: Readings(0), self.evidence.bytes_used)
        self.recorder = Recorder(self.outbox, STATION, self.status, self.evidence, self.metrics, lambda: None)
        self.counter = FrameCounter(open_bundle(bundle, threads=1))
        self.camera = FilmedCamera()
        self.eyes = Watching("0", self.camera, self.runtime, self.naming, self.status, self.metrics)
        self.clerk = Clerk(
            STATION,
            self.outbox.epoch,
            self.line,
            self.runtime,
            ExpectedBook(),
            self.naming,
            self.status,
            ask=self.eyes.ask,
            changed=self.eyes.change,
        )

    def hear(self, kind: Any, name: str | None, content: dict[str, Any] | None, correlation: bytes = b"1") -> None:
        payload = b"" if content is None else json.dumps(content).encode()
        self.line.mail.inbox.put(Incoming(kind, name, payload, response_topic="replies", correlation=correlation, received_at=self.now))

    def show(self, picture: Callable[[int], Frame], seconds: float = 1.0) -> None:
        """Ten pictures a second, each in a round of its own."""
        for _ in range(round(seconds * 10)):
            self.now, self.number = self.now + 0.1, self.number + 1
            self.clerk.turn(self.now)
            self.recorder.retry(self.now)
            self.camera.shot = Shot(picture(self.number), datetime.now(timezone.utc), self.now, self.number)
            if not self.recorder.blocked:
                self.eyes.turn(self.counter, self.recorder, self.clerk, self.now)

    @property
    def counts(self) -> list[CountEvent]:
        return [parse_count(one.payload) for one in self.outbox.after(0, 1000)]

    def answers(self) -> list[tuple[str, str | None]]:
        return [(one.status, one.reason) for one in self.line.said]


@pytest.fixture
def rig(tmp_path: Path, tiny_bundle: Path) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def rig(**settings: Any) -> Rig:
        rigs.append(Rig(tmp_path, tiny_bundle, **settings))
        return rigs[-1]

    yield rig
    for one in rigs:
        one.outbox.close()


def shaded(count: float, left: float) -> Callable[[int], Frame]:
    """A bin that is counted as ``count``, and looks different everywhere with another share of light on its left."""
    light = np.linspace(2 * left, 2 * (1 - left), WIDTH)[None, :, None] * GREY_STEP * count

    def picture(number: int) -> Frame:
        noise = np.random.default_rng(number).integers(-3, 4, (HEIGHT, WIDTH, 1))
        return np.clip(light + noise, 0, 255).astype(np.uint8).repeat(3, axis=2)

    return picture


def labelled(name: str, picture: Callable[[int], Frame]) -> Callable[[int], Frame]:
    """A bin with a label."""
    grey = np.array(zxingcpp.create_barcode(name, zxingcpp.BarcodeFormat.DataMatrix).to_image(scale=4))

    def labelled(number: int) -> Frame:
        frame = picture(number)
        frame[8 : 8 + grey.shape[0], 8 : 8 + grey.shape[1]] = grey[:, :, None]
        return frame

    return labelled


A, B = shaded(2, 0.8), shaded(3, 0.2)


def test_a_bin_put_in_the_place_of_another_is_never_counted_under_its_name(rig: Callable[..., Rig]) -> None:
    station = rig(read_labels=True, settle_s=0.1, frames=1)
    for name, picture in (("A", A), ("B", B), ("A", A), ("C", B)):
        station.show(labelled(name, picture), 1.7)
    assert [(one.subject, one.data.counted) for one in station.counts] == [("A", 2), ("B", 3), ("A", 2), ("C", 3)]


def test_a_bin_whose_label_cannot_be_read_is_not_counted_under_the_name_before(rig: Callable[..., Rig]) -> None:
    station = rig(read_labels=True, settle_s=0.1, frames=1)
    station.show(labelled("A", A), 1.0)
    station.show(B, 8.0)
    assert [one.subject for one in station.counts] == ["A"]
    assert station.status.snapshot().views[0].scene == "waiting"


def test_a_recount_of_a_bin_that_was_replaced_meanwhile_is_rejected(rig: Callable[..., Rig]) -> None:
    station = rig(read_labels=True)
    station.show(labelled("A", A), 3.0)
    assert station.status.snapshot().views[0].newest == station.counts[0]
    station.hear("cmd", "recount", {"bin": "A", "expected": 1})
    station.show(Bin(0).picture, 0.1)
    station.show(labelled("B", B), 3.0)
    assert station.answers()[-1] == ("rejected", "bin: the bin here is B now, not A")
    assert station.counts[-1].subject == "B"
    assert station.counts[-1].data.verification is None


def test_a_recount_that_ran_out_of_time_leaves_nothing_behind(rig: Callable[..., Rig]) -> None:
    station = rig()
    station.show(Bin(0).picture, 0.5)  # dark, so that nothing can be counted
    station.hear("cmd", "recount", {"timeout_s": 1})
    station.show(Bin(0).picture, 2.0)
    assert station.answers()[-1] == ("rejected", "the bin did not come to rest in time")
    station.show(A, 2.0)
    assert [event.data.trigger for event in station.counts] == ["settled"]


def test_the_page_shows_no_count_of_the_bin_before(rig: Callable[..., Rig]) -> None:
    station = rig()
    station.show(A, 2.0)
    station.hear("cmd", "recount", {"bin": "Q"})
    station.show(A, 0.2)
    (view,) = station.status.snapshot().views
    assert (view.bin, view.newest) == ("Q", None)
    station.show(A, 2.0)
    assert station.status.snapshot().views[0].newest == station.counts[-1]


def test_a_region_with_a_name_reads_no_labels(rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    station = rig(read_labels=True, regions=({"bin": "A"},))
    monkeypatch.delattr(zxingcpp, "read_barcodes")
    station.show(labelled("B", B), 2.0)
    assert [one.subject for one in station.counts] == ["A"]


def test_a_count_that_the_full_disk_kept_until_the_regions_were_others(rig: Callable[..., Rig]) -> None:
    station = rig(regions=({"bin": "A", "right": 0.5}, {"bin": "B", "left": 0.5}))
    station.outbox.full = True
    station.show(Bin(6).picture, 2.0)
    assert station.recorder.blocked
    station.hear("config/desired", None, {"revision": 1, "settings": {"regions": [{"bin": "C"}]}})
    station.show(Bin(6).picture, RETRY_S)
    station.outbox.full = False
    station.show(Bin(6).picture, RETRY_S + 2)
    assert sorted(one.subject for one in station.counts) == ["A", "B", "C"]
    assert [(view.bin, view.newest and view.newest.subject) for view in station.status.snapshot().views] == [("C", "C")]


def test_a_committed_count_is_not_committed_again_whatever_fails_behind_it(rig: Callable[..., Rig]) -> None:
    station = rig()

    def fail(*_: object) -> None:
        raise UnavailableError("the disk of the pictures is gone")

    station.evidence.keep_later = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(UnavailableError, match="pictures"):
        station.show(Bin(2).picture, 2.0)
    station.show(Bin(2).picture, 2 * RETRY_S)
    assert len(station.counts) == 1


def test_what_waits_for_the_disk_is_tried_once_more_at_the_stop(rig: Callable[..., Rig]) -> None:
    station = rig()
    station.outbox.full = True
    station.show(Bin(2).picture, 2.0)
    station.outbox.full = False
    station.recorder.close()
    assert [one.data.counted for one in station.counts] == [2]


def test_commands_that_are_open_at_the_stop_are_answered(rig: Callable[..., Rig]) -> None:
    station = rig()
    station.hear("cmd", "recount", {})
    station.show(lambda number: Bin(number % 6).picture(number), 1.0)
    station.clerk.close()
    assert station.answers() == [("accepted", None), ("rejected", "the station stops; send it again when it is back")]
    station.clerk.close()
    assert len(station.answers()) == 2


def test_quantities_of_an_earlier_connection_are_forgotten_with_it(rig: Callable[..., Rig]) -> None:
    station = rig(bin="A")
    station.hear("expected", "A", {"quantity": 5})
    station.show(Bin(2).picture, 2.0)
    station.line.connections += 1
    station.show(Bin(4).picture, 12.0)
    assert [one.data.verification and one.data.verification.expected for one in station.counts] == [5, None]


def test_a_file_whose_name_no_topic_can_carry_is_refused_and_the_others_are_counted(rig: Callable[..., Rig], tmp_path: Path) -> None:
    station = rig()
    paths = write_grey_images(tmp_path / "frames", [1, 2])
    paths[0].rename(tmp_path / "frames" / ("x" * 230 + ".jpg"))
    pictures = _pictures(station, tmp_path / "frames", once=True)
    while not pictures.ended:
        pictures.turn(station.counter, station.recorder, station.clerk, 0.0)
    assert [one.subject for one in station.counts] == ["bin-002"]
    assert pictures.refused == 1
    assert "1 to 200 bytes" in pictures.first_refusal


def test_a_folder_that_is_empty_for_a_while_is_waited_for_without_hanging(rig: Callable[..., Rig], tmp_path: Path) -> None:
    station = rig()
    (path,) = write_grey_images(tmp_path / "frames", [1])
    pictures = _pictures(station, tmp_path / "frames", once=False)
    assert pictures.turn(station.counter, station.recorder, station.clerk, 0.0)
    path.unlink()
    for now in (10.0, 20.0):
        assert not pictures.turn(station.counter, station.recorder, station.clerk, now)
    assert station.status.snapshot().views[0].waits_for == "an image: the folder is empty"
    write_grey_images(tmp_path / "frames", [3])
    assert pictures.turn(station.counter, station.recorder, station.clerk, 30.0)
    assert [one.data.counted for one in station.counts] == [1, 3]


def _pictures(station: Rig, folder: Path, once: bool) -> Pictures:
    return Pictures(FolderSource(folder, once, lambda _: False), str(folder), station.settings, once, station.status)
