"""How far each epoch went, in small files outside the database: tells when an older copy of the database was put back."""

from __future__ import annotations

import contextlib
import mmap
import re
import struct
from pathlib import Path

from bintally.errors import UnavailableError
from bintally.files import make_folder

_NUMBER = struct.Struct("<Q")
_NAME = re.compile(r"[0-9a-f]{22}")


class Marks:
    """The highest committed sequence number of each epoch.

    The file of the present epoch is mapped into memory, so that a mark costs no system call and still survives a kill. It is
    not synced: after a power cut it may be lower than the database, which then is right; a mark is evidence only where it is higher.
    """

    def __init__(self, folder: Path) -> None:
        """Open or make the folder of the marks.

        Raises:
            UnavailableError: it cannot be made.
        """
        self._folder = make_folder(folder)
        self._map: mmap.mmap | None = None
        self._own = ""

    def begin(self, epoch: str) -> None:
        """Make the mark of the present epoch.

        Raises:
            UnavailableError: the disk is full or the folder cannot be written to.
        """
        path = self._folder / epoch
        try:
            # written before it is mapped: a page of a file that has no place on the disk would kill the process
            path.write_bytes(_NUMBER.pack(0))
            with path.open("r+b") as handle:
                self._map = mmap.mmap(handle.fileno(), _NUMBER.size)
        except OSError as error:
            raise UnavailableError(
                f"{path}: cannot be written ({error.strerror}); free disk space or choose another --state-dir"
            ) from error
        self._own = epoch

    def set(self, seq: int) -> None:
        """The present epoch went so far."""
        if self._map is not None:
            self._map[:] = _NUMBER.pack(seq)

    def read(self) -> dict[str, int]:
        """The mark of each epoch, oldest epoch first; one that was cut short counts as 0."""
        found = {}
        for path in sorted(self._folder.iterdir()):
            if _NAME.fullmatch(path.name):
                content = path.read_bytes()
                found[path.name] = _NUMBER.unpack(content)[0] if len(content) == _NUMBER.size else 0
        return found

    def drop(self, epoch: str) -> None:
        """Remove the mark of an epoch of which nothing waits any more; the present one's stays."""
        if epoch != self._own:
            with contextlib.suppress(OSError):
                (self._folder / epoch).unlink()

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
            self._map = None
