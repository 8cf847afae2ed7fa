"""Find photographs that show the same picture: copies, other encodings, frames of one burst (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bintally.frames import Frame

SIDE = 32
"""Pixels a side of the thumbnails that are compared."""

BITS = 64
MAX_DISTANCE = 10
MIN_CORRELATION = 0.95
"""A pair must pass both. Of 36 million pairs of photographs of other bins (ABID, ids below 10,000), 118 are within the distance
and none of all correlates so much. Of 400 photographs that were encoded anew (JPEG 40), halved, brightened by a quarter
or given noise of 10 levels all are found, moved by 1 % two in three, cropped by 3 % hardly any."""

_TILE = 1024

Thumbnail = NDArray[np.uint8]
"""uint8 [32, 32]: the luma of a picture."""


@dataclass(frozen=True)
class LookAlike:
    """Two pictures, by their places in the sequence, that look the same.

    Attributes:
        one: the earlier one.
        other: the later one.
        distance: in how many of 64 bits their perceptual hashes differ.
        correlation: of their thumbnails, -1 to 1.
    """

    one: int
    other: int
    distance: int
    correlation: float


def thumbnail(frame: Frame) -> Thumbnail:
    """What is compared of a frame, uint8 [height, width, 3], BGR."""
    luma: Any = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(luma, np.uint8)


def perceptual_hash(picture: Thumbnail) -> NDArray[np.bool_]:
    """64 bits that stay when a picture is scaled, encoded anew or brightened: bool [64].

    Each bit says whether one of the low frequencies, without the constant ones, is above the median of them.

    Source:
        Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions, 3.2.1 (DCT based hash).
    """
    low = np.asarray(cv2.dct(picture.astype(np.float32)))[1:9, 1:9].ravel()
    return np.asarray(low > np.median(low))


def find_look_alikes(pictures: NDArray[np.uint8], empty: NDArray[np.bool_]) -> list[LookAlike]:
    """Pairs that look the same, as few as hold each set of such pictures together.

    Two empty bins are no pair however alike they are: they hold nothing that could be remembered, and one camera's empty bins would
    otherwise all be in one part. A picture of a single tone is like no other.

    Every hash is compared with every other, as products of ±1 in tiles: 3·10⁸ pairs a second on one core, that is 0.1 s for 8,497
    pictures and 8 minutes for ABID's 535,234, less than reading them takes. Their thumbnails need 0.6 GB and
    their hashes 0.1 GB.

    Args:
        pictures: thumbnails, uint8 [n, 32, 32].
        empty: which of them are labelled with no item, bool [n].
    """
    signs = np.stack([perceptual_hash(picture) for picture in pictures]).astype(np.float32) * 2 - 1
    search = _Search(pictures, signs, empty)
    for top in range(0, len(pictures), _TILE):
        for left in range(top, len(pictures), _TILE):
            for row, others in _near(signs, top, left):
                search.join(row, others)
    return search.pairs


def _near(signs: NDArray[np.float32], top: int, left: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Rows of one tile, each with the later pictures whose hashes are near to its own."""
    products = signs[top : top + _TILE] @ signs[left : left + _TILE].T
    rows, columns = np.divmod(np.flatnonzero(products >= BITS - 2 * MAX_DISTANCE), products.shape[1])
    later = left + columns > top + rows
    rows, columns = rows[later], columns[later]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    for start, found in zip(starts, np.split(columns, starts[1:]), strict=False):
        yield top + int(rows[start]), left + found


class _Search:
    """The sets that were joined so far, and the pairs that joined them."""

    def __init__(self, pictures: NDArray[np.uint8], signs: NDArray[np.float32], empty: NDArray[np.bool_]) -> None:
        self._pictures, self._signs, self._empty = pictures, signs, empty
        self._sets = np.arange(len(pictures))
        self.pairs: list[LookAlike] = []

    def join(self, row: int, others: NDArray[np.intp]) -> None:
        """Compare a picture with candidates of other sets, and join its set with theirs where they look the same."""
        others = others[(self._sets[others] != self._sets[row]) & ~(self._empty[others] & self._empty[row])]
        correlations = _standard(self._pictures[others]) @ _standard(self._pictures[[row]])[0]
        alike = np.flatnonzero(correlations >= MIN_CORRELATION)
        if not len(alike):
            return
        sets, firsts = np.unique(self._sets[others[alike]], return_index=True)
        for place in alike[firsts]:
            other = int(others[place])
            distance = int((BITS - self._signs[row] @ self._signs[other]) / 2)
            self.pairs.append(LookAlike(row, other, distance, round(float(correlations[place]), 4)))
        self._sets[np.isin(self._sets, sets)] = self._sets[row]


def _standard(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Thumbnails as vectors of mean 0 and length 1, float32 [n, 1024]; zeros for one of a single tone."""
    flat: NDArray[np.float32] = pictures.reshape(-1, SIDE * SIDE).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 0))
