"""The station's client of the update repository: python-tuf says what is genuine and fresh, ``agent.updater.web`` brings the bytes.

Whatever a repository does, there are three ends: what was asked for, proven; ``InputError``, for bytes that are not what the signed
metadata say; ``UnavailableError``, for all that another time may be better, such as expired metadata: then the station goes on as before.
Metadata are kept, synced, so that a roll-back to older ones is seen after a power cut, too.

Source: The Update Framework Specification 1.0, section 5 (detailed client workflow); RFC 9110, sections 13.1.5 and 14 (If-Range, Range).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Root, TargetFile
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from agent.health.sensors import disk_free_bytes
from agent.updater.slots import Slots, sha256_of
from agent.updater.web import Answer, Stopped, Web
from bintally.errors import InputError, UnavailableError
from bintally.files import make_folder, sync
from bintally.updates import DESIRED_KEYS, DesiredKeys, TargetFacts

MAX_BUNDLE_BYTES = 2 << 30
_MAX_KEYS_BYTES = 1 << 20
_RESERVE_BYTES = 64 << 20
"""Left free on the disk: counts are worth more than a new model."""


class NotNowError(UnavailableError):
    """The download must wait: there is no room on the disk, or its time window is over."""


@dataclass(frozen=True)
class Target:
    """A bundle in the repository.

    Attributes:
        place: below ``targets/``, with the digest in its name.
        size_bytes: of its file.
        sha256: of its file.
        facts: what it is for.
    """

    place: str
    size_bytes: int
    sha256: str
    facts: TargetFacts


class View:
    """The repository as its newest good metadata describe it."""

    def __init__(self, updater: Updater, fetcher: _Fetcher, web: Web) -> None:
        self._updater, self._fetcher, self._where, self._stop = updater, fetcher, str(web), web.stop

    def desired_keys(self) -> DesiredKeys:
        """Who may sign ``model/desired`` now.

        Raises:
            UnavailableError: it is missing, not genuine, or cannot be fetched now.
        """
        with _translated(self._where, self._stop):
            info = self._updater.get_targetinfo(DESIRED_KEYS)
            if info is None or info.length > _MAX_KEYS_BYTES:
                raise UnavailableError(f"{self._where}: its metadata name no {DESIRED_KEYS}; 'bintally fleet init' makes one")
            content = self._fetcher.download_bytes(f"targets/{_place(info)}", info.length)
            info.verify_length_and_hashes(content)
            try:
                return DesiredKeys.model_validate_json(content)
            except ValidationError as error:
                raise UnavailableError(f"{self._where}: {DESIRED_KEYS} is not what this version reads; update bintally here") from error

    def target(self, path: str) -> Target | None:
        """A bundle; None where there is none of that path.

        Raises:
            InputError: it is no bundle that a station could run.
            UnavailableError: metadata that describe it are not genuine, or cannot be fetched now.
        """
        with _translated(self._where, self._stop):
            info = self._updater.get_targetinfo(path)
        if info is None:
            return None
        if info.length > MAX_BUNDLE_BYTES or "sha256" not in info.hashes:
            raise InputError(f"{path}: {info.length} bytes, with {', '.join(info.hashes)}; bundles are smaller, and have a SHA-256")
        try:
            facts = TargetFacts.model_validate(info.custom or {})
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{path}: its facts are not what this version reads ({first['loc']}: {first['msg']})") from error
        return Target(_place(info), info.length, info.hashes["sha256"], facts)


class Repository:
    """A repository, looked at as often as is needed.

    Args:
        web: its folder.
        slots: keeps metadata and parts.
        root: the root metadata that the station was shipped with: all trust begins there.
    """

    def __init__(self, web: Web, slots: Slots, root: bytes) -> None:
        self._web, self._slots, self._root = web, slots, root

    def look(self) -> View:
        """Fetch the newest metadata, and verify them. The clock must be set: they expire.

        Raises:
            UnavailableError: the repository does not answer, or its metadata are not genuine, older than those known, or expired.
            Stopped: as it was asked to.
        """
        folder, fetcher = make_folder(self._slots.metadata), _Fetcher(self._web)
        with _translated(str(self._web), self._web.stop):
            updater = Updater(str(folder), "metadata/", fetcher=fetcher, bootstrap=self._root)
            try:
                updater.refresh()
            finally:
                _sync_all(folder)  # python-tuf renames without it
        return View(updater, fetcher, self._web)

    def download(self, target: Target, progress: Callable[[float], None] = lambda _: None) -> None:
        """Bring a bundle's file to the part, going on where it was cut, and verify it.

        Raises:
            InputError: it is not the file that the metadata describe.
            NotNowError: the disk is full.
            UnavailableError: the server does not answer, is too slow, or cut the connection; the part stays.
            Stopped: as it was asked to.
        """
        resumed = self._bring(target, progress)
        if sha256_of(self._slots.part) == target.sha256:
            return
        self._slots.drop_part()
        if resumed:  # its beginning may have been another server's, or damaged here
            raise UnavailableError(f"{self._web}: {target.place} did not fit to the part that was here; it is fetched from the beginning")
        raise InputError(f"{self._web}: {target.place} is not the file that its signed metadata describe (wrong digest); publish it again")

    def _bring(self, target: Target, progress: Callable[[float], None]) -> bool:
        """Make the part as long as the target; says whether an earlier part was gone on with."""
        begun, etag = self._slots.begun(target.sha256)
        if begun > target.size_bytes:
            self._slots.drop_part()
            begun, etag = 0, None
        self._check_space(target.size_bytes - begun)
        if begun == target.size_bytes:
            return True
        headers = {"Range": f"bytes={begun}-"} | ({"If-Range": etag} if etag else {}) if begun else {}
        with self._web.get(f"targets/{target.place}", headers) as answer:
            start = self._start(answer, target, begun)
            if start == 0:
                self._slots.begin(target.sha256, _strong(answer.headers.get("ETag")))
            with _open_part(self._slots.part) as part:
                self._write(answer, part, target, start, progress)
        return start > 0

    def _start(self, answer: Answer, target: Target, begun: int) -> int:
        """From where on the answer's body is.

        Raises:
            InputError: the file has another length than the metadata say.
            UnavailableError: the answer holds nothing of it.
        """
        where = f"{self._web}: {target.place}"
        if answer.status == 206 and begun:
            if answer.headers.get("Content-Range", "").replace(" ", "") in _ranges(begun, target.size_bytes):
                return begun
            self._slots.drop_part()
            raise UnavailableError(f"{where}: another range came than was asked for; it is fetched from the beginning")
        if answer.status == 416:
            self._slots.drop_part()
        if answer.status != 200:
            raise UnavailableError(f"{where}: the server answers {answer.status}; publish the bundle again, or check what serves it")
        if answer.length is not None and answer.length != target.size_bytes:
            raise InputError(f"{where}: has {answer.length} bytes, its signed metadata say {target.size_bytes} (wrong size)")
        return 0

    def _write(self, answer: Answer, part: BinaryIO, target: Target, start: int, progress: Callable[[float], None]) -> None:
        """Append the body, never more than is signed for."""
        here = start
        try:
            for chunk in answer.chunks():
                if here + len(chunk) > target.size_bytes:
                    self._slots.drop_part()
                    raise InputError(f"{self._web}: {target.place} does not end after the {target.size_bytes} bytes that are signed for")
                part.write(chunk)
                here += len(chunk)
                progress(here / target.size_bytes)
        except OSError as error:
            raise NotNowError(f"{self._slots.part}: cannot be written ({error.strerror or error}); free space") from error
        if here < target.size_bytes:
            raise UnavailableError(f"{self._web}: {target.place} was cut after {here} of {target.size_bytes} bytes; it goes on from there")

    def _check_space(self, wanted_bytes: int) -> None:
        free = disk_free_bytes(self._slots.folder)
        if free < wanted_bytes + _RESERVE_BYTES:
            raise NotNowError(
                f"{self._slots.folder}: {free >> 20} MiB are free; the bundle needs {wanted_bytes >> 20} and {_RESERVE_BYTES >> 20} for counts"
            )


def read_root(path: Path) -> bytes:
    """The root metadata that a station was shipped with.

    Raises:
        InputError: they cannot be read, or are none.
    """
    try:
        content = path.read_bytes()
        root = Metadata[Root].from_bytes(content)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except OSError as error:
        raise InputError(f"{path}: the repository's root metadata cannot be read ({error.strerror}); check updates_root") from error
    except (RepositoryError, AttributeError, ValueError) as error:  # ValueError, AttributeError: another role's metadata
        raise InputError(f"{path}: no root metadata of an update repository ({error}); give it its metadata/1.root.json") from error
    return content


class _Fetcher(FetcherInterface):
    """Metadata for python-tuf, which asks for a length itself."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def _fetch(self, url: str) -> Iterator[bytes]:
        with self._web.get(url) as answer:
            if answer.status != 200:
                raise DownloadHTTPError(f"the server answers {answer.status}", answer.status)
            yield from answer.chunks()


