"""A file of the literature, line by line: each error tells where."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from bintally.errors import InputError
from bintally.layouts.model import MOST_CELLS, MOST_M, nearest

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_MAX_SHOWN = 60


class Lines:
    """The file, line by line; knows where it is."""

    def __init__(self, data: bytes, file: str) -> None:
        self._lines = data.split(b"\n")
        self._file = file
        self.number = 0

    def take(self) -> str:
        """The next line that is not blank."""
        while self.number < len(self._lines):
            self.number += 1
            line = self._lines[self.number - 1].decode("latin-1").strip()
            if line:
                return line
        raise self.error("the file ends before EOF; it was cut off, or a count in it is too large")

    def expect(self, word: str) -> None:
        line = self.take()
        if line != word:
            raise self.error(f"{shown(line)} stands where {word} must; is a count above it wrong?")

    def count(self, *keys: str) -> tuple[str, int]:
        """Key and number of a line such as ``NUM_SKUS : 15``."""
        line = self.take()
        key, _, value = (part.strip() for part in line.partition(":"))
        if key not in keys:
            raise self.error(f"{shown(line)} stands where '{' or '.join(keys)} : …' must")
        return key, self.whole(key, value, 0, MOST_CELLS)

    def row(self, *keys: str, optional: str = "") -> dict[str, str]:
        """A line of ``KEY VALUE KEY VALUE …``."""
        line = self.take()
        words = line.split()
        row = dict(zip(words[::2], words[1::2], strict=False))
        if 2 * len(row) != len(words) or set(row) - {optional} != set(keys):
            raise self.error(f"{shown(line)} stands where '{' … '.join(keys)} …' must; is a count above it wrong?")
        return row

    def whole(self, key: str, text: str, low: int, high: int, line: int | None = None) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise self.error(f"{key} {shown(text)}: must be a whole number from {low} to {high}", line)
        return int(text)

    def number_at_least_0(self, key: str, text: str, line: int | None = None) -> float:
        if not _NUMBER.fullmatch(text) or not float(text) < MOST_M:
            raise self.error(f"{key} {shown(text)}: must be a number from 0 to below {MOST_M:g}", line)
        return float(text)

    def end(self) -> None:
        self.expect("EOF")
        if any(line.strip() for line in self._lines[self.number :]):
            raise self.error("something follows EOF; is a count above it wrong?")

    def error(self, text: str, line: int | None = None) -> InputError:
        return InputError(f"{self._file}, line {self.number if line is None else line}: {text}")


class Head:
    """The lines ``KEY : VALUE`` at the file's beginning; remembers where each one stood."""

    def __init__(self, lines: Lines, *, until: str, needed: Collection[str], known: Sequence[str]) -> None:
        self._lines, self._known = lines, known
        self._found: dict[str, tuple[str, int]] = {}
        while (line := lines.take()) != until:
            self._add(line, until)
        for key in needed:
            if key not in self:
                raise lines.error(f"{key} is missing above this line")

    def _add(self, line: str, until: str) -> None:
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise self._lines.error(f"{shown(line)} is neither 'KEY : VALUE' nor {until}; is this a file of the literature?")
        if key not in self._known:
            raise self._lines.error(f"unknown key {shown(key)}; {nearest(key, self._known)}")
        if key in self and key != "COMMENT":
            raise self._lines.error(f"{key} stands in line {self._found[key][1]} already")
        self._found[key] = (value, self._lines.number)

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def whole(self, key: str, low: int, high: int) -> int:
        return self._lines.whole(key, self._found[key][0], low, high, self._found[key][1])

    def number(self, key: str) -> float:
        return self._lines.number_at_least_0(key, *self._found[key])

    def word(self, key: str, *known: str) -> str:
        if self._found[key][0] not in known:
            raise self.error(key, f"must be {' or '.join(known)}")
        return self._found[key][0]

    def error(self, key: str, text: str) -> InputError:
        value, line = self._found[key]
        return self._lines.error(f"{key} {shown(value)}: {text}", line)


def shown(text: str) -> str:
    """A wrong value, in an error's one line."""
    return repr(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…")
