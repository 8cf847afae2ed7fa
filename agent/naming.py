"""Which bin each region shows: fixed in settings, read from a label, or told by a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from agent.commands.bins import check_bin
from bintally.errors import InputError, UnavailableError
from bintally.files import write_atomically

FILE = "bin.txt"
log = structlog.get_logger()


class Naming:
    """The bins' names; used by one thread.

    Args:
        fixed: gives each region's name by settings, None where it may be called anything.
        station: what a bin is called that nobody names.
        read_labels: whether labels name the bins of regions without a fixed one; what has no readable label then has no name.
        state_dir: keeps the name that a command told over a restart.
    """

    def __init__(self, fixed: Callable[[], Sequence[str | None]], station: str, read_labels: bool, state_dir: Path) -> None:
        self._fixed, self._station, self.read_labels = fixed, station, read_labels
        self._path = state_dir / FILE
        self._labels: dict[int, str | None] = {}
        self._told = self._load()

    def forget_labels(self) -> None:
        """The regions are others: their labels are to be read again."""
        self._labels.clear()

    def known(self) -> tuple[str | None, ...]:
        """Each region's name by settings or by its label; None where a command may tell it."""
        return tuple(name or self._labels.get(number) for number, name in enumerate(self._fixed()))

    def current(self, number: int) -> str | None:
        """What a region's bin is called now; None while a label is to be read and none is seen."""
        name = self._fixed()[number]
        if name is not None:
            return name
        return self._labels.get(number) if self.read_labels else self._told or self._station

    def seen(self, number: int, label: str | None) -> None:
        """What a region's label says now."""
        self._labels[number] = label

    def tell(self, number: int, name: str) -> None:
        """A command names the bin.

        Raises:
            InputError: another name is fixed by settings, or its label says another one.
        """
        current = self.known()[number]
        if current == name:
            return
        if current is not None or self.read_labels:
            raise InputError(f"bin: the bin here is {current or 'not known, its label cannot be read'}, not {name}")
        self._told = name
        try:
            write_atomically(self._path, name)
        except UnavailableError as error:  # it holds until the next start
            log.warning("the bin's name is not kept", reason=str(error))

    def _load(self) -> str | None:
        try:
            name = self._path.read_text("utf-8")
            check_bin(name)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, InputError) as error:
            log.warning("the stored name of the bin is not usable", file=str(self._path), reason=str(error))
            return None
        return name
