"""Where the files of kept pictures stand: labelled ones in ABID's layout, the others apart from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.evidence.entry import name_for
from bintally import abid
from bintally.errors import InputError
from bintally.files import make_folder

UNLABELLED, UPLOADED = "unlabelled", "uploaded"
Sizes = dict[str, dict[str, int]]
"""Bytes of each file, by folder and name."""


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

    def sizes(self) -> Sizes:
        """Every file below the folder, whoever put it there."""
        found: Sizes = {}
        for folder, _, _ in os.walk(self.folder):
            files = found[os.path.relpath(folder, self.folder)] = {}
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        if not entry.is_dir(follow_symlinks=False):
                            files[entry.name] = entry.stat(follow_symlinks=False).st_size
        return found

    def remove_parts(self, sizes: Sizes) -> None:
        """Remove what a kill left of files that were being written, see ``bintally.files``."""
        for folder, files in sizes.items():
            for name in files:
                if name.startswith(".") and name.endswith(".part"):
                    (self.folder / folder / name).unlink(missing_ok=True)


def names(sizes: Sizes) -> tuple[set[str], set[str]]:
    """The names of which there is a picture, and those of which there are other files only."""
    jpgs = {stem for folder in (UNLABELLED, abid.IMAGES) for stem in _stems(sizes.get(folder, {}), ".jpg")}
    jsons = {stem for folder in (UNLABELLED, abid.METADATA) for stem in _stems(sizes.get(folder, {}), ".json")}
    pictures = {name for stem in jpgs for name in _valid(stem)}
    return pictures, {name for stem in jsons | sizes.get(UPLOADED, {}).keys() for name in _valid(stem)} - pictures


def _stems(files: Iterable[str], ending: str) -> Iterator[str]:
    return (name.removesuffix(ending) for name in files if name.endswith(ending))


def _valid(stem: str) -> Iterator[str]:
    try:
        yield name_for(stem)
    except InputError:
        return
