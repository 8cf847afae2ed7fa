"""Where pictures are: whole files, and beside them, apart, the beginnings of others.

``{folder}/{site}/{station}/{name}`` is a whole file, ``{folder}/{site}/{station}/.parts/{name}.{digest}`` the beginning of one, named with
the digest that the whole will have. A part becomes a file by a rename, after it was checked and is on the disk.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from bintally.files import make_folder, sync
from bintally.topics import Station, encode
from warehouse.api.evidence.protocol import JSON_BYTES, Span, kind_of, refuse_content
from warehouse.api.problems import RefusedError

PARTS = ".parts"
_LONGEST_LEVEL = 200
_MOST_PARTS = 64
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class There:
    """What is there of a file.

    Attributes:
        digest: SHA-256 of the whole.
        size: bytes that are there.
        whole: whether that is all of it.
    """

    digest: bytes
    size: int
    whole: bool


class Files:
    """A folder of pictures with a bound on its size.

    Args:
        folder: made where there is none.
        max_bytes: of all files in it.
        picture_bytes: of one picture.

    Raises:
        UnavailableError: the folder cannot be made or looked through.
    """

    def __init__(self, folder: Path, max_bytes: int, picture_bytes: int) -> None:
        self.folder, self.max_bytes, self._picture_bytes = make_folder(folder), max_bytes, picture_bytes
        self._lock = threading.Lock()
        self._busy: set[Path] = set()
        self._used = sum(size for _, size, _ in self.walk())

    @property
    def used_bytes(self) -> int:
        """Bytes of all files."""
        return self._used

    def path(self, station: Station, name: str) -> Path:
        """Where a file is, or would be.

        Raises:
            RefusedError: it is no name of a picture.
        """
        kind_of(name)
        return self.folder / named(station) / name

    def there(self, path: Path) -> There | None:
        """What there is of a file; of a part and a whole one, the part, for that is newer."""
        part = _part_of(path)
        with suppress(FileNotFoundError):
            if part is not None:
                return There(bytes.fromhex(part.name.rpartition(".")[2]), part.stat().st_size, whole=False)
        with suppress(FileNotFoundError):
            return There(_digest(path), path.stat().st_size, whole=True)
        return None

    @contextmanager
    def upload(self, path: Path, digest: bytes, span: Span) -> Iterator[Upload]:
        """Take a file, or the rest of one. What came stays as a part unless ``commit`` or ``discard`` ends it.

        Raises:
            RefusedError: it is too large, another upload of the same file is under way, there is no such part to go on from, or no room.
        """
        most = JSON_BYTES if path.suffix == ".json" else self._picture_bytes
        if (span.total or 0) > most:
            raise _too_large(most)
        with self._lock:
            if path in self._busy:
                raise RefusedError(HTTPStatus.CONFLICT, "this file is being uploaded already; come again later")
            self._busy.add(path)
        try:
            part = path.parent / PARTS / f"{path.name}.{digest.hex()}"
            self._begin(path, part, span)
            with part.open("ab", buffering=0) as file:
                yield Upload(self, path, part, digest, file, most)
        except OSError as error:
            raise RefusedError(HTTPStatus.INSUFFICIENT_STORAGE, f"it cannot be written ({error.strerror or error})", _LATER) from error
        finally:
            with self._lock:
                self._busy.discard(path)

    def _begin(self, path: Path, part: Path, span: Span) -> None:
        """Leave of all parts of this file the one that this upload goes on from."""
        if span.first and (not part.exists() or part.stat().st_size != span.first):
            raise RefusedError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"no part of this file ends at byte {span.first}; ask with HEAD")
        self._refuse_full((span.total or 0) - span.first)
        if not part.parent.exists():
            make_folder(part.parent)
            for folder in (path.parent, path.parent.parent, self.folder):
                sync(folder)
        parts = sorted(part.parent.iterdir(), key=lambda one: one.stat().st_mtime)
        surplus = parts[: max(0, len(parts) - _MOST_PARTS)]
        for one in parts:
            if one in surplus or (one.name.startswith(f"{path.name}.") and (one != part or not span.first)):
                self.remove(one)

    def reserve(self, size: int) -> None:
        """Room for so many bytes more.

        Raises:
            RefusedError: there is none.
        """
        with self._lock:
            self._refuse_full(size)
            self._used += size

    def _refuse_full(self, size: int) -> None:
        if self._used + size > self.max_bytes:
            text = "there is no room for more pictures at the moment; come again later"
            raise RefusedError(HTTPStatus.INSUFFICIENT_STORAGE, text, _LATER)

    def found(self, size: int, thought: int) -> None:
        """Set right what was thought to be there when somebody began to look, where others removed files, or a disk was full."""
        with self._lock:
            self._used += size - thought

    def remove(self, path: Path) -> int:
        """Remove a file; its size, 0 where there was none."""
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        with self._lock:
            self._used -= size
        return size

    def walk(self) -> Iterator[tuple[Path, int, float]]:
        """Every file: path, bytes, when it was written."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):
                    found = path.lstat()
                    yield path, found.st_size, found.st_mtime


