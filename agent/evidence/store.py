"""Pictures kept on disk within a quota; a kill at any step leaves each of them whole, or not there."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from agent.evidence import corrections
from agent.evidence.choose import Reason
from agent.evidence.corrections import CorrectionResult
from agent.evidence.entry import WORTH_LABELLED, Description, Entry, Kept, Label, digest, name_for, parse, to_give_up, worth_of
from agent.evidence.paths import Paths
from bintally.errors import BintallyError, InputError, UnavailableError
from bintally.files import sync, write_atomically
from bintally.messages import CountEvent

_MARK_BYTES = 64
"""Set aside for each picture, so that there is always room to note that it was uploaded."""
_HEADROOM = 0.01
_MAX_WHO = 200
log = structlog.get_logger()


class EvidenceStore:
    """The pictures of one station, held by one agent at a time; every public method may be called from any thread.

    Pictures without a label stand in ``unlabelled/``; a correction moves them into ABID's layout (``bin-images/``, ``metadata/``). Once
    there is no room, the oldest go: first those that were uploaded, then those drawn at random, the unsure ones, the mismatching ones,
    and last the corrected ones; nothing goes for a picture that is worth less. What others delete is let go, and what they put into the
    folder counts against the quota and is left alone.

    Args:
        folder: where to; made when it is first needed.
        max_bytes: the sum of the sizes of all files in it is never larger, except by what others put there.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._paths, self._max_bytes = Paths(folder), max_bytes
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] | None = None
        self._used = 0
        self._told = False

    @property
    def enabled(self) -> bool:
        """Whether anything is to be kept at all."""
        return self._max_bytes > 0

    @property
    def bytes_used(self) -> int:
        """Size of all files, with what is set aside; never waits for the disk."""
        return self._used

    def load(self) -> None:
        """Look at what is there and finish what a kill interrupted; the other methods do it when nobody did.

        Raises:
            UnavailableError: the folder cannot be made or read.
        """
        with self._lock:
            self._loaded()

    def keep(self, event: CountEvent, jpeg: bytes, reason: Reason) -> str | None:
        """Keep a count's picture.

        Returns:
            Its name; None where it could not be kept, because the disk is full or all that is there is worth more: this is logged once,
            and the agent goes on.
        """
        description = Description(event.model_dump(mode="json"), reason)
        with self._lock:
            try:
                name = name_for(event.id)
                if name not in self._loaded():
                    content = description.as_json()
                    if not self._make_room(len(jpeg) + len(content) + _MARK_BYTES, worth_of(reason), name):
                        raise UnavailableError(f"no room within {self._max_bytes} bytes for what is worth less than all that is kept")
                    self._write_new(name, description, jpeg)
            except (BintallyError, OSError) as error:
                self._tell(error)
                return None
            self._told = False
            return name

    def correct(
        self, event_id: str, quantity: int, by: str, at: datetime, picture: tuple[CountEvent, bytes] | None = None
    ) -> CorrectionResult:
        """Record what a bin held; it is on disk when this returns, and replaces what was said before.

        Args:
            event_id: of the count.
            quantity: items in the bin.
            by: who says so.
            at: when.
            picture: the count and its JPEG, kept now if it was not before.

        Raises:
            InputError: the quantity is none, or there is no picture of this count.
            UnavailableError: disk or quota are full; the correction may have to be made again.
        """
        name, label = name_for(event_id), Label(quantity, by[:_MAX_WHO], at.isoformat())
        with self._lock:
            if name in self._loaded() and not (self._paths.image(name).exists() or self._paths.loose_image(name).exists()):
                self._measure()  # somebody deleted it
            known = self._loaded().get(name)
            if known is None and picture is None:
                raise InputError(f"{name}: no picture of this count is kept any more; only newer counts can be corrected")
            try:
                return self._correct(name, label, known, picture)
            except OSError as error:
                raise UnavailableError(f"{self._paths.folder}: cannot be written ({error}); free space and correct again") from error

    def _correct(self, name: str, label: Label, known: Entry | None, picture: tuple[CountEvent, bytes] | None) -> CorrectionResult:
        line = corrections.line(name, label)
        jpeg = b"" if known is not None or picture is None else picture[1]
        if known is None and picture is not None:
            description = Description(picture[0].model_dump(mode="json"), "corrected")
        else:
            description = self._description(name) or Description(None, "corrected")
        labelled = replace(description, label=label)
        needed = len(line) + len(labelled.as_json()) + (len(jpeg) + len(description.as_json()) + _MARK_BYTES if jpeg else 0)
        if not self._make_room(needed, WORTH_LABELLED, name):
            raise UnavailableError(f"{self._paths.folder}: no room for this correction within {self._max_bytes} bytes; allow more")
        if jpeg:
            self._write_new(name, description, jpeg)
        corrections.append(self._paths.corrections, line)
        self._used += len(line)
        self._label(name, labelled)
        return CorrectionResult(name, label.quantity, known.label.quantity if known is not None and known.label is not None else None)

    def waiting(self) -> list[str]:
        """The names of what is to be uploaded, the most valuable first, of equal ones the oldest."""
        with self._lock:
            found = [entry for entry in self._loaded().values() if not entry.uploaded]
        return [entry.name for entry in sorted(found, key=lambda entry: (-entry.worth, entry.age))]

    def read(self, name: str) -> Kept | None:
        """A picture with its description; None where it is gone."""
        with self._lock:
            if name not in self._loaded():
                return None
            for image, metadata in (
                (self._paths.image(name), self._paths.metadata(name)),
                (self._paths.loose_image(name), self._paths.loose_metadata(name)),
            ):
                with suppress(OSError):
                    return Kept(name, image.read_bytes(), metadata.read_bytes())
            log.warning("kept picture is gone, or cannot be read", name=name)
            del self._loaded()[name]
            self._measure()
            return None

    def uploaded(self, name: str, description: bytes) -> None:
        """A server confirmed that it has a picture with this description.

        Raises:
            UnavailableError: the disk is full; it will be asked again.
        """
        with self._lock:
            entry = self._loaded().get(name)
            if entry is not None:
                sent = digest(description)
                self._loaded()[name] = replace(entry, sent=sent)  # first: a full disk must not make it travel again and again
                if self._make_room(_MARK_BYTES, WORTH_LABELLED, name):  # the old mark stands beside the new one for a moment
                    self._paths.make()
                    write_atomically(self._paths.mark(name), sent)

    def _write_new(self, name: str, description: Description, jpeg: bytes) -> None:
        """Write a picture after its description: what a kill leaves is not a picture."""
        content = description.as_json()
        try:
            self._paths.make()  # somebody may have deleted the folders
            write_atomically(self._paths.loose_metadata(name), content)
            write_atomically(self._paths.loose_image(name), jpeg)
        except BaseException:
            for path in self._paths.all_of(name):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        self._took(name, description, len(jpeg), None)

    def _label(self, name: str, description: Description) -> None:
        """Bring a picture into ABID's layout, or change its label there; may be repeated after a kill at any step."""
        self._paths.make()
        write_atomically(self._paths.metadata(name), description.as_json())
        loose, image = self._paths.loose_image(name), self._paths.image(name)
        if loose.exists():
            loose.replace(image)
            sync(image.parent)
            sync(loose.parent)
        self._paths.loose_metadata(name).unlink(missing_ok=True)
        self._took(name, description, image.stat().st_size, self._sent(name))

    def _took(self, name: str, description: Description, image_bytes: int, sent: str | None) -> None:
        content = description.as_json()
        known = self._loaded().get(name)
        entry = Entry(name, description.reason, description.label, digest(content), sent, image_bytes + len(content) + _MARK_BYTES)
        self._loaded()[name] = entry
        self._used += entry.size_bytes - (known.size_bytes if known else 0)

    def _sent(self, name: str) -> str | None:
        try:
            return self._paths.mark(name).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def _description(self, name: str) -> Description | None:
        """What stands beside a picture; None where nothing usable does."""
        for path in (self._paths.metadata(name), self._paths.loose_metadata(name)):
            with suppress(FileNotFoundError, InputError):
                return parse(path.read_bytes(), str(path))
        return None

    def _make_room(self, needed: int, worth: int, spare: str) -> bool:
        if self._used + needed <= self._max_bytes:
            return True
        self._measure()
        lacking = self._used + needed - self._max_bytes
        if lacking <= 0:
            return True
        entries = self._loaded().values()
        going = to_give_up(entries, lacking, lacking + int(self._max_bytes * _HEADROOM), worth, spare)
        for entry in going or ():
            self._remove(entry.name)
        return going is not None

    def _remove(self, name: str) -> None:
        for path in self._paths.all_of(name):
            path.unlink(missing_ok=True)
        self._used -= self._loaded().pop(name).size_bytes

    def _measure(self) -> None:
        """See what others deleted or added."""
        sizes = self._paths.sizes()
        entries = self._loaded()
        for name in [n for n in entries if self._paths.image(n) not in sizes and self._paths.loose_image(n) not in sizes]:
            self._remove(name)
        sizes = self._paths.sizes()
        self._used = sum(sizes.values()) + _MARK_BYTES * sum(self._paths.mark(name) not in sizes for name in entries)

    def _loaded(self) -> dict[str, Entry]:
        if self._entries is None:
            try:
                self._paths.make()
                self._load()
            except OSError as error:
                self._entries = None
                raise UnavailableError(f"{self._paths.folder}: cannot be read ({error}); check the disk and its permissions") from error
            except BaseException:
                self._entries = None
                raise
        entries = self._entries
        if entries is None:
            raise RuntimeError("the store was not loaded")
        return entries

    def _load(self) -> None:
        self._entries, self._used = {}, 0
        sizes = self._paths.sizes()
        for part in self._paths.parts(sizes):
            part.unlink(missing_ok=True)
        labels = corrections.newest(self._paths.corrections)
        pictures, rests = self._paths.names(sizes)
        for name in sorted(pictures):
            try:
                self._repair(name, labels.get(name))
            except (BintallyError, OSError) as error:
                log.warning("kept picture cannot be used", name=name, reason=str(error))
        for name in rests:
            for path in self._paths.all_of(name):
                path.unlink(missing_ok=True)
        self._measure()
        if not self._make_room(0, WORTH_LABELLED, ""):
            log.warning("evidence is larger than allowed, and what is too much is not the agent's", folder=str(self._paths.folder))

    def _repair(self, name: str, label: Label | None) -> None:
        description = self._description(name)
        label = label or (description.label if description else None)
        if description is None and label is None:
            log.warning("kept picture without a description, deleted", name=name)
            for path in self._paths.all_of(name):
                path.unlink(missing_ok=True)
            return
        description = description or Description(None, "corrected")
        whole = self._paths.image(name).exists() and not self._paths.loose_metadata(name).exists()
        if label is not None and (description.label != label or not whole):
            self._label(name, replace(description, label=label))
            return
        image = self._paths.image(name) if label is not None else self._paths.loose_image(name)
        self._took(name, description, image.stat().st_size, self._sent(name))

    def _tell(self, error: Exception) -> None:
        if not self._told:
            log.warning("pictures of counts are not kept for now", reason=str(error), folder=str(self._paths.folder))
        self._told = True
