"""A split that was made elsewhere: lists of labels, one a part, or one file that names each image's part."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from bintally.errors import InputError, UsageError
from trainer.data.label_list import read_list
from trainer.data.split import Part

PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class GivenSplit:
    """A split made elsewhere.

    Attributes:
        files: where it was read from.
        parts: for each image id its part.
        labels: for image ids the quantity that the split's files give, where they give any.
    """

    files: tuple[str, ...]
    parts: Mapping[str, Part]
    labels: Mapping[str, int] = field(default_factory=dict)


def read_split(words: Sequence[str]) -> GivenSplit:
    """Read a split.

    Args:
        words: ``PART=FILE`` for each part, the file as ``label_list.read_list`` takes it, such as the ABID challenge's
            ``train=counting_train.json val=counting_val.json``; or one file alone: JSON ``{"<image id>": "<part>", …}``, or CSV with
            a line ``image,part`` and then one line an image.

    Raises:
        InputError: a file is missing, damaged, of another form, or an image is named twice.
        UsageError: the words are none of these.
    """
    if len(words) == 1 and not words[0].startswith(tuple(f"{part}=" for part in PARTS)):
        path = Path(words[0])
        return GivenSplit((words[0],), _unique(_read_named(path)))
    lists = [_part_and_file(word) for word in words]
    if len({part for part, _ in lists}) < len(lists):
        raise UsageError(f"--split-file {' '.join(words)}: names a part twice; give each part one file")
    found = [(part, str(path), read_list(path).labels) for part, path in lists]
    parts = _unique((image, part, file) for part, file, labels in found for image in labels)
    return GivenSplit(tuple(words), parts, {image: label for _, _, labels in found for image, label in labels.items()})


def _part_and_file(word: str) -> tuple[Part, Path]:
    for part in PARTS:
        if word.startswith(f"{part}="):
            return part, Path(word.removeprefix(f"{part}="))
    raise UsageError(f"--split-file {word}: expected PART=FILE with the part train, val or test, or one file alone")


def _unique(named: Iterable[tuple[str, Part, str]]) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    files: dict[str, str] = {}
    for image, part, file in named:
        if image in parts:
            raise InputError(f"{file}: image {image} is in {part}, and in {parts[image]} in {files[image]}; keep one of them")
        parts[image], files[image] = part, file
    if not parts:
        raise InputError("--split-file: names no image")
    return parts


def _read_named(path: Path) -> Iterator[tuple[str, Part, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; name a split") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable file of a split ({error})") from error
    pairs = _json_pairs(path, text) if text.lstrip().startswith(("{", "[")) else _csv_pairs(path, text)
    for where, image, name in pairs:
        part = next((part for part in PARTS if part == name), None)
        if part is None:
            raise InputError(f"{where}: image {image!r} is in {name!r}; a part is train, val or test")
        yield image, part, where


def _json_pairs(path: Path, text: str) -> Iterator[tuple[str, str, object]]:
    try:
        content = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error}); write it again") from error
    if not text.lstrip().startswith("{"):
        raise InputError(f"{path}: a list of labels has no part; say of which part it is, as in train={path}")
    for image, part in content:
        yield str(path), image, part


def _csv_pairs(path: Path, text: str) -> Iterator[tuple[str, str, object]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if not {"image", "part"} <= set(rows.fieldnames or ()):
            raise InputError(f"{path}: its first line must be image,part; it names {', '.join(rows.fieldnames or ()) or 'nothing'}")
        for row in rows:
            yield f"{path}, line {rows.line_num}", row["image"], row["part"]
    except csv.Error as error:
        raise InputError(f"{path}: not a readable CSV file ({error}); write it again") from error
