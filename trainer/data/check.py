"""Read every image and label of a folder once, and keep what the survey needs of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bintally import abid
from bintally.errors import InputError
from bintally.frames import read_frame
from trainer.data.dataset import Refused
from trainer.data.layouts import Layout
from trainer.data.look_alikes import Thumbnail, thumbnail

MAX_QUANTITY = 999
"""More than any bin holds; a folder 20261121 is a date and no count."""

_BLOCK = 4096
"""Images handed to the threads at a time, so that half a million do not wait in memory."""


@dataclass(frozen=True, eq=False)
class Checked:
    """An image that can be used.

    Attributes:
        image_id: unique in its data set.
        path: of the file.
        label: what is known of it.
        thumbnail: uint8 [32, 32], to compare it with others.
        width_px: of the file's picture.
        height_px: of the file's picture.
    """

    image_id: str
    path: Path
    label: abid.Metadata
    thumbnail: Thumbnail
    width_px: int
    height_px: int


def check(layout: Layout) -> tuple[list[Checked], list[Refused]]:
    """Read all images of a folder.

    Returns:
        What can be used and what cannot, both in the layout's order.

    Raises:
        InputError: the folder holds no image.
    """
    paths = layout.images()
    first: dict[str, Path] = {}
    for path in paths:
        first.setdefault(layout.image_id(path), path)
    outcomes: list[Checked | Refused] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), _BLOCK):
            outcomes += pool.map(lambda path: _check(layout, path, first), paths[start : start + _BLOCK])
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    return [outcome for outcome in outcomes if isinstance(outcome, Checked)], refused + layout.strays(paths)


def _check(layout: Layout, path: Path, first: dict[str, Path]) -> Checked | Refused:
    image_id = layout.image_id(path)
    try:
        image_id.encode()
        label = layout.label(path)
        frame = read_frame(path)
    except InputError as error:
        return Refused(str(path), str(error))
    except UnicodeEncodeError:
        return Refused(ascii(str(path)), f"{str(path)!a}: its name is not in UTF-8; rename it")
    if label.quantity > MAX_QUANTITY:
        return Refused(str(path), f"{path}: is labelled with {label.quantity} items; a count is 0 to {MAX_QUANTITY}")
    if first[image_id] != path:
        return Refused(str(path), f"{path}: {first[image_id].name} has the same id; keep one of them")
    return Checked(image_id, path, label, thumbnail(frame), frame.shape[1], frame.shape[0])
