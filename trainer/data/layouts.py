"""Layouts of folders with labelled images: which images there are, and what each one's label says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bintally import abid
from bintally.errors import InputError, UsageError
from trainer.data.dataset import Refused
from trainer.data.site import SiteFolder, count_folders


class Layout(Protocol):
    """A folder of labelled images."""

    @property
    def name(self) -> str: ...

    def images(self) -> list[Path]:
        """What stands where images must be, in a fixed order. Raises InputError where there is nothing."""
        ...

    def image_id(self, image: Path) -> str: ...

    def label(self, image: Path) -> abid.Metadata:
        """What an image is labelled with. Raises InputError where its label cannot be used."""
        ...

    def strays(self, images: Sequence[Path]) -> list[Refused]:
        """What stands in the folder and belongs to no image."""
        ...

    def events(self) -> Mapping[str, str]:
        """For image ids the event that they are of, where the folder says it. Raises InputError where it says it wrongly."""
        ...


@dataclass(frozen=True)
class AbidFolder:
    """``bin-images/<id>.jpg`` beside ``metadata/<id>.json``."""

    folder: Path
    name = "ABID"

    def images(self) -> list[Path]:
        return abid.image_paths(self.folder)

    def image_id(self, image: Path) -> str:
        return image.stem

    def label(self, image: Path) -> abid.Metadata:
        return abid.read_metadata(abid.metadata_path(image))

    def strays(self, images: Sequence[Path]) -> list[Refused]:
        known = {path.stem for path in images}
        found = sorted((self.folder / abid.METADATA).glob("*.json"))
        return [Refused(str(path), f"{path}: no image for this metadata file") for path in found if path.stem not in known]

    def events(self) -> Mapping[str, str]:
        return {}


def find_layout(folder: Path) -> Layout:
    """Say how a folder is laid out.

    Raises:
        InputError: it has no known layout, or two.
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name one of labelled images")
    counts = count_folders(folder)
    if (folder / abid.IMAGES).is_dir():
        if counts:
            raise InputError(
                f"{folder}: holds {abid.IMAGES}/ (ABID's layout) and {counts[0].name}/ (a site's); give each a folder of its own"
            )
        return AbidFolder(folder)
    if counts:
        return SiteFolder(folder)
    raise InputError(
        f"{folder}: neither {abid.IMAGES}/<id>.jpg with {abid.METADATA}/<id>.json (ABID's layout) nor <count>/<image>.jpg (a site's) is in it"
    )
