"""The repository's folder on the disk: one writer at a time, each file whole, and a change that waits in ``staged``.

``staged`` is both: where a change waits for signatures of other people, and the journal from which the next command finishes what a crash cut
short. It appears and vanishes by one rename, so there is a whole change or none.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.files import make_folder, sync, write_atomically
from deploy.fleet.repository.commit import Write
from deploy.fleet.repository.edit import Staged
from deploy.fleet.repository.state import State, parse, read_state

METADATA, TARGETS, STAGED, LOCK = "metadata", "targets", "staged", ".lock"
_CHANGE = "change.json"
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Change:
    """A change that is not visible yet.

    Attributes:
        asked: the command that made it, as text; only to tell its repetition from another one.
        metadata: role → the next version, with the signatures so far.
    """

    asked: str
    metadata: Staged


class Folder:
    """A repository on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def state(self) -> State | None:
        """What clients see, verified; None before the first change is finished.

        Raises:
            InputError: metadata are missing, damaged, or not signed by the right keys.
        """
        waiting = self.staged()
        root = waiting.metadata.get(Root.type) if waiting else None
        return read_state(self._read, root.signed if root else None)

    def opened(self) -> State:
        """What clients see.

        Raises:
            InputError: there is no repository, or its metadata are not what they must be.
        """
        state = self.state()
        if state is None:
            unfinished = (self.path / STAGED).exists()
            todo = "its first metadata wait for signatures: 'bintally fleet sign'" if unfinished else "'bintally fleet init' makes one"
            raise InputError(f"{self.path}: no repository here; {todo}")
        return state

    @property
    def is_waiting(self) -> bool:
        """Whether a change waits, be it damaged."""
        return (self.path / STAGED).exists()

    def staged(self) -> Change | None:
        """The change that waits.

        Raises:
            InputError: its files are damaged.
        """
        folder = self.path / STAGED
        if not folder.exists():
            return None
        try:
            told = json.loads((folder / _CHANGE).read_text("utf-8"))
            asked, roles = str(told["asked"]), [str(role) for role in told["roles"]]
            metadata = {role: _parse((folder / f"{role}.json").read_bytes(), role) for role in roles}
        except (OSError, ValueError, KeyError, TypeError, InputError) as error:
            raise InputError(f"{folder}: the change that waits here is damaged; 'bintally fleet sign --discard' drops it") from error
        return Change(asked, metadata)

    def stage(self, change: Change) -> None:
        """Write a change, whole or not at all.

        Raises:
            UnavailableError: the disk is full, or the folder cannot be written to.
        """
        with _writing(self.path):
            made = Path(tempfile.mkdtemp(dir=self.path, prefix=".staged."))
            made.chmod(0o755)
            for role, metadata in change.metadata.items():
                write_atomically(made / f"{role}.json", metadata.to_bytes())
            write_atomically(made / _CHANGE, json.dumps({"asked": change.asked, "roles": list(change.metadata)}))
            made.rename(self.path / STAGED)
            sync(self.path)

    def restage(self, role: str, metadata: Metadata[Any]) -> None:
        """Replace one role of the change that waits: it has more signatures."""
        write_atomically(self.path / STAGED / f"{role}.json", metadata.to_bytes())

    def discard(self) -> None:
        """Drop the change that waits, or that is finished."""
        with _writing(self.path):
            rubbish = Path(tempfile.mkdtemp(dir=self.path, prefix=".staged."))
            (self.path / STAGED).rename(rubbish)
            sync(self.path)
            shutil.rmtree(rubbish)

    def apply(self, writes: Iterable[Write]) -> None:
        """Write metadata in the order given, each on the disk before the next one.

        Raises:
            UnavailableError: the disk is full, or the folder cannot be written to; what was written stays, and nobody asks for it.
        """
        for write in writes:
            write_atomically(self.path / METADATA / write.name, write.content)

    def put_target(self, path: str, sha256: str, content: bytes) -> None:
        """Write a target, under its name with the digest; one that is there already stays."""
        place = self.target_file(path, sha256)
        if not place.exists():
            make_folder(place.parent)
            write_atomically(place, content)

    def target_file(self, path: str, sha256: str) -> Path:
        """Where a target stands."""
        folder, _, name = path.rpartition("/")
        return self.path / TARGETS / folder / f"{sha256}.{name}"

    def make(self) -> None:
        """Make the folders."""
        for name in (METADATA, TARGETS):
            make_folder(self.path / name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one that changes the repository, and clean up after commands that were killed.

        Raises:
            UnavailableError: another command is at work, or the folder cannot be written to.
            InputError: there is no such folder.
        """
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder; 'bintally fleet init' makes a repository")
        with _writing(self.path), (self.path / LOCK).open("w") as handle:
            _wait_for_lock(handle.fileno(), self.path)
            self._sweep()
            yield

    def _sweep(self) -> None:
        for place in (METADATA, TARGETS, STAGED):
            for part in (self.path / place).rglob(".*.part"):
                part.unlink()
        for rubbish in self.path.glob(".staged.*"):
            shutil.rmtree(rubbish)

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.path / METADATA / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"{self.path / METADATA / name}: cannot be read ({error.strerror})") from error


def check_apart(repository: Path, keys: Path) -> None:
    """Refuse keys where the world reads.

    Raises:
        UsageError: the keys' folder is the repository, or inside it.
    """
    if keys.resolve().is_relative_to(repository.resolve()):
        raise UsageError(f"{keys}: is inside the repository, which is there to be served; name a folder outside of it with --keys")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written to ({error.strerror or error}); free space, or work as who owns it") from error


def _wait_for_lock(handle: int, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise UnavailableError(f"{path}: another command is at work on this repository; wait until it is done") from error
            time.sleep(0.05)
        else:
            return


def _parse(content: bytes, role: str) -> Metadata[Any]:
    if role == Root.type:
        return parse(content, f"{role}.json", Root)
    return parse(content, f"{role}.json", Targets)
