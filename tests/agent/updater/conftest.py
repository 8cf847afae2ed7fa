"""A repository made by ``bintally fleet`` with the time of day, a server of it, and a station's updater."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
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
    """A repository and the commands on it."""

    folder: Path
    tiny: bytes
    revision: int = 0
    known: dict[str, ModelName] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "repository"

    @property
    def root(self) -> bytes:
        return (self.path / "metadata" / "1.root.json").read_bytes()

    @property
    def key(self) -> DesiredKey:
        return read_desired_key(self.folder / "keys" / "desired-1.pem", lambda _: "")

    def __call__(self, command: str, *words: str | Path) -> None:
        assert fleet([command, str(self.path), *map(str, words)]) == 0, command

    def publish(self, version: str, *words: str, **fields: Any) -> ModelName:
        """Publish a bundle; what its desire calls it."""
        if version in self.known and not words and not fields:
            return self.known[version]
        content = repack(self.tiny, lambda manifest: manifest.update({"target": "cpu", "version": version, **fields}))
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
def published(tmp_path_factory: pytest.TempPathFactory, tiny: bytes) -> Fleet:
    """A repository with two bundles, which nobody touches."""
    new = Fleet(tmp_path_factory.mktemp("published"), tiny)
    new("init")
    new.known |= {version: new.publish(version) for version in ("1.0.0", "2.0.0")}
    return new


@pytest.fixture
def ours(tmp_path: Path, published: Fleet) -> Fleet:
    """The same, to do with as one likes."""
    folder = tmp_path / "fleet"
    shutil.copytree(published.folder, folder)
    return Fleet(folder, published.tiny, known=dict(published.known))


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
