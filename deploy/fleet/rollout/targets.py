"""Look bundles up in the update repository, in its folder or where it is served."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import ValidationError

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.messages.base import ModelName
from bintally.updates import DESIRED_KEYS, DesiredKeys, TargetFacts
from deploy.fleet.rollout.plan import Target

_Any = TypeVar("_Any")


class Repository(Protocol):
    """What a roll-out needs of a repository."""

    def find(self, path: str) -> tuple[Target, str] | None:
        """A bundle and the device kind that it is for; None where it is not published."""

    def desired_keys(self) -> DesiredKeys:
        """Who may sign ``model/desired``."""


class FolderRepository:
    """A repository in a folder; its signatures are verified.

    Raises:
        InputError: there is none, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        from deploy.fleet.repository.folder import Folder
        from deploy.fleet.repository.state import published

        self._folder = Folder(path)
        self._state = self._folder.opened()
        self._published = {one.path: one for one in published(self._state)}

    def find(self, path: str) -> tuple[Target, str] | None:
        """See ``Repository``."""
        one = self._published.get(path)
        return None if one is None else (_target(path, one.facts, one.sha256), one.facts.device)

    def desired_keys(self) -> DesiredKeys:
        """See ``Repository``."""
        from deploy.fleet.repository.rotate import desired_keys

        return desired_keys(self._folder, self._state)


class ServedRepository:
    """A repository behind a web server, verified from a root that was kept, as a station does.

    Raises:
        UnavailableError: the server does not answer.
        InputError: what it serves is not good under the root.
    """

    def __init__(self, url: str, root: Path) -> None:
        from tuf.ngclient import Updater

        base = url.rstrip("/")
        self._folder = tempfile.TemporaryDirectory(prefix="bintally-fleet-")
        try:
            content = root.read_bytes()
        except OSError as error:
            raise InputError(f"{root}: cannot be read ({error.strerror}); name the repository's 1.root.json, or a later root") from error
        self._url = url
        self._updater = Updater(self._folder.name, f"{base}/metadata", target_base_url=f"{base}/targets", bootstrap=content)
        self._asking(self._updater.refresh)

    def find(self, path: str) -> tuple[Target, str] | None:
        """See ``Repository``."""
        info = self._asking(lambda: self._updater.get_targetinfo(path))
        if info is None:
            return None
        try:
            facts = TargetFacts.model_validate(info.custom)
        except ValidationError as error:
            raise InputError(f"{path}: its facts cannot be read; a newer bintally may have published it") from error
        return _target(path, facts, info.hashes["sha256"]), facts.device

    def desired_keys(self) -> DesiredKeys:
        """See ``Repository``."""
        info = self._asking(lambda: self._updater.get_targetinfo(DESIRED_KEYS))
        if info is None:
            raise InputError(f"{self._url}: names nobody who may sign model/desired; 'bintally fleet desired-key add' does")
        path = self._asking(lambda: self._updater.download_target(info, str(Path(self._folder.name) / "keys")))
        return DesiredKeys.model_validate_json(Path(path).read_bytes())

    def _asking(self, ask: Callable[[], _Any]) -> _Any:
        from tuf.api.exceptions import DownloadError, RepositoryError

        try:
            return ask()
        except DownloadError as error:
            raise UnavailableError(f"{self._url}: does not answer ({error}); check --repository and the web server") from error
        except RepositoryError as error:
            raise InputError(f"{self._url}: is not good under the given root ({error}); check --root, or 'bintally fleet renew'") from error


def open_repository(where: str, root: Path | None) -> Repository:
    """Open a repository by its folder or URL.

    Raises:
        UsageError: a URL was given without a root.
        InputError: there is no repository, or it is damaged.
        UnavailableError: the server does not answer.
    """
    if not where.startswith(("http://", "https://")):
        return FolderRepository(Path(where))
    if root is None:
        raise UsageError(
            f"--repository {where}: what a server says must be verified; give the repository's 1.root.json, or a later root, with --root"
        )
    return ServedRepository(where, root)


def _target(path: str, facts: TargetFacts, digest: str) -> Target:
    return Target(path=path, model=ModelName(name=facts.name, version=facts.version, digest=digest))
