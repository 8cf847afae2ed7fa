"""Which list leaves, and when."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bintally.errors import UsageError
from tests.warehouse.arrivals.samples import open_list
from warehouse.arrivals.lists import OpenList
from warehouse.arrivals.release import Patience, decide, most_saved, oldest, spare_s

PATIENT = Patience(full=0.8, hold_s=600.0, margin_s=60.0)


def late_if_begun(lists: list[OpenList], free_s: list[float], then_s: float) -> bool:
    """Whether a list is late if the pickers stand still until then: second by second is too slow, so list by list."""
    free = [max(then_s, time_s) for time_s in free_s]
    for one in sorted(lists, key=lambda one: one.begin_by_s):
        picker = int(np.argmin(free))
        if free[picker] > one.begin_by_s + 1e-9:
            return True
        free[picker] += one.time_s
    return False


def test_nothing_waits_so_nobody_leaves() -> None:
    assert decide([], [0.0], 5.0, PATIENT, oldest).chosen is None
    assert decide([], [0.0], 5.0, PATIENT, oldest).ask_again_s == math.inf


def test_an_idle_picker_waits_for_more_orders_until_the_first_one_was_held_long_enough() -> None:
    lists = [open_list(0, came_s=100.0), open_list(1, came_s=50.0)]
    waits = decide(lists, [0.0], 200.0, PATIENT, most_saved)
    assert (waits.chosen, waits.ask_again_s) == (None, 650.0)
    then = decide(lists, [0.0], 650.0, PATIENT, most_saved)
    assert (then.chosen, then.why) == (1, "held")


def test_a_full_list_leaves_at_once() -> None:
    decision = decide([open_list(0, came_s=0.0, fill=0.7), open_list(1, came_s=190.0, fill=0.9)], [0.0], 200.0, PATIENT, most_saved)
    assert (decision.chosen, decision.why) == (1, "full")


def test_a_full_list_that_saves_little_waits_for_better_orders() -> None:
    lists = [open_list(0, fill=1.0, share=0.6), open_list(1, fill=1.0, share=0.3)]
    assert decide(lists, [0.0], 10.0, PATIENT, most_saved, 0.4).chosen == 1
    assert decide(lists[:1], [0.0], 10.0, PATIENT, most_saved, 0.4).chosen is None


def test_of_full_lists_the_one_that_saves_most_leaves_or_the_oldest() -> None:
    lists = [open_list(0, came_s=50.0, fill=1.0, share=0.3), open_list(1, came_s=0.0, fill=1.0, share=0.5)]
    assert decide(lists, [0.0], 100.0, PATIENT, most_saved).chosen == 0
    assert decide(lists, [0.0], 100.0, PATIENT, oldest).chosen == 1


def test_a_list_that_would_be_late_leaves_before_one_that_saves_more() -> None:
    lists = [open_list(0, fill=1.0, share=0.1), open_list(1, fill=0.1, share=0.9, begin_by_s=250.0)]
    assert decide(lists, [0.0], 100.0, PATIENT, most_saved).chosen == 0
    urgent = decide(lists, [0.0], 200.0, PATIENT, most_saved)
    assert (urgent.chosen, urgent.why) == (1, "due")


def test_the_picker_is_asked_again_before_a_list_would_be_late() -> None:
    lists = [open_list(0, came_s=0.0, begin_by_s=400.0)]
    waits = decide(lists, [0.0], 100.0, PATIENT, most_saved)
    assert waits.chosen is None
    assert waits.ask_again_s == pytest.approx(340.0)
    assert decide(lists, [0.0], waits.ask_again_s, PATIENT, most_saved).why == "due"


def test_three_lists_that_are_due_together_leave_earlier_with_one_picker_than_with_three() -> None:
    lists = [open_list(number, time_s=100.0, begin_by_s=500.0) for number in range(3)]
    assert spare_s(lists, [0.0, 0.0, 0.0], 0.0) == 500.0
    assert spare_s(lists, [0.0], 0.0) == 300.0
    assert spare_s(lists, [0.0, 50.0], 0.0) == 400.0
    assert decide(lists, [0.0, 0.0, 0.0], 250.0, PATIENT, most_saved).chosen is None
    assert decide(lists, [0.0], 250.0, PATIENT, most_saved).why == "due"


def test_nobody_is_late_if_the_pickers_stand_still_for_no_longer_than_the_spare_time() -> None:
    rng = np.random.default_rng(3)
    ends = 0
    for _ in range(300):
        lists = [
            open_list(number, time_s=float(rng.uniform(50, 300)), begin_by_s=float(rng.uniform(300, 2500)))
            for number in range(int(rng.integers(1, 9)))
        ]
        free_s = [0.0, *rng.uniform(0, 400, int(rng.integers(3))).tolist()]
        spare = spare_s(lists, free_s, 0.0)
        if spare >= 0:
            assert not any(late_if_begun(lists, free_s, share * spare) for share in (0.0, 0.3, 0.7, 1.0))
            # while everybody is idle, it is exactly as long as it can be
            if len(free_s) == 1:
                assert late_if_begun(lists, free_s, spare + 1.0)
                ends += 1
        else:
            assert late_if_begun(lists, free_s, 0.0)
    assert ends > 30


@pytest.mark.parametrize("wrong", [{"full": 1.1}, {"full": math.nan}, {"hold_s": -1.0}, {"hold_s": math.inf}, {"margin_s": -0.5}])
def test_patience_out_of_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"0 to 1"):
        Patience(**wrong)