@contextmanager
def _translated(where: str, stop: threading.Event) -> Iterator[None]:
    """What python-tuf raises, in our words; it wraps what its fetcher raises."""
    try:
        yield
    except RepositoryError as error:
        raise UnavailableError(f"{where}: its metadata are refused ({_words(error)}); all goes on as before") from error
    except DownloadError as error:
        if stop.is_set():
            raise Stopped from error
        raise UnavailableError(f"{where}: {_words(error.__cause__ or error)}") from error
    except OSError as error:
        raise UnavailableError(f"metadata cannot be written ({error.strerror or error}); free space") from error


def _words(error: BaseException) -> str:
    return f"{str(error)[:200] or type(error).__name__}"


def _place(info: TargetFile) -> str:
    """Where a target's file is, with consistent snapshots (specification, section 6.2)."""
    folder, slash, name = info.path.rpartition("/")
    return f"{folder}{slash}{info.hashes['sha256']}.{name}"


def _ranges(begun: int, size_bytes: int) -> set[str]:
    rest = f"bytes{begun}-{size_bytes - 1}"
    return {f"{rest}/{size_bytes}", f"{rest}/*"}


def _strong(etag: str | None) -> str | None:
    """An ETag that If-Range takes; a weak one says nothing of bytes."""
    return etag if etag and etag.startswith('"') and len(etag) < 200 else None


def _open_part(path: Path) -> BinaryIO:
    try:
        return path.open("ab")
    except OSError as error:
        raise NotNowError(f"{path}: cannot be written ({error.strerror or error}); free space") from error


def _sync_all(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            sync(Path(place, name))
        sync(Path(place))
