"""Malformed input by the hundred thousand: good examples that were cut, flipped, nested and filled with what parsers dislike."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

_VALUE = re.compile(rb'(?<=[:=\[,])\s*("[^"]*"|[-+.\w]+|\{[^{}]*\}|\[[^\[\]]*\])')
_OPENING = re.compile(rb"[{\n]")
_Change = Callable[["Mutator", bytes], bytes]

COMMON = (
    *(b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"nan", b"-inf", b"null", b"true", b"{}", b"[]", b'""', b"-0", b"0.0", b"-1", b"1e400"),
    *(b"1e-400", b"9" * 18, b"9" * 40, b"9" * 5000, b"-" + b"9" * 400, b"0x" + b"f" * 5000, b"1." + b"3" * 400, b"1__0", b"00", b"0b1"),
    *(rb'"\ud800"', rb'"\udc00\ud800"', rb'"\u0000"', b'"\xed\xa0\x80"', b'"\xff"', b'"\x00"', b'"\xc0\x80"', '"\U0010ffff"'.encode()),
    *(b'"' + b"x" * 300 + b'"', b'"' + "é".encode() * 150 + b'"', b'"9999-12-31T23:59:59-23:59"', b'"0001-01-01T00:00:00+23:59"'),
    *(b"[" * 300, b"[" * 60 + b"]" * 60, b'{"a":' * 300, b'{"a":' * 60 + b"1" + b"}" * 60, b"{a=" * 300, b"[" * 3000, b"\xef\xbb\xbf"),
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"=", b"\n", b"\r\n", b"#", b"\x00", b"\xe2\x80\xa8", b"/*", b"'''", b'"""'),
)
"""What parsers of JSON or TOML stumble over: numbers, surrogates, times, depth, quotes."""


class Mutator:
    """Changes good examples.

    Args:
        examples: good input of one language.
        keys: names to put in twice, or where they do not belong.
        separator: between a name and its value.
        end: behind a value.
        seed: of the changes.
    """

    def __init__(self, examples: Sequence[bytes], keys: Sequence[bytes], separator: bytes, end: bytes, seed: int) -> None:
        self._examples, self._keys, self._separator, self._end = examples, keys, separator, end
        self._random = random.Random(seed)  # noqa: S311 - no secret

    def many(self, number: int) -> Iterator[bytes]:
        """So many inputs; a few of them are good by accident."""
        pick, changes = self._random.choice, (*_CHANGES,)
        for _ in range(number):
            data = pick(self._examples)
            for _ in range(pick((1, 1, 1, 2, 3))):
                data = pick(changes)(self, data)
            yield data

    def _at(self, data: bytes) -> int:
        return int(self._random.random() * (len(data) + 1))

    def flip(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + bytes((int(self._random.random() * 256),)) + data[at + 1 :]

    def cut(self, data: bytes) -> bytes:
        return data[: self._at(data)]

    def remove(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + data[at + 1 + int(self._random.random() * 12) :]

    def insert(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + self._random.choice(COMMON) + data[at:]

    def splice(self, data: bytes) -> bytes:
        other = self._random.choice(self._examples)
        return data[: self._at(data)] + other[self._at(other) :]

    def noise(self, _: bytes) -> bytes:
        return self._random.randbytes(int(self._random.random() * 80))

    def other_value(self, data: bytes) -> bytes:
        found = [match.span() for match in _VALUE.finditer(data)]
        if not found:
            return self.insert(data)
        first, last = self._random.choice(found)
        return data[:first] + self._random.choice(COMMON) + data[last:]

    def other_key(self, data: bytes) -> bytes:
        """A name twice, in a place that is not its own, or with a value of another kind."""
        found = [match.end() for match in _OPENING.finditer(data)] or [0]
        at = self._random.choice(found)
        return data[:at] + self._random.choice(self._keys) + self._separator + self._random.choice(COMMON) + self._end + data[at:]

    def nest(self, data: bytes) -> bytes:
        at, depth = self._at(data), self._random.choice((1, 10, 150, 250, 2000))
        return data[:at] + b"[" * depth + data[at:] + b"]" * depth


_CHANGES: tuple[_Change, ...] = (
    *(Mutator.flip, Mutator.cut, Mutator.remove, Mutator.insert, Mutator.splice, Mutator.noise),
    *(Mutator.other_value, Mutator.other_value, Mutator.other_value, Mutator.other_key, Mutator.other_key, Mutator.nest),
)
