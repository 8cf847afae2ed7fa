"""What the worker does, step by step, and how long it takes.

A solver gives a plan: the stands that the cart passes, one neighbour after the other, and the loops that are walked from each. The plan
is timed here, and nowhere else, from the problem's definition; every solver's own figure is compared with it.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warehouse.routing.cart.problem import CartProblem
from warehouse.routing.tour import Point, path_length_m, shortest_way


@dataclass(frozen=True)
class Visit:
    """The cart comes to a stand, or begins there.

    Attributes:
        stand: index of a stand.
        loops: the handfuls of each loop that is walked from there, in order.
    """

    stand: int
    loops: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Push:
    """The worker pushes the cart to a neighbouring intersection.

    Attributes:
        path: the walk, with the picks that are laid into the cart on the way.
        seconds: of pushing, and of picking.
    """

    path: tuple[Point, ...]
    seconds: float


@dataclass(frozen=True)
class Loop:
    """The worker leaves the cart, picks, and comes back to it.

    Attributes:
        path: the walk, with its picks; a place with more items than the hands hold is named in each loop that takes some of them.
        items: carried at the end.
        seconds: of walking, and of picking.
    """

    path: tuple[Point, ...]
    items: int
    seconds: float


@dataclass(frozen=True)
class Stay:
    """The cart is parked.

    Attributes:
        at: the intersection.
        loops: walked from here.
        seconds: to park, and of the loops.
    """

    at: Point
    loops: tuple[Loop, ...]
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """All that the worker does.

    Attributes:
        method: what made it: ``exact``, ``search``, or a policy's name.
        steps: in order.
        time_s: in all, with the ways from and to the depots.
        lower_bound_s: no schedule of this problem is faster.
        proven_optimal: none is faster than this one.
        pushed_m, walked_m: with and without the cart.
    """

    method: str
    steps: tuple[Push | Stay, ...]
    time_s: float
    lower_bound_s: float | None
    proven_optimal: bool
    pushed_m: float
    walked_m: float


def loop_names(schedule: Schedule) -> Iterator[str]:
    """Of all loops in order: A1, A2, B1, …; where the cart was parked before, the stand keeps its letter, and its loops are numbered on."""
    letters: dict[tuple[int, float], str] = {}
    walked: Counter[str] = Counter()
    for stay in (step for step in schedule.steps if isinstance(step, Stay)):
        letter = letters.setdefault((stay.at.column, stay.at.y_m), _letters(len(letters)))
        for _ in stay.loops:
            walked[letter] += 1
            yield f"{letter}{walked[letter]}"


def _letters(index: int) -> str:
    """A … Z, AA, AB, …"""
    rest, last = divmod(index, 26)
    return (_letters(rest - 1) if rest else "") + string.ascii_uppercase[last]


def schedule_of(
    problem: CartProblem, plan: Sequence[Visit], method: str, lower_bound_s: float | None = None, *, proven_optimal: bool = False
) -> Schedule:
    """Time a plan.

    Raises:
        ValueError: the plan is none: the cart jumps, hands hold too much, a handful is left out or taken twice, the end is no end.
    """
    clerk = _Clerk(problem)
    for index, visit in enumerate(plan):
        if not 0 <= visit.stand < problem.stands:
            raise ValueError(f"there is no stand {visit.stand}")
        if index:
            clerk.push(plan[index - 1].stand, visit.stand)
        clerk.stay(visit)
    return clerk.finished(plan, method, lower_bound_s, proven_optimal)


class _Clerk:
    """Writes down what was done, and takes each handful once."""

    def __init__(self, problem: CartProblem) -> None:
        self._problem = problem
        self._left = set(range(problem.handfuls))
        self._picked: set[int] = set()
        self._steps: list[Push | Stay] = []
        self._pushed_m = self._walked_m = 0.0

    def push(self, stand: int, to: int) -> None:
        problem = self._problem
        ways = [way for way in range(4) if problem.move_to[stand, way] == to]
        if not ways:
            raise ValueError(f"the cart jumps from stand {stand} to {to}")
        sub_aisle = int(problem.move_sub_aisle[stand, ways[0]])
        taken = [one for one in self._left if sub_aisle >= 0 and problem.sub_aisle[one] == sub_aisle]
        a, b = self._corner(stand), self._corner(to)
        taken.sort(key=lambda one: abs(float(problem.picks.y_m[problem.pick_of[one]]) - a.y_m))
        places = list(dict.fromkeys(int(problem.pick_of[one]) for one in taken))
        path = (a, *(self._point(pick) for pick in places), b)
        metres = path_length_m(problem.ladder, path)
        self._pushed_m += metres
        self._steps.append(Push(path, metres / problem.cart.push_m_s + self._take(taken)))

    def stay(self, visit: Visit) -> None:
        if not visit.loops:
            return
        if not self._problem.may_park[visit.stand]:
            raise ValueError(f"the cart may not be parked at stand {visit.stand}")
        at = self._corner(visit.stand)
        loops = tuple(self._loop(at, loop) for loop in visit.loops)
        self._steps.append(Stay(at, loops, self._problem.cart.park_s + sum(loop.seconds for loop in loops)))

    def _loop(self, at: Point, handfuls: Sequence[int]) -> Loop:
        problem = self._problem
        items = int(sum(problem.items[one] for one in handfuls))
        if not 0 < items <= problem.hands:
            raise ValueError(f"a loop takes {items} items, hands hold {problem.hands}")
        path = [at]
        for one in handfuls:
            path += shortest_way(problem.ladder, path[-1], self._point(int(problem.pick_of[one])))
        path += shortest_way(problem.ladder, path[-1], at)
        metres = path_length_m(problem.ladder, path)
        self._walked_m += metres
        return Loop(tuple(path), items, metres / problem.cart.walk_m_s + self._take(handfuls))

    def _take(self, handfuls: Sequence[int]) -> float:
        """Seconds of picking: each place is paid for once, by whoever comes first."""
        if not self._left.issuperset(handfuls) or len(set(handfuls)) < len(handfuls):
            raise ValueError(f"some of {list(handfuls)} were taken before")
        self._left.difference_update(handfuls)
        new = {int(self._problem.pick_of[one]) for one in handfuls} - self._picked
        self._picked |= new
        return len(new) * self._problem.cart.pick_s

    def finished(self, plan: Sequence[Visit], method: str, lower_bound_s: float | None, proven_optimal: bool) -> Schedule:
        problem = self._problem
        if self._left:
            raise ValueError(f"handfuls {sorted(self._left)} are left behind")
        if not problem.handfuls:
            return Schedule(method, (), 0.0, 0.0, proven_optimal=True, pushed_m=0.0, walked_m=0.0)
        ways_out = [float(problem.end_s[index]) for index, end in enumerate(problem.ends) if end == plan[-1].stand]
        if plan[0].stand != problem.start or not ways_out:
            raise ValueError("the plan does not begin at the start, or does not end at an end")
        out_s = problem.ladder.start.walk_m / problem.cart.push_m_s + min(ways_out)
        time_s = out_s + sum(step.seconds for step in self._steps)
        pushed_m = self._pushed_m + out_s * problem.cart.push_m_s
        return Schedule(method, tuple(self._steps), time_s, lower_bound_s, proven_optimal, pushed_m, self._walked_m)

    def _corner(self, stand: int) -> Point:
        problem = self._problem
        return Point(int(problem.columns[stand]), problem.ladder.y_m[problem.cross_aisles[stand]])

    def _point(self, pick: int) -> Point:
        picks = self._problem.picks
        return Point(int(picks.columns[pick]), float(picks.y_m[pick]), pick)
