"""Which images to fetch: lists of ids in the forms that people have, and the choice of so many of each class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bintally.errors import InputError
from trainer.data.label_list import parse_list
from trainer.evaluation.metrics import MAX_COUNT, class_name

Labels = Mapping[str, "int | None"]
"""Ids in the order of their list, each with its count, or with None where the list gives none."""

ALL_CLASSES = frozenset(range(MAX_COUNT + 2))
MOST_ITEMS = 999
"""No bin holds more; a list with larger counts is a list of something else."""

_FORMS = "one id a line, or JSON: [id, …], the challenge's [[index, count], …] or the capstone's {'<count>': [paths …], …}"


def image_name(number: int) -> str:
    """An id as ABID writes it: at least five digits."""
    return f"{number:05}"


def read_ids(path: Path) -> dict[str, int | None]:
    """Read a list of ids, with or without counts.

    Args:
        path: a text file with one id a line, or JSON: a list of ids, or one of the lists that ``trainer.data.label_list`` reads.

    Raises:
        InputError: the file is missing, damaged, empty, names an image twice, or may mean more than one thing.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; name a list of ids: {_FORMS}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable text file ({error}); expected {_FORMS}") from error
    found = _from_json(text, str(path)) if text.lstrip()[:1] in ("[", "{") else _from_lines(text, str(path))
    if not found:
        raise InputError(f"{path}: names no image; expected {_FORMS}")
    return found


def _from_lines(text: str, where: str) -> dict[str, int | None]:
    lines = [(f"line {number}", line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return _plain([(place, word) for place, word in lines if word], where)


def _from_json(text: str, where: str) -> dict[str, int | None]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: damaged JSON ({error}); expected {_FORMS}") from error
    if isinstance(content, list) and not any(isinstance(entry, list) for entry in content):
        return _plain([(f"entry {number}", entry) for number, entry in enumerate(content)], where)
    labels = parse_list(content, where)
    largest = max(labels, key=lambda name: labels[name])
    if labels[largest] > MOST_ITEMS:
        raise InputError(f"{where}: {labels[largest]} stands as the count of image {largest}; are these pairs of ids? Expected {_FORMS}")
    return {_id_of(name, where, f"image {name!r}"): label for name, label in labels.items()}


def _plain(entries: Iterable[tuple[str, Any]], where: str) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for place, entry in entries:
        name = _id_of(entry, where, place)
        if name in found:
            raise InputError(f"{where}: {place} names image {name} again; keep one of them (are these labels instead of ids?)")
        found[name] = None
    return found


def _id_of(entry: Any, where: str, place: str) -> str:
    word = str(entry) if type(entry) is int else entry
    if not (isinstance(word, str) and word.isascii() and word.isdecimal() and len(word) <= 9):
        raise InputError(f"{where}: {place} is {str(entry)[:40]!r}, which is no id; expected {_FORMS}")
    if int(word) == 0:
        raise InputError(f"{where}: {place} is 0, but ids begin with 1; is this a list of indexes, which count from 0? Add 1 to each")
    return image_name(int(word))


def quantity_in(metadata: bytes) -> int | None:
    """The count that a metadata file gives, None where it gives none that can be used."""
    try:
        quantity = json.loads(metadata)["EXPECTED_QUANTITY"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return quantity if type(quantity) is int and quantity >= 0 else None


class Quota:
    """So many images of each class: what was taken, and what is still wanted.

    Args:
        per_class: images, 1 or more.
        classes: 0 to 6, where 6 stands for six items or more.
    """

    def __init__(self, per_class: int, classes: Iterable[int] = ALL_CLASSES) -> None:
        self.per_class = per_class
        self._wanted = dict.fromkeys(sorted(classes), per_class)

    @property
    def total(self) -> int:
        """Images in all."""
        return self.per_class * len(self._wanted)

    @property
    def full(self) -> bool:
        """Nothing more is wanted."""
        return not any(self._wanted.values())

    @property
    def short(self) -> dict[str, int]:
        """How many images each class still lacks, by the class's name; full ones are left out."""
        return {class_name(k): lacking for k, lacking in self._wanted.items() if lacking}

    def take(self, quantity: int) -> bool:
        """Take an image with so many items if it is wanted."""
        k = class_of(quantity)
        if not self._wanted.get(k):
            return False
        self._wanted[k] -= 1
        return True


def class_of(quantity: int) -> int:
    """0 to 5, and 6 for every larger quantity."""
    return min(quantity, MAX_COUNT + 1)


def choose(labelled: Iterable[tuple[str, int]], quota: Quota) -> Iterator[str]:
    """The first images that fill a quota; nothing more is drawn from ``labelled`` once it is full."""
    for image_id, quantity in labelled:
        if quota.take(quantity):
            yield image_id
        if quota.full:
            return
