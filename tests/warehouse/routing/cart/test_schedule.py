import dataclasses
from collections.abc import Sequence

import pytest

from bintally.layouts import Cart, Ladder, PickList, Place, Shelf, Ways
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.schedule import Push, Stay, Visit, schedule_of
from warehouse.routing.tour import Point

START = Place(0, 0, 1.0)
LADDER = Ladder(
    (0.0, 4.0, 8.0), (0.0, 10.0), start=START, ends=(START, Place(2, 0, 3.0)), aisles=(True, True, True), ways=Ways((0, 0, 0), (0, 0))
)
PICKS = PickList.of(
    LADDER, [(Shelf("a", 0, 0, 2.0), 1), (Shelf("b", 1, 0, 3.0), 5), (Shelf("c", 1, 0, 4.0), 1), (Shelf("d", 2, 0, 9.0), 1)]
)
CART = Cart(walk_m_s=2.0, push_m_s=1.0, hands=3, park_s=3.0, pick_s=5.0)
PROBLEM = cart_problem(LADDER, PICKS, CART)
# handfuls: a, three of b, two of b, c, d; stands: two a column, the front one first
A, B3, B2, C, D = range(5)
LOOPS = [Visit(0, ((A,),)), Visit(2, ((B3,), (B2, C))), Visit(4, ((D,),))]


def timed_s(plan: Sequence[Visit], problem: CartProblem = PROBLEM) -> float:
    return schedule_of(problem, plan, "test").time_s


def test_loops_and_moves_take_what_is_worked_out_by_hand() -> None:
    schedule = schedule_of(PROBLEM, LOOPS, "test", 40.0)
    parking = 3 * 3.0
    picking = 4 * 5.0
    walking = (4 + 6 + 8 + 18) / 2.0
    pushing = (4 + 4) / 1.0
    assert schedule.time_s == pytest.approx(1.0 + parking + picking + walking + pushing + 3.0)
    assert schedule.walked_m == pytest.approx(36.0)
    assert schedule.pushed_m == pytest.approx(1.0 + 8.0 + 3.0)
    assert (schedule.method, schedule.lower_bound_s, schedule.proven_optimal) == ("test", 40.0, False)


def test_steps_come_in_order_with_their_own_times() -> None:
    steps = schedule_of(PROBLEM, LOOPS, "test").steps
    assert [type(step) for step in steps] == [Stay, Push, Stay, Push, Stay]
    # the place of b is paid for by the loop that comes first
    assert [step.seconds for step in steps] == pytest.approx([3 + 2 + 5, 4, 3 + (3 + 5) + (4 + 5), 4, 3 + 9 + 5])
    stay = steps[2]
    assert isinstance(stay, Stay)
    assert stay.at == Point(1, 0.0)
    assert [loop.items for loop in stay.loops] == [3, 3]
    assert stay.loops[1].path == (Point(1, 0.0), Point(1, 3.0, 1), Point(1, 4.0, 2), Point(1, 0.0))


def test_a_push_through_an_aisle_lays_all_its_picks_into_the_cart() -> None:
    plan = [Visit(stand) for stand in (0, 1, 3, 2, 4, 5, 4)]
    schedule = schedule_of(PROBLEM, plan, "test")
    assert schedule.time_s == pytest.approx(1.0 + (10 + 4 + 10 + 4 + 10 + 10) + 4 * 5.0 + 3.0)
    down = schedule.steps[2]
    assert isinstance(down, Push)
    assert [point.pick for point in down.path] == [None, 2, 1, None]
    assert down.seconds == pytest.approx(10 + 2 * 5.0)


def test_what_was_taken_by_a_loop_is_not_paid_for_again() -> None:
    plan = [Visit(0, ((A,),)), Visit(2, ((B3,),)), Visit(3), Visit(5), Visit(4)]
    assert timed_s(plan) == pytest.approx(1.0 + (3 + 2 + 5) + 4 + (3 + 3 + 5) + (10 + 5) + 4 + (10 + 5) + 3.0)


def test_the_nearer_of_two_drop_offs_at_one_stand_is_taken() -> None:
    ladder = dataclasses.replace(LADDER, ends=(Place(2, 0, 9.0), Place(2, 0, 3.0)))
    assert timed_s(LOOPS, cart_problem(ladder, PICKS, CART)) == pytest.approx(timed_s(LOOPS))


def test_an_empty_list_takes_no_time() -> None:
    schedule = schedule_of(cart_problem(LADDER, PickList.of(LADDER, []), CART), [], "test")
    assert (schedule.time_s, schedule.steps, schedule.proven_optimal) == (0.0, (), True)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([LOOPS[0], LOOPS[2]], "the cart jumps from stand 0 to 4"),
        ([LOOPS[0], Visit(0), *LOOPS[1:]], "the cart jumps from stand 0 to 0"),
        ([*LOOPS, Visit(-1)], "there is no stand -1"),
        ([*LOOPS, Visit(6)], "there is no stand 6"),
        (LOOPS[:2], r"handfuls \[4\] are left behind"),
        ([], "are left behind"),
        ([Visit(2, ((A,), (B3,), (B2, C))), LOOPS[2]], "does not begin at the start"),
        ([*LOOPS, Visit(2)], "does not end at an end"),
        ([Visit(0, ((A,), (A,))), *LOOPS[1:]], "were taken before"),
        ([Visit(0, ((A, A),)), *LOOPS[1:]], "were taken before"),
        ([LOOPS[0], Visit(2, ((B3, B2, C),)), LOOPS[2]], "takes 6 items, hands hold 3"),
        ([Visit(0, ((A,), ())), *LOOPS[1:]], "takes 0 items"),
        ([Visit(0), Visit(1, ((A,),)), Visit(3), Visit(5), Visit(4)], "were taken before"),
    ],
)
def test_a_plan_that_is_none_is_refused(plan: list[Visit], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        schedule_of(PROBLEM, plan, "test")


def test_parking_between_aisles_is_refused() -> None:
    ladder = dataclasses.replace(LADDER, aisles=(True, False, True))
    problem = cart_problem(ladder, PickList.of(ladder, [(Shelf("d", 2, 0, 9.0), 1)]), CART)
    with pytest.raises(ValueError, match="may not be parked at stand 2"):
        schedule_of(problem, [Visit(0), Visit(2, ((0,),)), Visit(4)], "test")
