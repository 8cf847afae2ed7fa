"""Where the files of kept pictures stand: labelled ones in ABID's layout, the others apart from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.evidence.entry import name_for
from bintally import abid
from bintally.errors import InputError
from bintally.files import make_folder

UNLABELLED, UPLOADED = "unlabelled", "uploaded"


@dataclass(frozen=True)
class Paths:
    """The files in a folder of evidence; every ``name`` is one that ``name_for`` has let through."""

    folder: Path

    @property
    def corrections(self) -> Path:
        """What people said, see ``agent.evidence.corrections``."""
        return self.folder / "corrections.jsonl"

    def image(self, name: str) -> Path:
        """A labelled picture."""
        return self.folder / abid.IMAGES / f"{name}.jpg"

    def metadata(self, name: str) -> Path:
        """A labelled picture's description."""
        return self.folder / abid.METADATA / f"{name}.json"

    def loose_image(self, name: str) -> Path:
        """A picture whose quantity nobody knows."""
        return self.folder / UNLABELLED / f"{name}.jpg"

    def loose_metadata(self, name: str) -> Path:
        """Its description."""
        return self.folder / UNLABELLED / f"{name}.json"

    def mark(self, name: str) -> Path:
        """Holds the digest of the description that the server confirmed last."""
        return self.folder / UPLOADED / name

    def all_of(self, name: str) -> tuple[Path, ...]:
        """Every file that a picture may have, the pictures first: what a kill leaves of a removal is not a picture."""
        return self.loose_image(name), self.image(name), self.loose_metadata(name), self.metadata(name), self.mark(name)

    def make(self) -> None:
        """Make the folders.

        Raises:
            UnavailableError: they cannot be made.
        """
        for name in (abid.IMAGES, abid.METADATA, UNLABELLED, UPLOADED):
            make_folder(self.folder / name)

    def sizes(self) -> dict[Path, int]:
        """Every file below the folder, whoever put it there, with its size in bytes."""
        found: dict[Path, int] = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                try:
                    found[path] = path.lstat().st_size
                except FileNotFoundError:
                    continue
        return found

    def names(self, sizes: dict[Path, int]) -> tuple[set[str], set[str]]:
        """The names of which there is a picture, and those of which there are other files only."""
        ours = (self.folder / abid.IMAGES, self.folder / abid.METADATA, self.folder / UNLABELLED, self.folder / UPLOADED)
        mine = [path for path in sizes if path.parent in ours]
        pictures = {name for path in mine if path.suffix == ".jpg" for name in _valid(path.stem)}
        return pictures, {name for path in mine if path.suffix in (".json", "") for name in _valid(path.stem)} - pictures

    def parts(self, sizes: dict[Path, int]) -> list[Path]:
        """What a kill left of files that were being written, see ``bintally.files``."""
        return [path for path in sizes if path.name.startswith(".") and path.name.endswith(".part")]


def _valid(stem: str) -> Iterator[str]:
    try:
        yield name_for(stem)
    except InputError:
        return