def _too_large(most: int) -> RefusedError:
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the file is too large; at most {most:,} bytes of its kind are kept")


_LATER = {"Retry-After": "60"}


class Upload:
    """A file on its way."""

    def __init__(self, files: Files, path: Path, part: Path, digest: bytes, file: BinaryIO, max_bytes: int) -> None:
        self._files, self._path, self._part, self._digest, self._file, self._max_bytes = files, path, part, digest, file, max_bytes

    def write(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            RefusedError: the file is too large, or there is no room.
        """
        if self._file.tell() + len(piece) > self._max_bytes:
            self.discard()
            raise _too_large(self._max_bytes)
        self._files.reserve(len(piece))
        while piece:
            piece = piece[self._file.write(piece) :]

    def check(self) -> None:
        """Look whether all of it came, and is what it says.

        Raises:
            RefusedError: it has another digest, or is no JPEG; it is thrown away.
        """
        if _digest(self._part) != self._digest:
            self.discard()
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "what came has another digest than Repr-Digest, and was thrown away")
        with self._part.open("rb") as file:
            head = file.read(3)
            file.seek(-min(2, self._part.stat().st_size), os.SEEK_END)
            tail = file.read()
        try:
            refuse_content(kind_of(self._path.name), head, tail)
        except RefusedError:
            self.discard()
            raise

    def content(self) -> bytes:
        """All of it; for descriptions, which are small."""
        return self._part.read_bytes()

    def commit(self) -> bool:
        """Put it where it belongs; whether nothing was there before."""
        os.fsync(self._file.fileno())
        replaced = self._path.stat().st_size if self._path.exists() else None
        self._part.replace(self._path)
        sync(self._path.parent)
        if replaced is not None:
            self._files.reserve(-replaced)
        return replaced is None

    def discard(self) -> None:
        """Throw away what came."""
        self._files.remove(self._part)


def named(station: Station) -> Path:
    """A station's folder, below that of all."""
    return Path(_level(station.site), _level(station.station))


def _level(name: str) -> str:
    """A folder's name; of names that a file system cannot have, a hash. ``~`` is in no encoded name."""
    encoded = encode(name)
    plain = len(encoded) <= _LONGEST_LEVEL and not encoded.startswith(".")
    return encoded if plain else f"~{hashlib.sha256(name.encode()).hexdigest()}"


def _part_of(path: Path) -> Path | None:
    """The newest beginning of a file."""
    with suppress(FileNotFoundError):
        found = [one for one in (path.parent / PARTS).iterdir() if one.name.startswith(f"{path.name}.")]
        return max(found, key=lambda one: one.stat().st_mtime, default=None)
    return None


def _digest(path: Path) -> bytes:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            hasher.update(piece)
    return hasher.digest()
