"""A site's own photographs: ``<count>/<image>.jpg``, and ``groups.csv`` that says which of them are of one bin event."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bintally import abid
from bintally.errors import InputError
from trainer.data.dataset import Refused

GROUPS = "groups.csv"


@dataclass(frozen=True)
class SiteFolder:
    """One folder a count, named with the number of items that its photographs show: ``3/cam1-0007.jpg``.

    Nothing in such a folder says which photographs are of the same bin. Those that look alike stay in one part; what else must,
    such as one bin before and after a pick, ``groups.csv`` says: a line ``image,group``, then for each image its path from the folder
    and the name of its event.
    """

    folder: Path
    name = "site"

    def images(self) -> list[Path]:
        paths = [path for counts in count_folders(self.folder) for path in sorted(_seen(counts))]
        if not paths:
            raise InputError(f"{self.folder}: no image in its folders {_some(count_folders(self.folder))}")
        return paths

    def image_id(self, image: Path) -> str:
        return image.relative_to(self.folder).with_suffix("").as_posix()

    def label(self, image: Path) -> abid.Metadata:
        return abid.Metadata(int(image.parent.name), frozenset())

    def strays(self, images: Sequence[Path]) -> list[Refused]:  # noqa: ARG002 - a file is a stray by its place alone
        counts = set(count_folders(self.folder))
        others = sorted(path for path in _seen(self.folder) if path not in counts and path.name != GROUPS)
        return [Refused(str(path), _reason(path)) for path in others]

    def events(self) -> Mapping[str, str]:
        path = self.folder / GROUPS
        if not path.exists():
            return {}
        try:
            return self._read_groups(path)
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{path}: not a readable CSV file ({error}); write it again, in UTF-8") from error

    def _read_groups(self, path: Path) -> dict[str, str]:
        events: dict[str, str] = {}
        known = {image.relative_to(self.folder).as_posix() for image in self.images()}
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not {"image", "group"} <= set(rows.fieldnames or ()):
                raise InputError(f"{path}: its first line must be image,group; it names {', '.join(rows.fieldnames or ()) or 'nothing'}")
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if not row["image"] or not row["group"]:
                    raise InputError(f"{where}: the image or the group is missing")
                if row["image"] not in known:
                    raise InputError(f"{where}: there is no image {row['image']}; name its path from {self.folder}, as in 3/cam1-0007.jpg")
                event = events.setdefault(self.image_id(self.folder / row["image"]), row["group"])
                if event != row["group"]:
                    raise InputError(f"{where}: {row['image']} is of group {event!r} already; an image is of one group")
        return events


def count_folders(folder: Path) -> list[Path]:
    """The folders that are named with a count, by name."""
    return sorted(path for path in _seen(folder) if path.name.isascii() and path.name.isdecimal() and path.is_dir())


def _seen(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _reason(path: Path) -> str:
    if path.is_dir():
        files = sum(not file.is_dir() for file in path.rglob("*"))
        return f"{path}: {path.name!r} is no count, so the {files} files in it have no label; name the folder with the number of items"
    return f"{path}: stands beside the folders of counts; put an image into the one of its count"


def _some(folders: Sequence[Path]) -> str:
    return ", ".join(f"{path.name}/" for path in folders[:3]) + (" …" if len(folders) > 3 else "")
