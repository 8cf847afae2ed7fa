"""Turns, lateness and cuts, beside plain references."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.pick.batch.cuts import Cut, Score, best_cuts, possible_cuts, sections
from warehouse.pick.batch.groups import Section
from warehouse.pick.batch.schedule import Batch, lateness_s, turns

INF = math.inf


def batch(time_s: float, due_s: float = INF, orders: tuple[int, ...] = ()) -> Batch:
    return Batch(None, None, orders, 0.0, time_s, due_s)


def test_whoever_is_free_takes_what_is_due_first() -> None:
    found = turns([batch(50), batch(30, 200), batch(10, 100), batch(5, 200)], 2, 1000)
    assert [(turn.picker, turn.begins_s, turn.ends_s) for turn in found] == [
        (0, 1015, 1065),
        (1, 1000, 1030),
        (0, 1000, 1010),
        (0, 1010, 1015),
    ]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), max_size=12), st.integers(1, 4))
def test_turns_are_those_of_a_clock_that_ticks(drawn: list[tuple[int, int]], pickers: int) -> None:
    batches = [batch(time_s, due_s) for time_s, due_s in drawn]
    waiting = sorted(range(len(batches)), key=lambda number: (drawn[number][1], number))
    busy_until, expected = [0] * pickers, dict[int, tuple[int, int]]()
    for now in range(1000):
        for picker in range(pickers):
            if busy_until[picker] <= now and waiting:
                number = waiting.pop(0)
                busy_until[picker] = now + drawn[number][0]
                expected[number] = (now, busy_until[picker])
    found = turns(batches, pickers, 0)
    assert {number: (turn.begins_s, turn.ends_s) for number, turn in enumerate(found)} == expected
    for one, other in itertools.combinations(found, 2):
        assert one.picker != other.picker or one.ends_s <= other.begins_s or other.ends_s <= one.begins_s


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 60)), min_size=1, max_size=6))
def test_one_picker_is_never_later_than_in_the_best_of_all_sequences(drawn: list[tuple[int, int]]) -> None:
    batches = [batch(time_s, due_s) for time_s, due_s in drawn]
    worst = max(turn.ends_s - one.due_s for turn, one in zip(turns(batches, 1, 0), batches, strict=True))
    for sequence in itertools.permutations(drawn):
        ends = itertools.accumulate(time_s for time_s, _ in sequence)
        assert worst <= max(end - due for end, (_, due) in zip(ends, sequence, strict=True))


def test_an_order_is_late_by_its_last_part() -> None:
    batches = [batch(10, 8, (0, 1)), batch(20, 15, (1,)), batch(5, 100, (2,))]
    assert lateness_s(batches, turns(batches, 2, 0), [8, 15, 100]) == {0: 2, 1: 5}
    assert lateness_s([batch(10.0000001, 10, (0,))], turns([batch(10.0000001, 10)], 1, 0), [10]) == {}


def test_cuts_lie_between_due_times() -> None:
    assert possible_cuts([[30, 10, 10, INF], [5], [7, 9]]) == [(0, 10), (0, 30), (2, 7)]
    assert sections(2, [(0, 30), (0, 10)]) == [Section(0, -INF, 10), Section(0, 10, 30), Section(0, 30, INF), Section(1, -INF, INF)]


def test_of_many_due_times_the_smallest_neighbours_stay_together() -> None:
    due_s = [[10] * 5 + [20] + [30] * 2 + [40] * 6, [1, 2]]
    assert possible_cuts(due_s, 4) == [(0, 10), (0, 20), (0, 30), (1, 1)]
    assert possible_cuts(due_s, 3) == [(0, 10), (0, 20), (0, 30)]
    assert possible_cuts(due_s, 2) == [(0, 10), (0, 30)]
    assert possible_cuts(due_s, 1) == [(0, 30)]
    unique = possible_cuts([list(range(1000))], 9)
    assert len(unique) == 9
    assert max(b - a for (_, a), (_, b) in itertools.pairwise(unique)) <= 200


@given(st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_the_best_cuts_are_those_of_all_ways_to_cut(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # no secret
    possible: list[Cut] = [(0, float(time_s)) for time_s in range(draw.randint(0, 5))]
    scores: dict[tuple[Cut, ...], Score] = {
        cuts: (draw.choice([0, 0, 1, 2]) if draw.random() < 0.3 else 3, draw.random())
        for number in range(len(possible) + 1)
        for cuts in itertools.combinations(possible, number)
    }

    def score(cuts: Sequence[Cut]) -> Score:
        return scores[tuple(cuts)]

    on_time = [cuts for cuts, (late_s, _) in scores.items() if late_s == 0]
    if on_time:
        fewest = min(map(len, on_time))
        expected = min((cuts for cuts in on_time if len(cuts) == fewest), key=scores.__getitem__)
    else:
        expected = min(scores, key=scores.__getitem__)
    assert best_cuts(possible, score) == expected


def test_a_choice_that_is_stopped_keeps_the_best_so_far() -> None:
    asked: list[tuple[Cut, ...]] = []

    def score(cuts: Sequence[Cut]) -> Score:
        asked.append(tuple(cuts))
        return 10.0 - len(asked), 0.0

    assert best_cuts([(0, 1.0), (0, 2.0), (0, 3.0)], score, lambda: len(asked) < 3) == ((0, 2.0),)
    assert len(asked) == 3


@pytest.mark.parametrize("pickers", [1, 3])
def test_nothing_to_walk_takes_no_turn(pickers: int) -> None:
    assert turns([], pickers, 0) == []
