"""The figure of the promise: on rendered video, at least 98 % of settled states are counted once and once only, none while moving.

The counter here is a fake, because the figure is about moments, not about quantities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby

import cv2
import numpy as np
import pytest

from agent.counting.watcher import BinWatcher, WatchRules
from bintally.frames import Frame, decode_frame
from bintally.scenes import Moment, render_sequence
from bintally.scenes._bins import draw_hand

Distort = Callable[[Frame, int], Frame]
RULES = WatchRules(settle_s=0.5, heartbeat_s=900, frames=3, abstain_below=0.6)
FRAMES_PER_S = 10
ANSWER: np.ndarray = np.eye(7, dtype=np.float32)[0]


def _plain(frame: Frame, _: int) -> Frame:
    return frame


def _motion_jpeg(frame: Frame, _: int) -> Frame:
    return decode_frame(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes(), "frame")


def _flicker(frame: Frame, number: int) -> Frame:
    """A lamp that flickers by 6 %, and puts bands of 2 % into the picture."""
    lines = np.arange(frame.shape[0], dtype=np.float32)[:, None, None] / frame.shape[0]
    gain = 1 + 0.06 * np.sin(2.1 * number) + 0.02 * np.sin(12 * lines + 1.3 * number)
    seen: Frame = np.clip(frame * gain, 0, 255).astype(np.uint8)
    return seen


def _watch(moments: Iterable[Moment], distort: Distort = _plain) -> Counter[str]:
    """Count each settled state's counts, and the counter's runs on frames with a hand."""
    found: Counter[str] = Counter()
    now: list[Moment] = []

    def count(_: Frame) -> np.ndarray:
        found["run while moving"] += now[-1].quantity is None
        return ANSWER

    watcher = BinWatcher(count, RULES, 6)
    number = 0
    for state, group in groupby(moments, key=lambda moment: moment.quantity is not None):
        counts = 0
        for moment in group:
            now.append(moment)
            number += 1
            counts += watcher.see(distort(moment.frame, number), number / FRAMES_PER_S) is not None
        found[("missed", "once", "again")[min(counts, 2)] if state else "counted while moving"] += 1 if state else counts
    return found


def _figure(seeds: range, distort: Distort) -> float:
    found = sum((_watch(render_sequence(seed), distort) for seed in seeds), Counter())
    print(distort.__name__, dict(found))
    assert found["run while moving"] == found["counted while moving"] == 0
    states = found["once"] + found["missed"] + found["again"]
    assert states == 7 * len(seeds)
    return found["once"] / states


def test_settled_states_are_counted_once_and_moving_ones_never() -> None:
    assert _watch(render_sequence(3, changes=1), _flicker) == Counter({"once": 2})


@pytest.mark.long
@pytest.mark.parametrize("distort", [_plain, _motion_jpeg, _flicker])
def test_of_many_settled_states_98_in_100_are_counted_once(distort: Distort) -> None:
    assert _figure(range(100, 112), distort) >= 0.98


@pytest.mark.parametrize("reach", [0.6, 1.0])
def test_a_hand_that_is_held_still_in_the_bin_is_not_counted(reach: float) -> None:
    rest = next(iter(render_sequence(8, changes=0))).frame.astype(np.float32)
    picture, cover = draw_hand(np.random.default_rng(2), reach, rest.shape[1], rest.shape[0])
    with_hand = rest + (picture - rest) * cover[..., None]
    rng = np.random.default_rng(0)
    moments = [
        Moment(np.clip(seen + rng.standard_normal(seen.shape, np.float32) * 3, 0, 255).astype(np.uint8), quantity)
        for seen, quantity, frames in ((rest, 1, 12), (with_hand, None, 40), (rest, 1, 12))
        for _ in range(frames)
    ]
    assert _watch(moments) == Counter({"once": 2})
