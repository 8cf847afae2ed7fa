"""Where fetched files go: a folder in ABID's layout, or a bucket of one's own."""

from __future__ import annotations

import fcntl
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bintally import abid
from bintally.errors import UnavailableError, UsageError
from bintally.files import make_folder, write_atomically
from trainer.data.fetching.s3 import Bucket, md5_of

RECORD = "fetch.jsonl"
_MD5_NOTE, _SIZE_NOTE = "bintally-md5", "bintally-size"


@dataclass(frozen=True)
class Found:
    """What stands in a place: the MD5 of its content, and the one that was recorded for it; None where fetch did not put it there."""

    md5: str
    recorded: str | None

    @property
    def whole(self) -> bool:
        return self.md5 == self.recorded


class Destination(Protocol):
    """Where files go; every method may be called from any thread. Keys are the data set's: ``bin-images/<id>.jpg``.

    All raise UnavailableError where nothing can be kept, for instance because the disk is full; a file is kept whole or not at all.
    """

    where: str

    def find(self, key: str) -> Found | None:
        """What stands in a key's place."""

    def keep(self, key: str, content: bytes) -> None:
        """Store a file, then record it."""

    def adopt(self, key: str, md5: str) -> None:
        """Record a file that stands there already."""

    def quantity(self, image_id: str) -> int | None:
        """The count of an image that was looked at before, None where that is not known."""

    def remember(self, image_id: str, quantity: int) -> None:
        """Record an image's count, so that another run need not look again."""

    def write(self, name: str, text: str) -> None:
        """Store a file beside the data set."""

    def close(self) -> None:
        """Let go of what is held."""


class Folder:
    """A folder in ABID's layout; ``fetch.jsonl`` in it records each file after it is safely there.

    The record holds a line for each file, ``{"key": …, "md5": …}``, and for each image of which only the count was asked,
    ``{"id": …, "quantity": …}``. A line that was torn off by a crash is ignored, and its file found to be whole by asking the source.

    Raises:
        UsageError: another fetch is at work in it.
        UnavailableError: it cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path, self._lock = path, threading.Lock()
        for name in (abid.IMAGES, abid.METADATA):
            make_folder(path / name)
        self._md5s: dict[str, bytes] = {}
        self._quantities: dict[str, int] = {}
        try:
            self._record = (path / RECORD).open("a+b", buffering=0)
        except OSError as error:
            raise UnavailableError(f"{path / RECORD}: cannot be written ({error.strerror or error}); choose another folder") from error
        try:
            fcntl.flock(self._record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._load()
            self._tidy()
        except BlockingIOError as error:
            self._record.close()
            raise UsageError(f"{path}: another fetch is at work in this folder; wait for it, or name another folder") from error
        except OSError as error:
            self._record.close()
            raise UnavailableError(f"{path}: cannot be used ({error.strerror or error}); choose another folder") from error

    def _tidy(self) -> None:
        for name in (abid.IMAGES, abid.METADATA):
            for part in (self._path / name).glob(".*.part"):
                part.unlink()  # of a fetch that was killed

    def _load(self) -> None:
        self._record.seek(0)
        line = b"\n"
        with open(self._record.fileno(), "rb", closefd=False) as lines:
            for line in lines:
                self._recall(line)
        if not line.endswith(b"\n"):
            self._record.write(b"\n")

    def _recall(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            if "key" in entry:
                self._md5s[entry["key"]] = bytes.fromhex(entry["md5"])
            else:
                self._quantities[entry["id"]] = int(entry["quantity"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return

    def find(self, key: str) -> Found | None:
        try:
            content = (self._path / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"{self._path / key}: cannot be read ({error.strerror}); mend or remove it") from error
        recorded = self._md5s.get(key)
        return Found(md5_of(content), None if recorded is None else recorded.hex())

    def keep(self, key: str, content: bytes) -> None:
        write_atomically(self._path / key, content)
        self.adopt(key, md5_of(content))

    def adopt(self, key: str, md5: str) -> None:
        self._md5s[key] = bytes.fromhex(md5)
        self._append({"key": key, "md5": md5})

    def quantity(self, image_id: str) -> int | None:
        return self._quantities.get(image_id)

    def remember(self, image_id: str, quantity: int) -> None:
        self._quantities[image_id] = quantity
        self._append({"id": image_id, "quantity": quantity})

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        with self._lock:
            try:
                self._record.write(line)
            except OSError as error:
                raise UnavailableError(f"{self._path / RECORD}: cannot be written ({error.strerror}); free space and run again") from error

    def write(self, name: str, text: str) -> None:
        write_atomically(self._path / name, text)

    def close(self) -> None:
        self._record.close()


class OwnBucket:
    """A bucket of one's own. An object is stored whole or not at all, with the MD5 and size that were sent in its metadata.

    Counts that were looked at are not recorded: another run looks again.
    """

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        """Raises what ``Bucket.check`` does."""
        bucket.check()
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        self.where = f"s3://{bucket.name}/{prefix}"

    def find(self, key: str) -> Found | None:
        head = self._bucket.head(self._prefix + key)
        if head is None:
            return None
        recorded = head.notes.get(_MD5_NOTE)
        if recorded is None:
            return Found(head.etag, None)
        # The ETag of an object that is encrypted with a key is no MD5, so the size decides.
        return Found(recorded if head.notes.get(_SIZE_NOTE) == str(head.size_bytes) else head.etag, recorded)

    def keep(self, key: str, content: bytes) -> None:
        self._bucket.put(self._prefix + key, content, {_MD5_NOTE: md5_of(content), _SIZE_NOTE: str(len(content))})

    def adopt(self, key: str, md5: str) -> None:
        """Nothing to record: the source is asked again another time."""

    def quantity(self, image_id: str) -> int | None:  # noqa: ARG002
        return None

    def remember(self, image_id: str, quantity: int) -> None:
        """Nothing is recorded."""

    def write(self, name: str, text: str) -> None:
        self._bucket.put(self._prefix + name, text.encode(), {})

    def close(self) -> None:
        """Nothing is held."""


def open_destination(to: str, endpoint_url: str | None, connections: int, stop: threading.Event) -> Destination:
    """A folder, or with ``s3://bucket/prefix`` a bucket that is reached with the user's own credentials.

    Raises:
        UsageError: the destination is not of the right form, or another fetch is at work in it.
        UnavailableError: it cannot be written to, is out of reach, or there are no credentials.
    """
    if not to.startswith("s3://"):
        if endpoint_url is not None:
            raise UsageError(f"--to-endpoint-url goes with --to s3://bucket/prefix, but --to is {to}")
        return Folder(Path(to))
    name, prefix = split_url(to)
    return OwnBucket(Bucket(name, endpoint_url=endpoint_url, region=None, signed=True, connections=connections, stop=stop), prefix)


def split_url(url: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket/prefix``.

    Raises:
        UsageError: it names no bucket.
    """
    found = re.fullmatch("s3://([^/]+)/*(.*?)/*", url)
    if found is None:
        raise UsageError(f"{url}: names no bucket; it looks like s3://bucket/prefix")
    return found[1], found[2]
