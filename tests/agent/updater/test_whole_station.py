"""Agents as programs with updates: a real broker, a live camera, a repository over HTTP; cut off, and killed where it hurts."""

from __future__ import annotations

import re
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from bintally.messages import CountEvent
from bintally.messages.model import Limits, ModelReported, parse_model_reported
from bintally.topics import Station
from tests.agent.test_station import Wms
from tests.agent.updater.conftest import Fleet
from tests.agent.updater.serving import Serving
from tests.conftest import free_port
from tests.fakes.bins import Bin
from tests.fakes.cameras import HttpCamera
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.programs import BINTALLY, Program, Start, wait_until
from tests.fakes.proxy import Proxy

STATION = Station("berlin", "pick-3")
LIMITS = Limits(shadow_frames=3, shadow_s=3600, probation_s=1.0)
FOR_EVER = LIMITS.model_copy(update={"shadow_frames": 1000})
_PATIENCE_S = 200.0


@dataclass
class Floor:
    """A station with all that it needs, and what it is told.

    Attributes:
        proxy: the network between the agent and the broker.
        shown: what the bin held at each count.
    """

    start: Start
    wms: Wms
    proxy: Proxy
    camera: HttpCamera
    bin: Bin
    options: list[str]
    page: int
    ours: Fleet
    shown: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = cycle((3, 1, 5, 2, 4))
        self.agent = self.run()

    def run(self) -> Program:
        self.agent = self.start(*BINTALLY, "agent", "run", *self.options)
        return self.agent

    def kill(self) -> None:
        self.agent.signal(signal.SIGKILL)
        self.agent.wait()

    def desire(self, version: str, limits: Limits) -> None:
        payload = self.ours.desire(self.ours.known[version], limits=limits)
        self.wms._client.publish(STATION.topic("model/desired"), payload, qos=1, retain=True).wait_for_publish(10)

    @property
    def report(self) -> ModelReported | None:
        said = self.wms.heard.get(STATION.topic("model/reported"))
        return parse_model_reported(said[-1]) if said else None

    @property
    def counts(self) -> list[CountEvent]:
        return self.wms.counts

    def metric(self, name: str) -> float:
        """Of the agent itself, whether the broker is there or not; 0 while its page does not answer."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.page}/metrics", timeout=10) as answer:
            found = re.search(rf"^{re.escape(name)} (\S+)$", answer.read().decode(), re.MULTILINE)
            return float(found[1]) if found else 0.0
        return 0.0

    def in_phase(self, phase: str) -> bool:
        return self.metric(f'bintally_update_phase{{phase="{phase}"}}') == 1

    def count_next(self) -> None:
        """Change the bin, and wait until it was counted."""
        before = self.metric("bintally_counts_total")
        self.shown.append(next(self._numbers))
        self.bin.count = self.shown[-1]
        wait_until(lambda: self.metric("bintally_counts_total") > before, f"a count; {self.agent.stderr[-3000:]}", _PATIENCE_S)

    def count_until(self, phase: str) -> None:
        wait_until(lambda: self.metric("bintally_counts_total") > 0, f"the first count; {self.agent.stderr[-3000:]}", _PATIENCE_S)
        while not self.in_phase(phase):
            assert self.agent.running, self.agent.stderr
            self.count_next()

    def hears(self, phase: str, version: str) -> ModelReported:
        def heard() -> bool:
            now = self.report
            return now is not None and now.phase == phase and now.model is not None and now.model.version == version

        wait_until(heard, f"{phase} with {version}; heard: {self.report!r}", _PATIENCE_S)
        assert self.report is not None
        return self.report


@pytest.fixture
def floor(start: Start, tmp_path: Path, bundle: Path, ours: Fleet, server: Serving) -> Iterator[Floor]:
    seen, page = Bin(2), free_port()
    broker = Mosquitto(start, tmp_path)
    camera, proxy, wms = HttpCamera(seen.picture, frames_per_s=20), Proxy(broker.port), Wms(broker.url(), STATION)
    root = tmp_path / "root.json"
    root.write_bytes(ours.root)
    options = ["--source", camera.url, "--bundle", str(bundle), "--broker", f"mqtt://127.0.0.1:{proxy.port}", "--site", "berlin"]
    options += ["--station", "pick-3", "--state-dir", str(tmp_path / "station"), "--acknowledged-by", "broker", "--threads", "1"]
    options += ["--frames-per-s", "20", "--settle-s", "0.3", "--page", f"127.0.0.1:{page}", "--device", "cpu"]
    options += ["--updates", server.url, "--updates-root", str(root), "--updates-clock", "any"]
    yield Floor(start, wms, proxy, camera, seen, options, page, ours)
    wms.close()
    camera.close()
    proxy.close()


def _once_each(counts: list[CountEvent]) -> None:
    numbers = [int(one.id.rpartition("-")[2]) for one in counts]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_new_model_counts_from_one_frame_to_the_next_while_the_broker_is_away(floor: Floor) -> None:
    floor.desire("1.0.0", FOR_EVER)
    floor.count_until("shadow")
    floor.hears("shadow", "0.1.0")
    floor.desire("1.0.0", LIMITS)
    wait_until(lambda: (floor.report or floor.hears("shadow", "0.1.0")).revision == floor.ours.revision, "the new limits are known")
    floor.proxy.cut()
    floor.count_until("active")
    floor.count_next()
    floor.proxy.heal()
    report = floor.hears("active", "1.0.0")
    wait_until(lambda: len(floor.counts) == len(floor.shown) + 1, "all counts arrive", _PATIENCE_S)
    _once_each(floor.counts)
    assert [one.data.counted for one in floor.counts] == [2, *floor.shown]
    versions = [one.data.model.version for one in floor.counts]
    assert (versions, set(versions)) == (sorted(versions), {"0.1.0", "1.0.0"})
    assert report.trial is not None
    assert (report.trial.errors, report.trial.disagreement) == (0, 0.0)
    assert floor.wms.newest(STATION.topic("state"))["model"]["version"] == "1.0.0"
    floor.agent.signal(signal.SIGTERM)
    assert floor.agent.wait() == 0, floor.agent.stderr


@pytest.mark.long
def test_an_agent_that_is_killed_in_shadow_run_and_probation_gets_there_in_the_end(floor: Floor) -> None:
    floor.desire("1.0.0", FOR_EVER.model_copy(update={"crashes": 2}))
    floor.count_until("shadow")
    floor.kill()
    floor.desire("1.0.0", LIMITS.model_copy(update={"crashes": 2, "probation_s": 3600}))
    floor.run()
    floor.count_until("probation")
    floor.kill()
    floor.desire("1.0.0", LIMITS.model_copy(update={"crashes": 2}))
    floor.run()
    floor.count_until("active")
    report = floor.hears("active", "1.0.0")
    assert report.trial is not None
    sessions = {one.id.rpartition("-")[0] for one in floor.counts}
    assert len(sessions) == 3
    for session in sessions:
        _once_each([one for one in floor.counts if one.id.startswith(session)])


@pytest.mark.long
@pytest.mark.parametrize(("phase", "ends"), [("shadow", "failed"), ("probation", "rolled_back")])
def test_a_model_that_kills_the_agent_too_often_is_left_before_it_is_opened(floor: Floor, phase: str, ends: str) -> None:
    limits = FOR_EVER if phase == "shadow" else LIMITS.model_copy(update={"probation_s": 3600})
    floor.desire("1.0.0", limits.model_copy(update={"crashes": 0}))
    floor.count_until(phase)
    floor.kill()
    floor.run()
    report = floor.hears(ends, "0.1.0")
    assert "without a clean end" in (report.reason or "")
    wait_until(lambda: floor.metric("bintally_counts_total") > 0, f"the old model counts; {floor.agent.stderr[-3000:]}", _PATIENCE_S)
    assert floor.counts[-1].data.model.version == "0.1.0"
