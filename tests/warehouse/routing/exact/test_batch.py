"""The lengths of many lists at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import InputError, UsageError
from bintally.layouts import Ladder, PickList, Place
from bintally.layouts.generate import regular_ladder
from tests.warehouse.routing.exact.reference import KINDS, list_at, random_ladder, random_list
from warehouse.routing.compiled import compiled
from warehouse.routing.exact.batch import PackedLists, optimal_lengths_m, pack
from warehouse.routing.exact.solve import optimal_length_m, sweep_of
from warehouse.routing.exact.sweep import Floats, Ints, Sweep, shortest_m, workspace


def _lists(ladder: Ladder, seed: int, count: int = 60) -> list[PickList]:
    rng = np.random.default_rng(seed)
    return [random_list(rng, ladder, int(rng.integers(0, 15))) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_each_list_gives_alone_with_any_number_of_threads(kind: str) -> None:
    ladder = random_ladder(np.random.default_rng(1), 4, kind)
    lists = _lists(ladder, 2)
    alone = [optimal_length_m(ladder, picks) for picks in lists]
    assert not all(alone)  # an empty list is among them
    for threads in (1, 3, 100, None):
        assert optimal_lengths_m(ladder, pack(lists), threads).tolist() == alone


def test_a_longer_list_leaves_nothing_behind_for_the_next() -> None:
    ladder = replace(regular_ladder(8, 4, depot=3), ends=(Place(3, 0), Place(7, 2), Place(0, 3)))
    lists = _lists(ladder, 3)
    there, back = optimal_lengths_m(ladder, pack(lists), 1), optimal_lengths_m(ladder, pack(lists[::-1]), 1)
    assert there.tolist() == back[::-1].tolist()


def test_no_lists_have_no_lengths() -> None:
    ladder = regular_ladder(3, 2)
    assert optimal_lengths_m(ladder, pack([])).tolist() == []
    assert optimal_lengths_m(ladder, pack([list_at(ladder, [])] * 3)).tolist() == [0.0, 0.0, 0.0]


@compiled
def _sum_m(sweep: Sweep, first: Ints, columns: Ints, blocks: Ints, y_m: Floats) -> float:
    work = workspace(sweep, 2)
    total = 0.0
    for number in range(len(first) - 1):
        total += shortest_m(sweep, columns, blocks, y_m, first[number], first[number + 1], work)
    return total


def test_other_compiled_code_may_ask_for_lengths() -> None:
    ladder = regular_ladder(5, 3)
    lists = pack(_lists(ladder, 4, 20))
    asked = _sum_m(sweep_of(ladder), lists.first, lists.columns, lists.blocks, lists.y_m)
    assert asked == pytest.approx(optimal_lengths_m(ladder, lists).sum())


def test_arrays_of_other_kinds_are_taken() -> None:
    ladder = regular_ladder(5, 3)
    lists = pack(_lists(ladder, 5))
    other = PackedLists(
        lists.first.astype(np.int32), lists.columns.astype(np.int16), lists.blocks.astype(np.uint8), np.repeat(lists.y_m, 2)[::2]
    )
    assert optimal_lengths_m(ladder, other).tolist() == optimal_lengths_m(ladder, lists).tolist()


def test_a_list_that_is_not_sorted_is_named() -> None:
    columns, y_m = np.array([3, 0, 1, 0]), np.array([1.0, 1.0, 1.0, 1.0])
    with pytest.raises(InputError, match="list 1 is not sorted by column and y from its pick 2 on"):
        PackedLists(np.array([0, 1, 4]), columns, np.zeros(4, np.int64), y_m)
    with pytest.raises(InputError, match="list 2 is not sorted by column and y from its pick 1 on"):
        PackedLists(np.array([0, 0, 0, 2]), np.zeros(2, np.int64), np.zeros(2, np.int64), np.array([2.0, 1.0]))
    sorted_within = PackedLists(np.array([0, 0, 1, 2, 4, 4]), np.array([3, 2, 1, 1]), np.zeros(4, np.int64), np.array([1.0, 1.0, 0.0, 1.0]))
    assert len(sorted_within) == 5


@pytest.mark.parametrize("first", [[], [1, 4], [0, 3], [0, 3, 2, 4]])
def test_bounds_that_do_not_fit_are_refused(first: list[int]) -> None:
    with pytest.raises(InputError, match="packed lists must begin at 0"):
        PackedLists(np.array(first, np.int64), np.zeros(4, np.int64), np.zeros(4, np.int64), np.zeros(4))


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="4 columns, 3 blocks and 4 positions"):
        PackedLists(np.array([0, 4]), np.zeros(4, np.int64), np.zeros(3, np.int64), np.zeros(4))


def test_picks_outside_the_ladder_and_no_threads_are_refused() -> None:
    ladder = regular_ladder(3, 2)
    lists = pack([list_at(regular_ladder(9, 2), [(8, 0, 1.0)])])
    with pytest.raises(InputError, match="column 8, block 0 at 1 m"):
        optimal_lengths_m(ladder, lists)
    with pytest.raises(UsageError, match="0 threads"):
        optimal_lengths_m(ladder, pack([]), 0)
