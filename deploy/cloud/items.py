"""What is uploaded: the files of a folder; of a prepared one also the images that its index names."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from bintally.errors import InputError, UsageError

INDEX, REPORT = "index.csv", "report.json"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Item:
    """One object to be.

    Attributes:
        name: of its key, below the target.
        source: a file, or the content itself.
        size_bytes: of the content.
    """

    name: str
    source: Path | bytes
    size_bytes: int

    def open(self) -> BinaryIO:
        """The content as a stream.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")
        except OSError as error:
            raise InputError(f"{self.source!s}: cannot be read ({error.strerror})") from error

    def digests(self) -> tuple[str, str]:
        """MD5, which S3 shows as ETag, and SHA-256, both in hexadecimal."""
        sums = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        with self.open() as stream:
            for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""):
                for one in sums:
                    one.update(chunk)
        return sums[0].hexdigest(), sums[1].hexdigest()


def items(path: Path) -> list[Item]:
    """What to upload of a file or folder; the index of a prepared folder comes last, so that it marks a whole upload.

    The index names images of this machine; the one that is uploaded names them relative to itself, as ``images/<id>.jpg``.

    Raises:
        InputError: a file is missing or cannot be read, or there is nothing to upload.
        UsageError: there is no such path.
    """
    if path.is_file():
        return [_item(path.name, path)]
    if not path.is_dir():
        raise UsageError(f"{path}: no such file or folder")
    if (path / INDEX).exists():
        return _prepared(path)
    found = [_item(file.relative_to(path).as_posix(), file) for file in _files(path)]
    if not found:
        raise InputError(f"{path}: holds no file to upload")
    return found


def _files(folder: Path) -> Iterator[Path]:
    """All files, by name; hidden ones are not seen."""
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (Path(top) / name).is_symlink():
                raise InputError(f"{Path(top) / name}: a link to a folder; put the folder itself there")
        yield from (Path(top) / name for name in sorted(names) if not name.startswith("."))


def _item(name: str, path: Path) -> Item:
    try:
        name.encode()
        return Item(name, path, path.stat().st_size)
    except UnicodeEncodeError as error:
        raise InputError(f"{str(path)!a}: its name is not in UTF-8; rename it") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _prepared(folder: Path) -> list[Item]:
    report = _item(REPORT, folder / REPORT)
    try:
        with (folder / INDEX).open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        sources = [folder / row["image"] for row in rows]
        for row, source in zip(rows, sources, strict=True):
            row["image"] = f"images/{quote(row['image_id'], safe='')}{source.suffix}"
        table = as_csv(rows)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{folder / INDEX}: damaged ({error!r}); run 'bintally data prepare' again") from error
    images = [_item(row["image"], source) for row, source in zip(rows, sources, strict=True)]
    if len({image.name for image in images}) < len(images):
        raise InputError(f"{folder / INDEX}: holds an image_id twice; run 'bintally data prepare' again")
    return [*images, report, Item(INDEX, table, len(table))]


def as_csv(rows: Sequence[dict[str, str]]) -> bytes:
    """The rows of an index as it is written."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
