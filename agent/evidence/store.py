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
from agent.evidence.paths import UNLABELLED, UPLOADED, Paths, Sizes, names
from bintally import abid
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
        self._told = self._told_full = False

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
            Its name; None where it could not be kept, because the disk is full or all that is there is worth more: either is logged once,
            and the agent goes on.
        """
        description = Description(event.model_dump(mode="json"), reason)
        with self._lock:
            try:
                name = name_for(event.id)
                if name not in self._loaded():
                    content = description.as_json()
                    if not self._make_room(len(jpeg) + len(content) + _MARK_BYTES, worth_of(reason), name):
                        self._tell_full(reason)
                        return None
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
            found = self._description(name)
            description = found[0] if found else Description(None, "corrected")
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
        self._took(name, description, content, len(jpeg), None)

    def _label(self, name: str, description: Description) -> None:
        """Bring a picture into ABID's layout, or change its label there; may be repeated after a kill at any step."""
        self._paths.make()
        content = description.as_json()
        write_atomically(self._paths.metadata(name), content)
        loose, image = self._paths.loose_image(name), self._paths.image(name)
        if loose.exists():
            loose.replace(image)
            sync(image.parent)
            sync(loose.parent)
        self._paths.loose_metadata(name).unlink(missing_ok=True)
        self._took(name, description, content, image.stat().st_size, self._sent(name))

    def _took(self, name: str, description: Description, content: bytes, image_bytes: int, sent: str | None) -> None:
        known = self._loaded().get(name)
        entry = Entry(name, description.reason, description.label, digest(content), sent, image_bytes + len(content) + _MARK_BYTES)
        self._loaded()[name] = entry
        self._used += entry.size_bytes - (known.size_bytes if known else 0)

    def _sent(self, name: str) -> str | None:
        try:
            return self._paths.mark(name).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def _description(self, name: str) -> tuple[Description, bytes] | None:
        """What stands beside a picture, read and as it is; None where nothing usable does."""
        for path in (self._paths.metadata(name), self._paths.loose_metadata(name)):
            with suppress(FileNotFoundError, InputError):
                content = path.read_bytes()
                return parse(content, str(path)), content
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
        self._delete_files(name)
        self._used -= self._loaded().pop(name).size_bytes

    def _measure(self) -> None:
        """See what others deleted or added."""
        sizes, entries = self._paths.sizes(), self._loaded()
        images = sizes.get(UNLABELLED, {}).keys() | sizes.get(abid.IMAGES, {}).keys()
        gone = [name for name in entries if f"{name}.jpg" not in images]
        for name in gone:
            self._remove(name)
        sizes = self._paths.sizes() if gone else sizes
        for name, entry in entries.items():
            there = sum(files.get(f"{name}{ending}", 0) for files in sizes.values() for ending in (".jpg", ".json"))
            entries[name] = replace(entry, size_bytes=there + _MARK_BYTES)
        unmarked = entries.keys() - sizes.get(UPLOADED, {}).keys()
        self._used = sum(sum(files.values()) for files in sizes.values()) + _MARK_BYTES * len(unmarked)

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
        self._paths.remove_parts(sizes)
        labels = corrections.newest(self._paths.corrections)
        pictures, rests = names(sizes)
        for name in sorted(pictures):
            try:
                self._repair(name, labels.get(name), sizes)
            except (BintallyError, OSError) as error:
                log.warning("kept picture cannot be used", name=name, reason=str(error))
        for name in rests:
            self._delete_files(name)
        self._measure()
        if not self._make_room(0, WORTH_LABELLED, ""):
            log.warning("evidence is larger than allowed, and what is too much is not the agent's", folder=str(self._paths.folder))

    def _repair(self, name: str, label: Label | None, sizes: Sizes) -> None:
        """Take in a picture, after what a kill left undone is done."""
        found = self._description(name)
        description, content = found or (Description(None, "corrected"), b"")
        label = label or description.label
        if found is None and label is None:
            log.warning("kept picture without a description, deleted", name=name)
            self._delete_files(name)
            return
        folder = UNLABELLED if label is None else abid.IMAGES
        whole = f"{name}.jpg" in sizes[folder] and (label is None or f"{name}.json" not in sizes[UNLABELLED])
        if label is not None and (description.label != label or not whole):
            self._label(name, replace(description, label=label))
            return
        sent = self._sent(name) if name in sizes[UPLOADED] else None
        self._took(name, description, content, sizes[folder][f"{name}.jpg"], sent)

    def _delete_files(self, name: str) -> None:
        for path in self._paths.all_of(name):
            path.unlink(missing_ok=True)

    def _tell_full(self, reason: Reason) -> None:
        if not self._told_full:
            log.info("evidence is full of what is worth more", refused=reason, max_bytes=self._max_bytes)
        self._told_full = True

    def _tell(self, error: Exception) -> None:
        if not self._told:
            log.warning("pictures of counts are not kept for now", reason=str(error), folder=str(self._paths.folder))
        self._told = True
