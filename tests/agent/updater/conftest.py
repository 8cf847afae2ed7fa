"""A repository made by ``bintally fleet`` with the time of day, a server of it, and a station's updater."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from agent.updater.fetch import Target
from agent.updater.trial import try_bundle
from bintally.messages.base import ModelName
from bintally.messages.model import ModelDesired
from deploy.fleet.cli import fleet
from deploy.fleet.desired import DesiredKey, read_desired_key, sign_desired
from tests.agent.updater.device import STATION, Device, trial_in_this_process
from tests.agent.updater.serving import Serving, serving
from tests.fakes.bundle import repack, tiny_bundle_bytes


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
