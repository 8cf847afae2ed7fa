"""A repository made by ``bintally fleet`` with the time of day, a server of it, and a station's updater."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import Self

from agent.settings import AgentSettings
from agent.updater.fetch import Repository, Target
from agent.updater.slots import Slots
from agent.updater.steps import Conditions, Steps
from agent.updater.trial import Allowance, try_bundle
from agent.updater.trial_child import Opened
from agent.updater.updater import Updater
from agent.updater.web import Pace, web_for
from bintally.bundle import open_bundle
from bintally.messages.base import ModelName, new_epoch
from bintally.messages.model import ModelDesired, ModelReported
from bintally.settings import read_settings
from deploy.fleet.cli import fleet
from deploy.fleet.desired import DesiredKey, read_desired_key, sign_desired
from tests.agent.updater.serving import Serving, serving
from tests.fakes.bundle import repack, tiny_bundle_bytes
from tests.fakes.programs import wait_until

STATION = "berlin/pick-3"
PACE = Pace(least_bytes_s=2000.0, patience_s=1.0)
ALLOWANCE = Allowance(60.0, 2 << 30)


def trial_in_this_process(bundle: Path, *_: object) -> Opened:
    """What the child process does, without the second that its start takes; ``test_trial`` has the real one."""
    opened = open_bundle(bundle, threads=1)
    manifest = opened.manifest
    return Opened(manifest.name, manifest.version, opened.digest, *opened.size, len(manifest.classes), 1.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here, and most of the time would go into waiting for the disk and for processes."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr("agent.updater.steps.try_bundle", trial_in_this_process)


@pytest.fixture
def real_trial(_quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.updater.steps.try_bundle", try_bundle)


@dataclass
class Fleet:
    """A repository and the commands on it, at a time of day that may be moved."""

    folder: Path
    tiny: bytes
    patch: pytest.MonkeyPatch
    revision: int = 0
    bundles: dict[str, Path] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "repository"

    @property
    def root(self) -> bytes:
        return (self.path / "metadata" / "1.root.json").read_bytes()

    @property
    def key(self) -> DesiredKey:
        return read_desired_key(self.folder / "keys" / "desired-1.pem", lambda _: "")

    def at(self, **ago: float) -> None:
        """From now on commands are given so long ago."""
        self.patch.setattr("bintally.messages.base.utc_now", lambda: datetime.now(timezone.utc) - timedelta(**ago))

    def __call__(self, command: str, *words: str | Path) -> None:
        assert fleet([command, str(self.path), *map(str, words)]) == 0, command

    def publish(self, version: str, *words: str, change: Callable[[bytes], bytes] = lambda content: content, **fields: Any) -> ModelName:
        """Publish a bundle; what its desire calls it."""
        content = change(repack(self.tiny, lambda manifest: manifest.update({"target": "cpu", "version": version, **fields})))
        path = self.folder / f"{version}-{fields.get('target', 'cpu')}.onnx"
        path.write_bytes(content)
        self("publish", path, *words)
        return ModelName(name="grey-counter", version=version, digest=hashlib.sha256(content).hexdigest())

    def desire(self, model: ModelName, key: DesiredKey | None = None, device: str = "cpu", **fields: Any) -> bytes:
        """A signed desire of the next revision."""
        self.revision += 1
        values = {
            "revision": self.revision,
            "station": STATION,
            "model": model,
            "target": f"{model.name}/{model.version}-{device}.onnx",
            "issued_at": datetime.now(timezone.utc),
        }
        return sign_desired(ModelDesired.model_validate(values | fields), key or self.key)

    def target_file(self, model: ModelName) -> Path:
        return self.path / "targets" / model.name / f"{model.digest}.{model.version}-cpu.onnx"

    def snapshot(self, name: str) -> Path:
        """A copy of the repository as it is now."""
        copy = self.folder / name
        shutil.copytree(self.path, copy)
        return copy


@pytest.fixture(scope="session")
def tiny() -> bytes:
    """A bundle with a few hundred kilobytes behind it, so that a download can be cut."""
    return repack(tiny_bundle_bytes(), lambda manifest: manifest.update(training={"noise": "noise" * 30_000}))


@pytest.fixture(scope="session")
def new_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    assert fleet(["init", str(folder / "repository")]) == 0
    return folder


@pytest.fixture
def ours(tmp_path: Path, new_repository: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    folder = tmp_path / "fleet"
    shutil.copytree(new_repository, folder)
    return Fleet(folder, tiny, monkeypatch)


@pytest.fixture
def server(ours: Fleet) -> Iterator[Serving]:
    with serving(ours.path) as server:
        yield server


@pytest.fixture
def bundle(tmp_path: Path, tiny: bytes) -> Path:
    """What was shipped."""
    path = tmp_path / "shipped.onnx"
    path.write_bytes(repack(tiny, lambda manifest: manifest.update(version="0.1.0")))
    return path


class Device:
    """A station's updater with its state folder, which lasts from one start of it to the next."""

    def __init__(self, folder: Path, root: bytes, url: str, shipped: Path, **conditions: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.root, self.url, self.shipped = folder, root, url, shipped
        self.conditions: dict[str, Any] = {"clock": lambda: True, "first_pause_s": 0.05, "look_s": 0.05, **conditions}
        self.settings = read_settings(AgentSettings, {"source": "0", "bundle": shipped, "device": "cpu", "threads": 1})
        self.reports: list[ModelReported] = []
        self.pace, self.allowance = PACE, ALLOWANCE
        self.updater: Updater | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def slots(self) -> Slots:
        return Slots(self.folder)

    def repository(self, stop: threading.Event | None = None) -> Repository:
        return Repository(web_for(self.url, self.pace, stop or threading.Event()), self.slots, self.root)

    def start(self) -> Path:
        interrupt, slots = threading.Event(), self.slots
        steps = Steps(
            self.repository(interrupt), slots, STATION, self.settings, self.folder, Conditions(**self.conditions), interrupt, self.allowance
        )
        self.updater = Updater(steps, slots, self.shipped, interrupt, new_epoch(), self.reports.append)
        self.opened = self.updater.agent_started()
        return self.opened

    def stop(self) -> None:
        if self.updater is not None:
            self.updater.stopped_cleanly()

    @property
    def running(self) -> Updater:
        assert self.updater is not None
        return self.updater

    @property
    def now(self) -> ModelReported:
        return self.running.reported()

    def reaches(self, *phases: str, timeout_s: float = 30.0) -> ModelReported:
        wait_until(lambda: self.now.phase in phases, f"{phases}; it is {self.now!r}", timeout_s)
        return self.now

    def waits_with(self, words: str) -> ModelReported:
        wait_until(lambda: words in (self.now.reason or ""), f"{words!r}; it is {self.now!r}", 30.0)
        return self.now

    def becomes_active(self, model: ModelName) -> None:
        """Do what the main loop does, with nothing to complain of."""
        self.reaches("shadow")
        candidate = self.running.candidate()
        assert candidate is not None
        assert candidate.model == model
        self.running.shadow_done(model.digest, None)
        self.running.switched(model.digest)
        self.running.probation_done(model.digest, None)
        self.reaches("active")

    def counts_with_shipped(self) -> bool:
        return self.running.bundle() == self.shipped


@pytest.fixture
def device(tmp_path: Path, ours: Fleet, server: Serving, bundle: Path) -> Iterator[Device]:
    device = Device(tmp_path / "state", ours.root, server.url, bundle)
    yield device
    device.stop()


def target_of(device: Device, path: str) -> Target:
    """What the repository says of a bundle."""
    target = device.repository().look().target(path)
    assert target is not None
    return target
