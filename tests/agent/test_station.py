"""A whole station: a live camera, a real broker, commands, settings, expected quantities, the page, and evidence."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from bintally.messages import CountEvent, parse_count
from bintally.topics import Station
from tests.conftest import free_port
from tests.fakes.bins import Bin
from tests.fakes.cameras import HttpCamera
from tests.fakes.commander import Commander
from tests.fakes.programs import BINTALLY, Program, Start, wait_until


class Wms:
    """Hears everything of a station, newest last, and says what books and fleet say."""

    def __init__(self, broker: str, station: Station) -> None:
        self.station = station
        self.heard: dict[str, list[bytes]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _, __, message: self.heard.setdefault(message.topic, []).append(bytes(message.payload))
        self._client.connect("127.0.0.1", int(broker.rpartition(":")[2]))
        self._client.subscribe(f"bintally/v1/{station.source}/#", qos=1)
        self._client.loop_start()

    def say(self, topic: str, content: dict[str, Any] | None) -> None:
        """Publish something retained."""
        self._client.publish(topic, json.dumps(content) if content is not None else b"", qos=1, retain=True).wait_for_publish(10)

    @property
    def counts(self) -> list[CountEvent]:
        return [parse_count(payload) for payload in self.heard.get(self.station.topic("count"), [])]

    def newest(self, topic: str) -> dict[str, Any]:
        wait_until(lambda: bool(self.heard.get(topic)), f"something on {topic}")
        found: dict[str, Any] = json.loads(self.heard[topic][-1])
        return found

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def bin_in_view() -> Bin:
    return Bin(3)


@pytest.fixture
def camera(bin_in_view: Bin) -> Iterator[HttpCamera]:
    camera = HttpCamera(bin_in_view.picture, frames_per_s=20)
    yield camera
    camera.close()


@pytest.fixture
def wms(mosquitto: str, site: str) -> Iterator[Wms]:
    wms = Wms(mosquitto, Station(site, "pick-3"))
    yield wms
    wms.close()


@pytest.fixture
def agent(start: Start, tmp_path: Path, camera: HttpCamera, tiny_bundle: Path, mosquitto: str, site: str) -> Callable[..., Program]:
    def agent(*more: str) -> Program:
        options = ["--source", camera.url, "--bundle", str(tiny_bundle), "--broker", mosquitto, "--site", site, "--station", "pick-3"]
        options += ["--state-dir", str(tmp_path / "state"), "--acknowledged-by", "broker", "--frames-per-s", "20", "--settle-s", "0.3"]
        return start(*BINTALLY, "agent", "run", *options, "--threads", "1", *more)

    return agent


def _counted(wms: Wms, number: int) -> CountEvent:
    wait_until(lambda: len(wms.counts) >= number, f"{number} counts; there are {[one.data.counted for one in wms.counts]}")
    assert len(wms.counts) == number
    return wms.counts[-1]


def test_a_bin_is_counted_when_it_comes_to_rest_and_again_when_it_changed(
    agent: Callable[..., Program], wms: Wms, bin_in_view: Bin
) -> None:
    running = agent("--bin", "A/17")
    first = _counted(wms, 1)
    assert (first.subject, first.data.counted, first.data.trigger, first.data.frames) == ("A/17", 3, "settled", 3)
    bin_in_view.count = 5
    second = _counted(wms, 2)
    assert (second.data.counted, second.data.trigger) == (5, "settled")
    retained = wms.station.named("bin", "A/17")
    wait_until(lambda: wms.newest(retained)["id"] == second.id, "the newest count is retained")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0, running.stderr
    assert running.lines()[-1] == "stopped: counted 2, all acknowledged\n"
    assert wms.newest(wms.station.topic("state"))["status"] == "stopped"


def test_a_recount_is_accepted_and_done_with_the_verdict_on_what_was_expected(
    agent: Callable[..., Program], wms: Wms, mosquitto: str
) -> None:
    agent()
    _counted(wms, 1)
    with Commander(mosquitto, wms.station) as commander:
        request = commander.send("recount", {"bin": "B-4", "expected": 5})
        assert request.answer().status == "accepted"
        done = request.answer()
        assert done.status == "done"
        assert done.result is not None
        event = CountEvent.model_validate(done.result["event"])
        assert (event.subject, event.data.counted, event.data.trigger) == ("B-4", 3, "command")
        assert event.data.verification is not None
        assert (event.data.verification.expected, event.data.verification.origin) == (5, "command")
        assert event.data.verification.verdict == "mismatch"
        assert event.data.evidence == event.id
        commander.send("recount", {"bin": "B-4", "expected": 5}, repeats=request)
        assert request.answer() == done
    assert _counted(wms, 2).id == event.id


def test_books_settings_and_snapshots(agent: Callable[..., Program], wms: Wms, mosquitto: str) -> None:
    station = wms.station
    wms.say(station.named("expected", "A"), {"quantity": 3})
    wms.say(
        station.topic("config/desired"),
        {"revision": 4, "settings": {"frames": 2, "regions": [{"bin": "A", "bottom": 0.5}, {"bin": "B", "top": 0.5}]}},
    )
    agent()
    reported = station.topic("config/reported")
    wait_until(lambda: wms.newest(reported)["revision"] == 4, "the settings are in force")
    assert wms.newest(reported)["settings"]["frames"] == 2
    wait_until(lambda: {"A", "B"} <= {one.subject for one in wms.counts}, "both bins are counted")
    verdicts = {one.subject: one.data.verification for one in wms.counts if one.data.frames == 2}
    assert verdicts["A"] is not None
    assert (verdicts["A"].verdict, verdicts["A"].origin) == ("match", "books")
    assert verdicts["B"] is None
    with Commander(mosquitto, station) as commander:
        assert "say which; this station sees A, B" in (commander.send("recount").result().reason or "")
        picture = commander.send("snapshot", {"max_side_px": 160}).result()
        assert picture.result is not None
        assert (picture.result["width"], picture.result["height"]) == (160, 119)
        assert commander.send("identify", {"seconds": 5}).result().result == {"site": station.site, "station": "pick-3", "version": "0.1.0"}
        changed = commander.send("set", {"settings": {"heartbeat_s": 77}}).result()
        assert changed.result is not None
        assert changed.result["settings"]["heartbeat_s"] == 77
        refused = commander.send("set", {"settings": {"frames": 0}}).result()
        assert refused.status == "rejected"
    wait_until(lambda: wms.newest(reported)["settings"]["heartbeat_s"] == 77, "the change is reported")
    health = wms.newest(station.topic("health"))
    assert health["camera"]["state"] in ("live", "starting")


def test_the_page_shows_the_count_and_a_correction_becomes_a_labelled_picture(
    agent: Callable[..., Program], wms: Wms, tmp_path: Path
) -> None:
    port = free_port()
    agent("--page", f"127.0.0.1:{port}", "--bin", "A")
    event = _counted(wms, 1)
    body = json.dumps({"event_id": event.id, "quantity": 4}).encode()
    headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/api/correct", body, headers)
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
        assert b"4 recorded" in answer.read()
    (label,) = (tmp_path / "state" / "evidence" / "metadata").glob("*.json")
    assert json.loads(label.read_text())["EXPECTED_QUANTITY"] == 4
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "bintally_counts_total 1.0" in text
    assert 'bintally_step_seconds_count{step="inference"} 3.0' in text


def test_a_camera_that_vanishes_is_told_and_the_bin_is_counted_again_when_it_returns(
    agent: Callable[..., Program], wms: Wms, camera: HttpCamera, bin_in_view: Bin
) -> None:
    agent("--bin", "A", "--stale-after-s", "1")
    _counted(wms, 1)
    camera.vanish()
    bin_in_view.count = 1
    health = wms.station.topic("health")
    wait_until(lambda: wms.newest(health)["phase"] == "no camera", "the station says that it has no camera")
    assert wms.newest(health)["camera"]["reason"]
    camera.appear()
    assert _counted(wms, 2).data.counted == 1
