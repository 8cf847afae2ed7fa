"""Run a counter on labelled images: what validation, calibration and evaluation start from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bintally.frames import Frame, read_frame, resize
from trainer.data.dataset import Example
from trainer.data.shards import Shards
from trainer.network.model import Counter

_BATCH, _AHEAD = 32, 3


def infer(
    counter: Counter, examples: Sequence[Example], size: int, shards: Shards | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read frames as a station would, with the one resize and unvaried, and count them.

    Args:
        counter: in ``eval`` mode, on any device.
        examples: which images.
        size: side of the frames in pixels.
        shards: the examples' frames, where they have been decoded before.

    Returns:
        Logits float32 [n, 7], and the true quantities [n].

    Raises:
        InputError: an image cannot be read.
    """
    device = next(counter.parameters()).device
    frames_of = batches(examples, size) if shards is None else _stored(shards)
    with torch.inference_mode():
        logits = [counter(torch.from_numpy(frames).to(device)).float().cpu().numpy() for frames in frames_of]
    return np.concatenate(logits), np.array([example.quantity for example in examples])


def batches(examples: Sequence[Example], size: int) -> Iterator[Frame]:
    """Frames uint8 [≤ 32, size, size, 3] in order; the next batch is read while the caller works on this one."""
    starts = range(0, len(examples), _BATCH)
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[Future[Frame]] = deque()
        for start in starts:
            waiting.append(pool.submit(_read, examples[start : start + _BATCH], size))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _stored(shards: Shards) -> Iterator[Frame]:
    for start in range(0, len(shards), _BATCH):
        yield shards.take(range(start, min(start + _BATCH, len(shards))))


def _read(examples: Sequence[Example], size: int) -> Frame:
    return np.stack([resize(read_frame(Path(example.image)), (size, size)) for example in examples])
