"""Frames for training: varied, but the same ones for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Subset

from bintally.errors import InputError
from bintally.frames import Frame, read_frame, resize
from bintally.scenes import render_scene
from trainer.data.dataset import Example
from trainer.data.scan import scan
from trainer.frames import LabelledFrames, vary

SCENE = render_scene(5, 4).frame
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(32, 160))
def test_a_variation_depends_on_its_seed_alone(seed: int, size: int) -> None:
    def once() -> Frame:
        return vary(SCENE.copy(), np.random.default_rng(seed), size)

    assert np.array_equal(once(), once())


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 90), st.integers(1, 90), st.integers(32, 128))
def test_a_variation_has_the_shape_asked_for_and_stays_uint8(seed: int, height: int, width: int, size: int) -> None:
    frame = np.full((height, width, 3), 200, np.uint8)
    before = frame.copy()
    varied = vary(frame, np.random.default_rng(seed), size)
    assert varied.shape == (size, size, 3)
    assert varied.dtype == np.uint8
    assert np.array_equal(frame, before)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_a_variation_keeps_the_picture_recognisable(seed: int) -> None:
    """The middle of the bin stays the middle: no crop, turn or light change hides what is to be counted."""
    varied = vary(SCENE, np.random.default_rng(seed), 64)
    middle = varied[16:48, 16:48].astype(float)
    assert middle.std() > 3
    assert 0.4 * SCENE.mean() - 16 < varied.mean() < 1.5 * SCENE.mean() + 16


def test_other_seeds_give_other_variations() -> None:
    found = {vary(SCENE, np.random.default_rng(seed), 64).tobytes() for seed in range(20)}
    assert len(found) == 20


def test_without_variation_a_frame_is_the_one_that_the_agent_would_see(rendered: Path) -> None:
    examples = scan(rendered).examples
    frames = LabelledFrames(examples, 64)
    assert len(frames) == len(examples)
    for position, example in enumerate(examples):
        frame, label = frames[position]
        assert label == min(example.quantity, 6)
        assert np.array_equal(frame.numpy(), resize(read_frame(Path(example.image)), (64, 64)))


def test_a_frame_varies_alike_alone_in_a_batch_and_in_a_worker(rendered: Path) -> None:
    """So a run that was resumed sees what it would have seen."""
    frames = LabelledFrames(scan(rendered).examples, 48, vary=(1, 2))
    order = [7, 3, 0, 11]
    in_worker = torch.cat([batch for batch, _ in DataLoader(Subset(frames, order), 2, num_workers=1, timeout=120)])
    assert torch.equal(in_worker, torch.stack([frames[position][0] for position in order]))


def test_epochs_vary_differently(rendered: Path) -> None:
    examples = scan(rendered).examples
    assert not torch.equal(LabelledFrames(examples, 48, vary=(1, 2))[0][0], LabelledFrames(examples, 48, vary=(1, 3))[0][0])


def test_an_image_that_went_away_is_named(tmp_path: Path) -> None:
    gone = Example("1", str(tmp_path / "gone.jpg"), 1, "1", "train")
    with pytest.raises(InputError, match=r"gone\.jpg"):
        LabelledFrames([gone], 48)[0]
