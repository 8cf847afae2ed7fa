"""Lists of images with their labels, as the ABID challenge and the capstone published them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bintally.errors import InputError


@dataclass(frozen=True)
class LabelList:
    """A list: where it was read from, and for each image id its label."""

    source: str
    labels: Mapping[str, int]


def read_list(path: Path) -> LabelList:
    """Read a list of labels.

    Two forms are known: ``{"<count>": ["…/<id>.json", …], …}`` (the capstone's) and ``[[index, count], …]`` with image id = index + 1
    (the challenge's).

    Raises:
        InputError: the file is missing, damaged, of another form, empty, or names an image twice.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; name a list of labels") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error}); fetch the list again") from error
    return LabelList(str(path), parse_list(content, str(path)))


def parse_list(content: Any, where: str) -> dict[str, int]:
    """Labels from a list's content; ``where`` says in errors what was read.

    Raises:
        InputError: see ``read_list``.

    Source:
        https://github.com/silverbottlep/abid_challenge (counting_train.json, counting_val.json)
    """
    labels: dict[str, int] = {}
    for image_id, label in _capstone(content, where) if isinstance(content, dict) else _challenge(content, where):
        if image_id in labels:
            raise InputError(f"{where}: image {image_id} is named twice, as {labels[image_id]} and as {label}; keep one of them")
        labels[image_id] = label
    if not labels:
        raise InputError(f"{where}: names no image; fetch the list again")
    return labels


def _capstone(content: dict[str, Any], where: str) -> Iterator[tuple[str, int]]:
    for count, paths in content.items():
        if not (count.isascii() and count.isdecimal() and len(count) <= 6):
            raise InputError(f"{where}: {count!r} is no count; expected {{'<count>': [paths …], …}} with counts 0 or more")
        if not isinstance(paths, list) or not all(isinstance(path, str) and PurePosixPath(path).stem for path in paths):
            raise InputError(f"{where}: under {count!r} there must be a list of paths, one an image")
        for path in paths:
            yield PurePosixPath(path).stem, int(count)


def _challenge(content: Any, where: str) -> Iterator[tuple[str, int]]:
    if not isinstance(content, list):
        raise InputError(f"{where}: no list of labels; expected {{'<count>': [paths …], …}} or [[index, count], …]")
    for number, entry in enumerate(content):
        if not (isinstance(entry, list) and len(entry) == 2 and all(type(value) is int and value >= 0 for value in entry)):
            raise InputError(f"{where}: entry {number} is {str(entry)[:40]}; it must be [index, count] with whole numbers, 0 or more")
        yield f"{entry[0] + 1:05}", entry[1]
