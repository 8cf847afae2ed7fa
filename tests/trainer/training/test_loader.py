"""Batches: which examples an epoch takes, and that every step sees the same ones however it was come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.data.prepare import load
from trainer.data.shards import Shards
from trainer.training.loader import Batch, Loader, epoch_order
from trainer.training.settings import TrainSettings

SETTINGS = TrainSettings(batch_size=4, seed=3, erase=0.5)
SIDE = 32
CPU = torch.device("cpu")


@pytest.fixture
def loader(tmp_path: Path, rendered: Path) -> Loader:
    examples = load(rendered).examples
    return Loader(examples, Shards(tmp_path, examples, SIDE), SETTINGS, CPU)


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_an_epoch_takes_every_example_once_in_another_order_each_time() -> None:
    first, second = (epoch_order([10, 30], SETTINGS, epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(40))
    assert list(first) != list(second)
    assert np.array_equal(first, epoch_order([10, 30], SETTINGS, 0))


def test_shares_decide_how_much_each_data_set_contributes() -> None:
    order = epoch_order([10, 1000], replace(SETTINGS, images=100, shares=(1.0, 3.0)), 0)
    taken = Counter(int(row) for row in order)
    assert len(order) == 100
    assert sum(number for row, number in taken.items() if row < 10) == 25
    assert {number for row, number in taken.items() if row < 10} == {2, 3}  # again only after all others
    assert max(number for row, number in taken.items() if row >= 10) == 1


def test_a_data_set_without_a_share_is_not_taken() -> None:
    assert set(epoch_order([5, 5], replace(SETTINGS, images=8, shares=(0.0, 1.0)), 2)) == {5, 6, 7, 8, 9}


@pytest.mark.parametrize("shares", [(1.0, 1.0, 1.0), (0.1, 0.2, 0.7)])
def test_shares_that_do_not_divide_still_give_all_images(shares: tuple[float, ...]) -> None:
    assert len(epoch_order([7, 7, 7], replace(SETTINGS, images=17, shares=shares), 0)) == 17


def test_batches_hold_what_the_examples_hold(loader: Loader, rendered: Path) -> None:
    examples = load(rendered).examples
    order = np.arange(12)
    batches = list(loader.batches(order, 0))
    assert [batch.frames.shape for batch in batches] == [(4, SIDE, SIDE, 3)] * 3
    assert torch.cat([batch.quantities for batch in batches]).tolist() == [example.quantity for example in examples]
    assert all(bool(batch.placed.all()) for batch in batches)
    items = torch.cat([(~batch.centres.isnan()).all(2).sum(1) for batch in batches])
    assert items.tolist() == [example.quantity for example in examples]


def test_a_short_last_batch_is_left_out(loader: Loader) -> None:
    assert len(list(loader.batches(np.arange(11), 0))) == 2


def test_a_resumed_epoch_goes_on_with_the_very_next_batch(loader: Loader) -> None:
    order = np.random.default_rng(0).permutation(12)
    whole, rest = list(loader.batches(order, 4)), list(loader.batches(order, 4, first_step=1))
    assert len(rest) == 2
    assert all(same(one, other) for one, other in zip(whole[1:], rest, strict=True))
    assert not same(whole[1], list(loader.batches(order, 5))[1])


def test_processes_share_each_batch_without_overlap(tmp_path: Path, rendered: Path, loader: Loader) -> None:
    examples = load(rendered).examples
    shards = Shards(tmp_path, examples, SIDE)
    parts = [Loader(examples, shards, SETTINGS, CPU, rank, 2) for rank in (0, 1)]
    order = np.arange(12)
    for whole, *halves in zip(*(one.batches(order, 0) for one in (loader, *parts)), strict=True):
        assert torch.equal(whole.frames[0::2], halves[0].frames)
        assert torch.equal(whole.frames[1::2], halves[1].frames)


def test_a_loader_that_is_left_early_ends_its_threads(loader: Loader) -> None:
    import threading

    before = threading.active_count()
    batches = loader.batches(np.arange(12), 0)
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # a generator
    assert threading.active_count() == before
