"""Batches for training: fetched from shards and varied ahead of the step that needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bintally.frames import Frame
from trainer.data.dataset import Example
from trainer.data.shards import Shards
from trainer.training.augment import Variations, draw, move, vary, vary_on_device
from trainer.training.settings import TrainSettings

_AHEAD = 3
_MOST_PLACES = 16


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        frames: uint8 [n, side, side, 3], BGR.
        quantities: int64 [n].
        centres: float32 [n, 16, 2], x and y of items in the varied frame in shares; NaN where there is none.
        placed: bool [n], whether the items' places are known.
        books: float32 [n, 2], log1p of the number of articles and of litres, NaN where unknown.
    """

    frames: Tensor
    quantities: Tensor
    centres: Tensor
    placed: Tensor
    books: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(*(value.to(device, non_blocking=True) for value in vars(self).values()))


def epoch_order(lengths: Sequence[int], settings: TrainSettings, epoch: int) -> NDArray[np.int64]:
    """Which examples an epoch takes, in its order.

    Args:
        lengths: number of training examples of each data set; rows are counted through all of them.
        settings: ``images``, ``shares`` and ``seed`` matter.
        epoch: every epoch draws anew; an example comes again only after all others of its data set.

    Returns:
        Rows, int64 [images].
    """
    rng = np.random.default_rng((settings.seed, epoch))
    total = settings.images or sum(lengths)
    shares = np.array(settings.shares or lengths, float)
    numbers = np.floor(total * shares / shares.sum() + 1e-9).astype(int)
    numbers[np.argmax(shares)] += total - numbers.sum()
    starts = np.cumsum([0, *lengths[:-1]])
    drawn = []
    for start, length, number in zip(starts, lengths, numbers, strict=True):
        rounds = [rng.permutation(length) for _ in range(-(-number // length))] if number else [np.zeros(0, np.int64)]
        drawn.append(start + np.concatenate(rounds)[:number])
    return rng.permutation(np.concatenate(drawn))


class Loader:
    """Training batches of some examples at one size.

    The frames of a batch and how they are varied depend on seed, epoch and step alone: a run that was resumed, or that is
    shared by several processes, sees what one whole run would have seen.

    Args:
        examples: of all training parts.
        shards: their frames.
        settings: of the run.
        device: where batches are wanted. On an accelerator the decoded frames move there once if they take less than half of
            its free memory, and are varied there.
        rank: number of this process.
        processes: how many share each batch.
        threads: for varying on the processor.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        shards: Shards,
        settings: TrainSettings,
        device: torch.device,
        rank: int = 0,
        processes: int = 1,
        threads: int = 2,
    ) -> None:
        self._shards, self._settings, self._device = shards, settings, device
        self._rank, self._processes, self._threads = rank, processes, threads
        self._quantities = np.array([example.quantity for example in examples], np.int64)
        self._places = [None if e.centres is None else np.array(e.centres, np.float32).reshape(-1, 2) for e in examples]
        nothing = float("nan")
        self._books = np.log1p(
            [(nothing if e.articles is None else e.articles, nothing if e.volume_l is None else e.volume_l) for e in examples]
        ).astype(np.float32)
        self._on_device = self._move_all() if device.type == "cuda" else None
        cv2.setNumThreads(1)  # frames are varied side by side

    def batches(self, order: NDArray[np.int64], epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from a step on; a short last one is left out."""
        size = self._settings.batch_size
        steps = iter(range(first_step, len(order) // size))
        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(self._threads) as pool:
            waiting: list[Future[Batch]] = []
            try:
                while True:
                    for step in steps:
                        rows = order[step * size : (step + 1) * size]
                        waiting.append(ahead.submit(self._batch, rows, epoch, step, pool))
                        if len(waiting) >= _AHEAD:
                            break
                    if not waiting:
                        return
                    yield waiting.pop(0).result()
            finally:
                for one in waiting:
                    one.cancel()

    def _batch(self, rows: NDArray[np.int64], epoch: int, step: int, pool: ThreadPoolExecutor) -> Batch:
        whole = draw(np.random.default_rng((self._settings.seed, epoch, step)), len(rows), self._settings.erase)
        mine = slice(self._rank, None, self._processes)
        rows, variations = rows[mine], whole.part(mine)
        if self._device.type == "cuda":
            frames = vary_on_device(self._frames_on_device(rows), variations)
        else:
            varied = np.empty((len(rows), self._shards.side, self._shards.side, 3), np.uint8)
            ends = [len(rows) * n // self._threads for n in range(self._threads + 1)]
            parts = [slice(start, end) for start, end in pairwise(ends) if end > start]
            for _ in pool.map(lambda part: self._vary(rows[part], variations.part(part), varied[part]), parts):
                pass
            frames = torch.from_numpy(varied)
        placed = np.array([self._places[row] is not None for row in rows])
        centres = np.full((len(rows), _MOST_PLACES, 2), np.nan, np.float32)
        for n, row in enumerate(rows):
            places = self._places[row]
            if places is not None and len(places):
                moved = move(places, variations.matrices[n])[:_MOST_PLACES]
                centres[n, : len(moved)] = moved
        rest = (self._quantities[rows], centres, placed, self._books[rows])
        return Batch(frames, *(torch.from_numpy(value) for value in rest)).to(self._device)

    def _vary(self, rows: NDArray[np.int64], variations: Variations, varied: Frame) -> None:
        vary([self._shards[row] for row in rows.tolist()], variations, varied)

    def _frames_on_device(self, rows: NDArray[np.int64]) -> Tensor:
        if self._on_device is not None:
            return self._on_device[torch.from_numpy(rows).to(self._device)]
        return torch.from_numpy(self._shards.take(rows)).pin_memory().to(self._device, non_blocking=True)

    def _move_all(self) -> Tensor | None:
        needed = len(self._shards) * self._shards.side**2 * 3
        if needed > torch.cuda.mem_get_info(self._device)[0] / 2:
            return None
        frames = torch.empty((len(self._shards), self._shards.side, self._shards.side, 3), dtype=torch.uint8, device=self._device)
        for start in range(0, len(self._shards), 2048):
            rows = range(start, min(start + 2048, len(self._shards)))
            frames[start : start + len(rows)] = torch.from_numpy(self._shards.take(rows)).to(self._device)
        return frames
