"""Which pictures go when there is no room, or when they are too old."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bintally.errors import BintallyError, InputError
from bintally.topics import Station, decode
from warehouse.api.evidence.files import PARTS, Files, named
from warehouse.ledger import Ledger
from warehouse.ledger.evidence import Key, corrected, shown_by_open

_PART_S = 86_400.0
_FULL, _AFTER = 0.95, 0.9
"""From this share of the space on, pictures go until this one is left: so not every new one makes a sweep necessary."""
_PLAIN, _CORRECTED, _OPEN = 0, 1, 2
log = structlog.get_logger()


@dataclass
class _Picture:
    """A picture and its description."""

    worth: int
    written_s: float = 0.0
    size: int = 0
    files: list[Path] = field(default_factory=list)


def sweep(files: Files, oldest_s: float | None, now_s: float, spoken_of: Collection[Key], shown: Collection[Key]) -> int:
    """Remove what is too old; then, where it is full, the oldest: those that nobody spoke of first, those of open discrepancies last.

    Args:
        files: of which folder.
        oldest_s: a picture that is older goes, unless it shows an open discrepancy; None: none is too old.
        now_s: Unix seconds.
        spoken_of: counts that somebody corrected.
        shown: counts that show open discrepancies.

    Returns:
        How many files went.
    """
    worths = {**dict.fromkeys(_stems(spoken_of), _CORRECTED), **dict.fromkeys(_stems(shown), _OPEN)}
    pictures: dict[Path, _Picture] = {}
    removed, thought, found = 0, files.used_bytes, 0
    for path, size, written_s in files.walk():
        found += size
        if path.parent.name == PARTS:
            removed += written_s < now_s - _PART_S and files.remove(path) > 0
            continue
        stem = path.relative_to(files.folder).with_suffix("")
        one = pictures.setdefault(stem, _Picture(worths.get(stem, _PLAIN)))
        one.written_s, one.size = max(one.written_s, written_s), one.size + size
        one.files.append(path)
    files.found(found, thought)
    crowded, aim = files.used_bytes > _FULL * files.max_bytes, _AFTER * files.max_bytes
    for one in sorted(pictures.values(), key=lambda picture: (picture.worth, picture.written_s)):
        too_old = oldest_s is not None and one.written_s < now_s - oldest_s and one.worth < _OPEN
        if too_old or (crowded and files.used_bytes > aim):
            removed += sum(files.remove(path) > 0 for path in one.files)
    return removed


def _stems(keys: Collection[Key]) -> set[Path]:
    found = set()
    for source, event_id in keys:
        with suppress(InputError, ValueError):
            site, station = source.split("/")
            found.add(named(Station(decode(site), decode(station))) / event_id)
    return found


class Sweeper:
    """Sweeps now and then, in its own thread named ``evidence``.

    Args:
        files: of which folder.
        ledger: knows what must not go yet.
        days: older pictures go; None: none is too old.
        clock: gives Unix seconds.
        every_s: seconds between two sweeps.
    """

    def __init__(self, files: Files, ledger: Ledger, days: float | None, clock: Callable[[], float], every_s: float = 60.0) -> None:
        self._files, self._ledger, self._clock, self._every_s = files, ledger, clock, every_s
        self._oldest_s = None if days is None else days * 86_400
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    def sweep(self) -> int:
        """Sweep once; how many files went.

        Raises:
            UnavailableError: the ledger does not answer; then nothing goes.
        """
        with self._ledger.read() as tx:
            spoken_of, shown = corrected(tx), shown_by_open(tx)
        return sweep(self._files, self._oldest_s, self._clock(), spoken_of, shown)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                removed = self.sweep()
                if removed:
                    log.info("old pictures removed", files=removed, left_bytes=self._files.used_bytes)
            except BintallyError as error:
                log.warning("pictures are not swept", reason=str(error))
            except Exception:  # the top of the thread: whatever it is, sweeping must go on
                log.exception("pictures are not swept")
