"""Decoded frames on disk: read, checked and resized once, then fetched as fast as memory is."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bintally.errors import InputError, UnavailableError
from bintally.files import make_folder, write_with
from bintally.frames import Frame, read_frame, resize
from trainer.data.dataset import Example

SHARD = 2048
"""Frames in one file: 150 MB at 160 pixels."""


def default_folder() -> Path:
    """Where frames are kept if nobody says otherwise: ``bintally/frames`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bintally" / "frames"


class Shards:
    """Frames uint8 [n, side, side, 3] of some examples, in their order.

    A shard is written whole or not at all, so a run that was killed goes on with the next one. The folder's name holds a digest
    of the images' paths, sizes and times of change: changed images make new shards.

    Args:
        folder: where the shards of all data sets are kept.
        examples: which images.
        side: of the frames in pixels.
        progress: called with the number of frames that are ready, after each shard.

    Raises:
        InputError: an image is missing or cannot be read.
        UnavailableError: the disk is full or cannot be written to.
    """

    def __init__(self, folder: Path, examples: Sequence[Example], side: int, progress: Callable[[int], None] = lambda _: None) -> None:
        self.side, self._length = side, len(examples)
        self.folder = folder / f"{side}-{_digest(examples)}"
        make_folder(self.folder)
        starts = range(0, len(examples), SHARD)
        paths = [self.folder / f"{start // SHARD:05}.npy" for start in starts]
        missing = [number for number, path in enumerate(paths) if not path.exists()]
        self._refuse_full_disk(len(missing))
        for number, path in enumerate(paths):
            if number in missing:
                chosen = examples[number * SHARD : (number + 1) * SHARD]
                write_with(path, lambda temporary, chosen=chosen: _write(temporary, chosen, side))  # type: ignore[misc]
            progress(min((number + 1) * SHARD, len(examples)))
        self._shards = [_open(path, min(SHARD, len(examples) - start), side) for path, start in zip(paths, starts, strict=True)]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> Frame:
        """One frame; a view into the file, not to be changed."""
        frame: Frame = self._shards[row // SHARD][row % SHARD]
        return frame

    def take(self, rows: Sequence[int] | NDArray[np.integer]) -> Frame:
        """Some frames, uint8 [len(rows), side, side, 3]."""
        taken = np.empty((len(rows), self.side, self.side, 3), np.uint8)
        for place, row in enumerate(rows):
            taken[place] = self[int(row)]
        return taken

    def _refuse_full_disk(self, missing: int) -> None:
        needed = missing * min(SHARD, self._length) * self.side**2 * 3
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise UnavailableError(
                f"{self.folder}: the decoded frames take {needed / 1e9:.1f} GB more, {free / 1e9:.1f} GB are free; name another --cache folder"
            )


def _digest(examples: Sequence[Example]) -> str:
    digest = hashlib.sha256()
    for example in examples:
        try:
            found = Path(example.image).stat()
        except OSError as error:
            raise InputError(f"{example.image}: cannot be read ({error.strerror}); run 'bintally data prepare' again") from error
        digest.update(f"{example.image}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _write(path: Path, examples: Sequence[Example], side: int) -> None:
    frames = np.empty((len(examples), side, side, 3), np.uint8)

    def read(place: int) -> None:
        frames[place] = resize(read_frame(Path(examples[place].image)), (side, side))

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(read, range(len(examples))):
            pass
    with path.open("wb") as file:
        np.save(file, frames)


def _open(path: Path, length: int, side: int) -> Frame:
    try:
        shard: Frame = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))  # a plain view is sliced much faster
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: damaged ({error}); delete it, and it is made again") from error
    if shard.shape != (length, side, side, 3) or shard.dtype != np.uint8:
        raise InputError(f"{path}: holds {shard.dtype} {shard.shape}, expected frames {(length, side, side, 3)}; delete it")
    return shard
