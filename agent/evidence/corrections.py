"""Everything that people said about kept pictures, one JSON line each, only ever appended to."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from agent.evidence.entry import Label, name_for
from bintally.errors import InputError, UnavailableError
from bintally.files import sync


@dataclass(frozen=True)
class CorrectionResult:
    """A correction that is safely on disk.

    Attributes:
        event_id: of which count.
        quantity: what somebody says the bin held.
        previous: what was said before, None for nothing.
    """

    event_id: str
    quantity: int
    previous: int | None

    def words(self) -> str:
        """For people."""
        return f"{self.quantity} recorded" + ("" if self.previous in (None, self.quantity) else f" in place of {self.previous}")


def line(name: str, label: Label) -> bytes:
    """One correction as it is appended."""
    # a line that a kill left without its end must not swallow this one
    return b"\n" + json.dumps({"event_id": name, "quantity": label.quantity, "by": label.by, "at": label.at}).encode() + b"\n"


def append(path: Path, one: bytes) -> None:
    """Add a line and wait until it is on the disk.

    Raises:
        UnavailableError: it could not be written; the file is as it was.
    """
    try:
        with path.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                _write(file, one)
            except OSError:
                file.truncate(before)
                raise
        if before == 0:
            sync(path.parent)
    except OSError as error:
        raise UnavailableError(
            f"{path}: the correction cannot be written ({error.strerror or error}); free space and correct again"
        ) from error


def _write(file: FileIO, content: bytes) -> None:
    while content:
        content = content[file.write(content) :]
    os.fsync(file.fileno())


def newest(path: Path) -> dict[str, Label]:
    """The last correction of each picture; lines that a kill cut short are passed over.

    Raises:
        OSError: the file is there but cannot be read.
    """
    labels: dict[str, Label] = {}
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return labels
    for text in content.splitlines():
        try:
            told = json.loads(text)
            labels[name_for(told["event_id"])] = Label(told["quantity"], told["by"], told["at"])
        except (InputError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return labels
