"""The two slots and the record on the disk.

{state_dir}/updates/
  update.json        the record, replaced atomically
  a.onnx, b.onnx     the slots; what is in one counts only where the record names it, with its digest
  part, part.json    a download, and of what it is the beginning
  tuf/               verified metadata
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import structlog

from agent.updater.machine import Damaged, Event, advance
from agent.updater.record import Record, Slot, parse_record
from bintally.errors import InputError, UnavailableError
from bintally.files import make_folder, sync, write_atomically

_CHUNK_BYTES = 1 << 20
log = structlog.get_logger()


class Slots:
    """The folder of updates, for one process at a time.

    Args:
        state_dir: existing folder of the agent.

    Raises:
        UnavailableError: the folder cannot be made.
    """

    def __init__(self, state_dir: Path) -> None:
        self.folder = make_folder(state_dir / "updates")
        self.part, self.metadata = self.folder / "part", self.folder / "tuf"
        self._note, self._file = self.folder / "part.json", self.folder / "update.json"

    def load(self) -> Record:
        """The record; an empty one where there is none, or where it was damaged: then the shipped bundle counts, and all is fetched again."""
        try:
            return parse_record(self._file.read_bytes())
        except FileNotFoundError:
            return Record()
        except (InputError, OSError) as error:
            log.warning("the record of updates is not usable; the shipped bundle counts", reason=str(error), file=self._put_aside())
            return Record()

    def save(self, record: Record) -> None:
        """Replace the record.

        Raises:
            UnavailableError: the disk is full; the old one is untouched.
        """
        write_atomically(self._file, record.model_dump_json(by_alias=True))

    def path(self, slot: Slot) -> Path:
        """A slot's file."""
        return self.folder / f"{slot}.onnx"

    def holds(self, slot: Slot, digest: str) -> bool:
        """Whether a slot's file is whole: this very bundle."""
        return sha256_of(self.path(slot)) == digest

    def install(self, slot: Slot) -> None:
        """Rename the part, which was verified, into a slot that the record does not name.

        Raises:
            UnavailableError: the disk does not take it.
        """
        try:
            sync(self.part)
            self.part.replace(self.path(slot))
            self._note.unlink(missing_ok=True)
            sync(self.folder)
        except OSError as error:
            raise UnavailableError(f"{self.path(slot)}: cannot be written ({error.strerror or error}); look after the disk") from error

    def begun(self, digest: str) -> tuple[int, str | None]:
        """How many bytes of a bundle are here, and the ETag that they came with; a part of another one is dropped."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            if note["digest"] == digest:
                etag = note["etag"]
                return self.part.stat().st_size, etag if isinstance(etag, str) else None
        except (OSError, ValueError, KeyError, TypeError):  # none, or cut while it was written
            pass
        self.drop_part()
        return 0, None

    def begin(self, digest: str, etag: str | None) -> None:
        """What the part is going to be the beginning of; an earlier one is dropped.

        Raises:
            UnavailableError: the disk is full.
        """
        self.drop_part()
        write_atomically(self._note, json.dumps({"digest": digest, "etag": etag}))

    def drop_part(self) -> None:
        """Forget what was downloaded."""
        for path in (self._note, self.part):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _put_aside(self) -> str:
        aside = self._file.with_name(f"update.json.damaged-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%f}")
        try:
            self._file.replace(aside)
        except OSError as error:
            return f"cannot be put aside ({error.strerror or error})"
        return aside.name


def start_bundle(slots: Slots, record: Record, shipped: Path) -> tuple[Record, Path]:
    """What is to be opened, proven whole before anybody opens it: the slot that counts, else the one before it, else the shipped bundle.

    Returns:
        The record without the slots that were found damaged, not yet saved; and the bundle.
    """
    while (slot := record.running_slot()) is not None:
        model = record.slot(slot)
        if model is not None and slots.holds(slot, model.digest):
            return record, slots.path(slot)
        log.warning("a bundle is damaged on the disk", slot=slot, model=model and f"{model.name} {model.version}")
        record = advance(record, Damaged(slot))
    return record, shipped


def apply(slots: Slots, record: Record, event: Event) -> Record:
    """Advance, and save what changed before anybody acts on it.

    Raises:
        UnavailableError: the disk is full; the event has not happened.
    """
    changed = advance(record, event)
    if changed is not record:
        slots.save(changed)
    return changed


def sha256_of(path: Path) -> str | None:
    """Digest of a file; None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
