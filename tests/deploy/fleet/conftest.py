"""A repository in a folder, and a client of it that is nobody's but python-tuf's."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from bintally.updates import DESIRED_KEYS, DesiredKeys
from deploy.fleet.cli import fleet
from tests.fakes.bundle import repack, tiny_bundle_bytes

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


class FolderFetcher(FetcherInterface):
    """Serves a repository's folder without a server."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self._repository / url.removeprefix("folder:/")
        if not path.is_file():
            raise DownloadHTTPError("not found", 404)
        return iter([path.read_bytes()])


@dataclass
class Clock:
    """What time it is for the commands and the clients."""

    now: datetime = START

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Station:
    """A client with its own folder of metadata, which lasts from one look to the next."""

    repository: Path
    folder: Path
    clock: Clock
    root: bytes

    def look(self) -> Updater:
        """Refresh, as python-tuf does it; raises what it raises."""
        updater = Updater(
            str(self.folder),
            "folder:/metadata",
            fetcher=FolderFetcher(self.repository),
            target_base_url="folder:/targets",
            bootstrap=self.root,
        )
        updater._trusted_set.reference_time = self.clock.now
        updater.refresh()
        return updater

    def info(self, path: str) -> TargetFile | None:
        return self.look().get_targetinfo(path)

    def fetch(self, path: str) -> bytes:
        """Download a target and verify it."""
        updater = self.look()
        info = updater.get_targetinfo(path)
        assert info is not None, f"{path} is not published"
        return Path(updater.download_target(info, str(self.folder / "target"))).read_bytes()

    def desired_keys(self) -> DesiredKeys:
        return DesiredKeys.model_validate_json(self.fetch(DESIRED_KEYS))


@dataclass
class Fleet:
    """A repository and the commands on it."""

    folder: Path
    clock: Clock
    stations: int = 0
    path: Path = field(init=False)
    keys: Path = field(init=False)

    def __post_init__(self) -> None:
        self.path, self.keys = self.folder / "repository", self.folder / "keys"

    def __call__(self, command: str, *words: str | Path, keys: Path | None = None) -> int:
        return fleet([command, str(self.path), *map(str, words), "--keys", str(keys or self.keys)])

    def station(self) -> Station:
        """A new station, shipped with the first root."""
        self.stations += 1
        folder = self.folder / f"station-{self.stations}"
        folder.mkdir()
        return Station(self.path, folder, self.clock, (self.path / "metadata" / "1.root.json").read_bytes())

    def take_away(self, *names: str) -> Path:
        """Move key files to where only their owner has them; the owner's folder, with a copy of keys.json."""
        owner = self.folder / f"owner-of-{'-'.join(names)}"
        owner.mkdir(mode=0o700)
        for name in names:
            (self.keys / f"{name}.pem").rename(owner / f"{name}.pem")
        ring = owner / "keys.json"
        ring.write_bytes((self.keys / "keys.json").read_bytes())
        ring.chmod(0o600)
        return owner


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here, and most of the time would go into waiting for the disk."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bintally.messages.base.utc_now", lambda: clock.now)
    return clock


@pytest.fixture
def bare(tmp_path: Path, clock: Clock) -> Fleet:
    """A folder without a repository."""
    return Fleet(tmp_path, clock)


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new repository and its keys, which nobody touches."""
    folder = tmp_path_factory.mktemp("new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bintally.messages.base.utc_now", lambda: START)
        assert fleet(["init", str(folder / "repository")]) == 0
    return folder


@pytest.fixture
def ours(bare: Fleet, new: Path) -> Fleet:
    """A new repository."""
    shutil.copytree(new, bare.folder, dirs_exist_ok=True)
    return bare


Bundles = Callable[..., Path]


@pytest.fixture(scope="session")
def tiny() -> bytes:
    return tiny_bundle_bytes()


@pytest.fixture
def bundle(tmp_path: Path, tiny: bytes) -> Bundles:
    """Makes bundle files."""

    def make(version: str = "1.0.0", **fields: Any) -> Path:
        content = repack(tiny, lambda manifest: manifest.update({"target": "cpu", "version": version, **fields}))
        path = tmp_path / f"{hashlib.sha256(content).hexdigest()[:8]}.onnx"
        path.write_bytes(content)
        return path

    return make
